/**
 * What a dry run wants to know of packages that are not in the cache yet: their scripts' class and their services. The
 * head of a package is asked for first; one that begins with its data, as OpenWrt's do, is downloaded into the scratch
 * folder, where the real run finds it.
 */
import { join } from 'node:path/posix';
import { type Checksum, isOpkgOstreeError, textOf, throwIfAborted } from '../base/index.ts';
import {
  downloadFile,
  fileStream,
  limitConcurrency,
  peekControl,
  readIpk,
  type TransferOptions,
} from '../ipk/index.ts';
import { classifyScripts } from '../layer/index.ts';
import type { Repository } from '../ostree/index.ts';
import type { AvailablePackage } from '../packages/index.ts';
import { parseInitScript } from '../state/index.ts';
import { httpGet, mkdirp } from '../sys/index.ts';
import type { Environment } from './environment.ts';
import { downloadFolder } from './obtain.ts';
import type { KnownPackage } from './resolve.ts';

/** Most packages are smaller, and one answer brings this much anyway. */
const headBytes = 32 << 10;
const parallel = 4;
const maxInitScript = 1 << 20;

export interface LookedInto {
  readonly known: ReadonlyMap<Checksum, KnownPackage>;
  /** One sentence for each package that could not be looked into. */
  readonly notes: readonly string[];
}

/** Looks into packages; what cannot be reached stays unknown and becomes a note: a dry run does not fail for it. */
export async function lookInto(
  repo: Repository,
  packages: readonly AvailablePackage[],
  transfer: TransferOptions,
  env: Environment,
): Promise<LookedInto> {
  const known = new Map<Checksum, KnownPackage>();
  const notes: string[] = [];
  if (packages.length > 0) mkdirp(downloadFolder(repo), 0o700);
  await limitConcurrency(parallel, packages, async (candidate) => {
    throwIfAborted(env.signal);
    try {
      known.set(candidate.sha256, await lookIntoOne(repo, candidate, transfer, env));
    } catch (thrown) {
      if (!isOpkgOstreeError(thrown) || thrown.kind === 'interrupted') throw thrown;
      notes.push(`${candidate.name} could not be looked into: ${thrown.message}`);
    }
  });
  return { known, notes: notes.sort() };
}

async function lookIntoOne(
  repo: Repository,
  candidate: AvailablePackage,
  transfer: TransferOptions,
  env: Environment,
): Promise<KnownPackage> {
  const { origin, size, sha256 } = candidate;
  if (origin.kind === 'local') return readWhole(origin.path);
  const head = size > headBytes ? await readHead(origin.url, transfer, env) : undefined;
  const members = head === undefined ? undefined : await peekControl([head]);
  if (members !== undefined)
    return { scripts: classifyScripts(members).scriptClass, services: undefined, cached: false };
  const path = join(downloadFolder(repo), `${sha256}.ipk`);
  const quiet = { signal: env.signal, onProgress: () => undefined };
  await downloadFile({ url: origin.url, path, size, sha256 }, quiet, transfer);
  return readWhole(path);
}

/** The first bytes of a file; undefined where the server would send all of it. */
async function readHead(
  url: string,
  transfer: TransferOptions,
  env: Environment,
): Promise<Uint8Array | undefined> {
  const headers = { range: `bytes=0-${headBytes - 1}` };
  const response = await httpGet({ url, headers, ...transfer, signal: env.signal });
  try {
    if (response.status !== 206) return undefined;
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of response.body) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size >= headBytes) break;
    }
    return Buffer.concat(pieces);
  } finally {
    response.close();
  }
}

async function readWhole(path: string): Promise<KnownPackage> {
  const services: string[] = [];
  const meta = await readIpk(fileStream(path), {
    entry: async (entry) => {
      const name = /^etc\/init\.d\/([^/]+)$/u.exec(entry.path)?.[1];
      if (name === undefined || entry.type !== 'file' || entry.size > maxInitScript) return;
      const pieces: Uint8Array[] = [];
      for await (const piece of entry.content) pieces.push(piece);
      const script = parseInitScript(textOf(Buffer.concat(pieces)));
      if (script === 'computed' || script.start !== undefined) services.push(name);
    },
  });
  return { scripts: classifyScripts(meta.members).scriptClass, services, cached: false };
}
