import { join } from 'node:path/posix';
import { isChecksum, ParseError, RefusedError, sha256Hex, UsageError, utf8 } from '../base/index.ts';
import { carryOrigin } from '../boot/index.ts';
import { downloadFile, inspectIpk } from '../ipk/index.ts';
import { exists, mkdirp } from '../sys/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change } from './change.ts';
import type { Environment } from './environment.ts';
import { readTreeState } from './installed.ts';
import { downloadFolder, type LocalFile } from './obtain.ts';
import { readFeedConfig } from './opkg-config.ts';
import { requireDeployment, type Session, type Where } from './session.ts';
import { addRequests, dropRequests, type LocalRequest, parseName, parseRequest } from './wish.ts';

export interface InstallRequest extends ChangeOptions {
  /** NAME, NAME=VERSION, FILE.ipk, or a URL. */
  readonly requests: readonly string[];
  /** Requests to drop in the same transaction. */
  readonly uninstall: readonly string[];
  readonly idempotent: boolean;
  /** Accept a URL without a digest. */
  readonly allowUnsigned: boolean;
}

/** Layers packages on the base of the merge deployment; names are looked up in the newest feed snapshot. */
export function install(env: Environment, where: Where, request: InstallRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const deployment = requireDeployment(session);
    const files = request.requests.filter(isPackageFile);
    const names = request.requests.filter((text) => !isPackageFile(text)).map(parseRequest);
    const local = await readLocal(session, files, request, env);
    const dropped = dropRequests(carryOrigin(deployment.origin), request.uninstall.map(parseName), {
      idempotent: request.idempotent,
      explain: () => "'opkg-ostree status' lists what is requested",
    });
    const origin = addRequests(dropped, {
      requests: names,
      local: local.map(localRequest),
      idempotent: request.idempotent,
    });
    return aimAt(
      session,
      {
        origin,
        files: local,
        feeds: names.length > 0 ? 'newest' : 'pinned',
        fetch: names.length > 0 && request.cacheOnly !== true,
      },
      env,
    );
  });
}

/** True for what opkg takes for a file or URL: the ending decides (opkg.md section 1), a URL's fragment apart. */
function isPackageFile(text: string): boolean {
  return isUrl(text) || /\.(?:ipk|opk|deb)$/u.test(text);
}

function isUrl(text: string): boolean {
  return /^https?:\/\//u.test(text);
}

/** Reads the control part of the files that the admin gave; each becomes a request that is pinned by its digest. */
async function readLocal(
  session: Session,
  files: readonly string[],
  request: InstallRequest,
  env: Environment,
): Promise<LocalFile[]> {
  const found: LocalFile[] = [];
  for (const file of files) {
    const path = isUrl(file) ? await fetchPackage(session, file, request, env) : localFile(file);
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

async function fetchPackage(
  session: Session,
  text: string,
  request: InstallRequest,
  env: Environment,
): Promise<string> {
  const [url = '', fragment = ''] = text.split('#');
  const digest = fragment.startsWith('sha256=') ? fragment.slice('sha256='.length).toLowerCase() : '';
  if (digest === '' && !request.allowUnsigned) {
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

function localRequest({ name, version, architecture, sha256 }: LocalFile): LocalRequest {
  return { name, version, architecture, sha256 };
}

export interface RemoveRequest extends ChangeOptions {
  readonly names: readonly string[];
  readonly idempotent: boolean;
}

/** Drops requests; what only they needed goes with them, as the layer is built anew. Needs no network. */
export function remove(env: Environment, where: Where, request: RemoveRequest): Promise<ChangeResult> {
  return change(env, where, request, (session) => {
    const deployment = requireDeployment(session);
    const names = request.names.map(parseName);
    const origin = dropRequests(carryOrigin(deployment.origin), names, {
      idempotent: request.idempotent,
      explain: (name) =>
        `'opkg-ostree override remove ${name}' hides a package of the base; 'opkg-ostree status' lists the requests`,
    });
    return aimAt(session, { origin, feeds: 'pinned', fetch: false }, env);
  });
}
