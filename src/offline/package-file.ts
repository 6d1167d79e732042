/** A package file: what it says, which paths it brings, and its content onto the disk. */
import { fileStream, type IpkEntry, inspectIpk, readIpk } from '../ipk/index.ts';
import { byteText, toByteText, toPath } from './messages.ts';

/** A member of the control archive. */
interface Member {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** What was read of a package file. All paths are text of bytes. */
export interface PackageFile {
  readonly path: string;
  readonly members: readonly Member[];
  /** The lines of the member conffiles, absolute. */
  readonly conffiles: readonly string[];
  /** Everything but directories, without a leading slash, in the archive's order. */
  readonly names: readonly string[];
}

/** Reads what a package says about itself: its control file as text of bytes. ParseError, SystemError. */
export async function readControlOf(path: string): Promise<string> {
  return byteText((await inspectIpk(toPath(path))).controlBytes);
}

/** Reads all of the package but the files' content. ParseError for what may not be installed; SystemError. */
export async function openPackageFile(path: string): Promise<PackageFile> {
  const names: string[] = [];
  const meta = await readIpk(fileStream(toPath(path)), {
    entry(entry) {
      if (entry.type !== 'directory') names.push(toByteText(entry.path));
      return drain(entry);
    },
  });
  const mode = (name: string) => meta.memberModes.get(name) ?? 0o644;
  return {
    path,
    members: [
      { name: 'control', bytes: meta.controlBytes, mode: mode('control') },
      ...[...meta.members].map(([name, bytes]) => ({ name, bytes, mode: mode(name) })),
    ],
    conffiles: meta.conffiles.map(toByteText),
    names,
  };
}

async function drain(entry: IpkEntry): Promise<void> {
  if (entry.type !== 'file') return;
  for await (const piece of entry.content) void piece;
}

/** Hands out the data archive's entries in its order. */
export async function eachEntry(
  path: string,
  take: (entry: IpkEntry) => Promise<void> | void,
): Promise<void> {
  await readIpk(fileStream(toPath(path)), { entry: take });
}
