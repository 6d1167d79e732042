/** Packages into the cache: what is there already, what has to be downloaded, and the import into the object store. */
import { join } from 'node:path/posix';
import {
  type Checksum,
  NetworkError,
  type OperationContext,
  RefusedError,
  textOf,
  throwIfAborted,
} from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import { downloadFile, limitConcurrency } from '../ipk/index.ts';
import {
  classifyScripts,
  findPackageCommit,
  importPackage,
  type PackageCommit,
  payloadPath,
} from '../layer/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import type { AvailablePackage, Solution } from '../packages/index.ts';
import { parseInitScript } from '../state/index.ts';
import { mkdirp, removeTree } from '../sys/index.ts';
import type { KnownPackage } from './resolve.ts';

/** Downloads run beside each other up to this many at a time. */
const parallelDownloads = 4;
const maxInitScript = 1 << 20;

/** The scratch folder of downloads; what an interrupted run left there is resumed or swept. */
export function downloadFolder(repo: Repository): string {
  return join(repo.path, 'tmp/opkg-ostree-download');
}

/** What is known of a package that is in the cache; undefined where it has to be downloaded. */
export function knownPackage(repo: Repository, candidate: AvailablePackage): KnownPackage | undefined {
  const found = findCommit(repo, candidate);
  if (found === undefined) return undefined;
  return { scripts: classifyScripts(found.scripts).scriptClass, services: enabledServices(repo, found) };
}

/** The wish's pinned package files as the solver sees them; PACKAGE_UNKNOWN where one is no longer in the cache. */
export function localPackages(repo: Repository, origin: Origin): AvailablePackage[] {
  return [...origin.requestedLocal, ...origin.overrides.replaceLocal].map((entry) => {
    const found = findPackageCommit(repo, entry.name, entry.version, entry.architecture, entry.sha256);
    if (found === undefined) {
      throw new RefusedError(
        'PACKAGE_UNKNOWN',
        `the file of local package ${entry.name} ${entry.version} is gone`,
        {
          hint: `install the file again, or 'opkg-ostree remove ${entry.name}'`,
        },
      );
    }
    return asAvailable(found);
  });
}

/** A package of the cache as the solver sees it. */
export function asAvailable(found: PackageCommit): AvailablePackage {
  return { ...found.record, origin: { kind: 'local', path: '' }, size: found.size, sha256: found.sha256 };
}

/** Where the packages of a solution are on disk, or that they are imported already; same order as the solution. */
export type Obtained = readonly (
  | { readonly commit: PackageCommit }
  | { readonly file: string; readonly feed: string }
)[];

/** Downloads what is missing; CHECKSUM_MISMATCH, NETWORK_* or, with `cacheOnly`, NETWORK_UNREACHABLE. */
export async function downloadPackages(
  repo: Repository,
  solution: Solution,
  options: { readonly cacheOnly?: boolean },
  ctx: OperationContext,
): Promise<Obtained> {
  const wanted = solution.install.map((entry) => entry.package);
  const missing = wanted.filter((candidate) => findCommit(repo, candidate) === undefined);
  const first = missing[0];
  if (first !== undefined && options.cacheOnly === true) {
    throw new NetworkError('NETWORK_UNREACHABLE', `${first.name} ${first.version} is not in the cache`, {
      hint: 'run the command without --cache-only',
      details: { packages: missing.map((candidate) => candidate.name) },
    });
  }
  const files = await downloadAll(repo, missing, ctx);
  return wanted.map((candidate) => {
    const file = files.get(candidate.sha256);
    if (file !== undefined)
      return { file, feed: candidate.origin.kind === 'feed' ? candidate.origin.feed : '' };
    const commit = findCommit(repo, candidate);
    if (commit === undefined)
      throw new RefusedError('PACKAGE_UNKNOWN', `${candidate.name} is nowhere to be had`);
    return { commit };
  });
}

async function downloadAll(
  repo: Repository,
  missing: readonly AvailablePackage[],
  ctx: OperationContext,
): Promise<Map<Checksum, string>> {
  const folder = downloadFolder(repo);
  if (missing.length > 0) mkdirp(folder, 0o700);
  const total = missing.reduce((sum, candidate) => sum + candidate.size, 0);
  const received = new Map<Checksum, number>();
  const files = new Map<Checksum, string>();
  await limitConcurrency(parallelDownloads, missing, async (candidate) => {
    if (candidate.origin.kind !== 'feed') return;
    const file = join(folder, `${candidate.sha256}.ipk`);
    await downloadFile(
      { url: candidate.origin.url, path: file, size: candidate.size, sha256: candidate.sha256 },
      {
        signal: ctx.signal,
        onProgress: ({ done }) => {
          received.set(candidate.sha256, done ?? 0);
          const sum = [...received.values()].reduce((a, b) => a + b, 0);
          ctx.onProgress({ phase: 'download', done: sum, total, unit: 'bytes', package: candidate.name });
        },
      },
    );
    files.set(candidate.sha256, file);
  });
  return files;
}

/** Imports what was downloaded, in the order of the solution. Call it inside a transaction: one sync for all. */
export async function importAll(
  repo: Repository,
  obtained: Obtained,
  ctx: OperationContext,
): Promise<PackageCommit[]> {
  const commits: PackageCommit[] = [];
  for (const entry of obtained) {
    throwIfAborted(ctx.signal);
    commits.push(
      'commit' in entry ? entry.commit : await importPackage(repo, entry.file, { feed: entry.feed }, ctx),
    );
  }
  return commits;
}

/** Drops the scratch folder of downloads. */
export function dropDownloads(repo: Repository): void {
  removeTree(downloadFolder(repo));
}

function findCommit(repo: Repository, candidate: AvailablePackage): PackageCommit | undefined {
  return findPackageCommit(repo, candidate.name, candidate.version, candidate.architecture, candidate.sha256);
}

function enabledServices(repo: Repository, found: PackageCommit): string[] {
  const tree = MutableTree.fromCommit(repo, found.commit);
  const folder = `${payloadPath}/usr/etc/init.d`;
  return tree.list(folder as typeof payloadPath).flatMap(({ name, kind }) => {
    if (kind !== 'file') return [];
    const entry = tree.lookup(`${folder}/${name}` as typeof payloadPath);
    if (entry?.kind !== 'file') return [];
    const script = repo.loadFile(entry.checksum);
    if (script.target !== undefined || script.size > maxInitScript) return [];
    const parsed = parseInitScript(textOf(script.readAll(maxInitScript)));
    return parsed === 'computed' || parsed.start === undefined ? [] : [name];
  });
}
