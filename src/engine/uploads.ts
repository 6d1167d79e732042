/**
 * Package files that a browser brings. They are written by another program (cgi-io) to the one path that its access rules
 * name, taken from there into a folder that only we write to, and called by their SHA-256 from then on.
 */
import { join } from 'node:path/posix';
import { isChecksum, ParseError, RefusedError } from '../base/index.ts';
import { inspectIpk } from '../ipk/index.ts';
import {
  chmod,
  lstat,
  lstatIfExists,
  mkdirp,
  readdirIfExists,
  removeTree,
  rename,
  runFolder,
} from '../sys/index.ts';

/** Bytes of an uploaded package: it lies in memory, as all of /tmp does. */
const maxUpload = 64 << 20;
/** Taken uploads that are kept. */
const keptUploads = 4;

/** Where an upload is to be written, and how many bytes of it are taken. */
export interface UploadPlace {
  readonly path: string;
  readonly 'max-bytes': number;
}

/** What was uploaded. */
export interface UploadedPackage {
  /** The SHA-256 of the file: what `uploadedFile` finds it by. */
  readonly token: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly size: number;
}

function incomingFolder(): string {
  return join(runFolder(), 'upload');
}

function takenFolder(): string {
  return join(runFolder(), 'uploads');
}

function incomingFile(): string {
  return join(incomingFolder(), 'package.ipk');
}

/** Makes room for an upload: what an earlier one left there is dropped. */
export function prepareUpload(): UploadPlace {
  removeTree(incomingFolder());
  mkdirp(incomingFolder(), 0o700);
  return { path: incomingFile(), 'max-bytes': maxUpload };
}

/** Takes the file that was uploaded; ParseError where it is no package, UPLOAD_UNKNOWN where nothing was. */
export async function takeUpload(): Promise<UploadedPackage> {
  const found = lstatIfExists(incomingFile());
  if (found === undefined || !found.isFile() || found.nlink !== 1) throw unknownUpload();
  const folder = takenFolder();
  mkdirp(folder, 0o700);
  const private_ = join(folder, '.next.ipk');
  // From here on nobody else can reach it by its name.
  rename(incomingFile(), private_);
  try {
    if (found.size > maxUpload)
      throw new RefusedError('IPK_TOO_LARGE', `the file is larger than ${maxUpload} bytes`, {
        hint: "copy it to the router and run 'opkg-ostree install FILE'",
      });
    chmod(private_, 0o600);
    const { record, sha256, size } = await inspectIpk(private_);
    rename(private_, join(folder, `${sha256}.ipk`));
    dropOld(folder);
    const { name, version, architecture } = record;
    return { token: sha256, name, version, architecture, size };
  } catch (thrown) {
    removeTree(private_);
    if (!(thrown instanceof ParseError)) throw thrown;
    throw new ParseError(thrown.code, `the uploaded file: ${thrown.message}`, {
      cause: thrown,
      hint: 'it is damaged or no opkg package',
      details: thrown.details,
    });
  }
}

/** The path of a taken upload; UPLOAD_UNKNOWN where there is none by that token. */
export function uploadedFile(token: string): string {
  const path = join(takenFolder(), `${token}.ipk`);
  if (!isChecksum(token) || lstatIfExists(path)?.isFile() !== true) throw unknownUpload();
  return path;
}

function unknownUpload(): RefusedError {
  return new RefusedError('UPLOAD_UNKNOWN', 'there is no such upload', {
    hint: 'upload the package again: a restart and later uploads drop it',
  });
}

function dropOld(folder: string): void {
  const files = readdirIfExists(folder)
    .map((name) => ({ path: join(folder, name), time: lstat(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time);
  for (const { path } of files.slice(keptUploads)) removeTree(path);
}
