/** Package files that the admin gave by path or URL: each becomes a request that is pinned by its digest. */
import { join } from 'node:path/posix';
import { isChecksum, ParseError, RefusedError, sha256Hex, UsageError, utf8 } from '../base/index.ts';
import { downloadFile, inspectIpk } from '../ipk/index.ts';
import { exists, mkdirp } from '../sys/index.ts';
import type { Environment } from './environment.ts';
import { readTreeState } from './installed.ts';
import { downloadFolder, type LocalFile } from './obtain.ts';
import { readFeedConfig } from './opkg-config.ts';
import { requireDeployment, type Session } from './session.ts';
import type { LocalRequest } from './wish.ts';

/** True for what opkg takes for a file or URL: the ending decides (opkg.md section 1), a URL's fragment apart. */
export function isPackageFile(text: string): boolean {
  return isUrl(text) || /\.(?:ipk|opk|deb)$/u.test(text);
}

function isUrl(text: string): boolean {
  return /^https?:\/\//u.test(text);
}

/** What is taken on trust. */
export interface Trust {
  /** Accept a URL without a digest. */
  readonly allowUnsigned: boolean;
}

/** Reads the control part of the files that the admin gave; each becomes a request that is pinned by its digest. */
export async function readLocalFiles(
  session: Session,
  files: readonly string[],
  trust: Trust,
  env: Environment,
): Promise<LocalFile[]> {
  const found: LocalFile[] = [];
  for (const file of files) {
    const path = isUrl(file) ? await fetchPackage(session, file, trust, env) : localFile(file);
    const { record, sha256, size } = await inspectFile(file, path);
    found.push({ ...record, origin: { kind: 'local', path }, sha256, size });
  }
  return found;
}

/** The control part of a package file; an error in it names the file. */
async function inspectFile(name: string, path: string) {
  try {
    return await inspectIpk(path);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new ParseError(error.code, `${name}: ${error.message}`, {
      cause: error,
      hint: 'the file is damaged or no opkg package: fetch it again',
      details: error.details,
    });
  }
}

function localFile(path: string): string {
  if (exists(path)) return path;
  throw new UsageError('USAGE', `there is no file ${path}`, {
    hint: 'a name without .ipk is looked up in the feeds',
  });
}

async function fetchPackage(session: Session, text: string, trust: Trust, env: Environment): Promise<string> {
  const [url = '', fragment = ''] = text.split('#');
  const digest = fragment.startsWith('sha256=') ? fragment.slice('sha256='.length).toLowerCase() : '';
  if (digest === '' && !trust.allowUnsigned) {
    throw new RefusedError('UNTRUSTED_URL', `nothing vouches for ${url}`, {
      hint: 'add #sha256=DIGEST to the URL, or give --allow-unsigned',
    });
  }
  if (digest !== '' && !isChecksum(digest))
    throw new UsageError('USAGE', `'${digest}' is not a SHA-256 digest`);
  const { repo } = session.sysroot;
  mkdirp(downloadFolder(repo), 0o700);
  const path = join(downloadFolder(repo), `${sha256Hex(utf8(text))}.ipk`);
  const { base } = readTreeState(repo, requireDeployment(session).checksum);
  const { transfer } = readFeedConfig(session, base);
  await downloadFile(
    { url, path, ...(digest !== '' && isChecksum(digest) ? { sha256: digest } : {}) },
    env,
    transfer,
  );
  return path;
}

/** The request for exactly this file. */
export function localRequest({ name, version, architecture, sha256 }: LocalFile): LocalRequest {
  return { name, version, architecture, sha256 };
}
