/** Packages into the cache: what is there already, what has to be downloaded, and the import into the object store. */
import { join } from 'node:path/posix';
import {
  type Checksum,
  InternalError,
  NetworkError,
  type OperationContext,
  RefusedError,
  textOf,
  throwIfAborted,
  toRelPath,
  VerificationError,
} from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import { downloadFile, limitConcurrency, type TransferOptions } from '../ipk/index.ts';
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
import type { TreeState } from './installed.ts';
import type { KnownPackage } from './resolve.ts';

/** Downloads run beside each other up to this many at a time. */
const parallelDownloads = 4;
const maxInitScript = 1 << 20;

/** The scratch folder of downloads, named so that no sweep of staging directories takes it; what an interrupted run left there is resumed or swept. */
export function downloadFolder(repo: Repository): string {
  return join(repo.path, 'tmp/opkg-ostree.download');
}

/** What is known of a package that is in the cache; undefined where it has to be downloaded. */
export function knownPackage(repo: Repository, candidate: AvailablePackage): KnownPackage | undefined {
  const found = findCommit(repo, candidate);
  if (found === undefined) return undefined;
  return {
    scripts: classifyScripts(found.scripts).scriptClass,
    services: enabledServices(repo, found),
    cached: true,
  };
}

/** A package file on disk, as its control part describes it; `origin` holds its path. */
export type LocalFile = AvailablePackage & {
  readonly origin: { readonly kind: 'local'; readonly path: string };
};

/** The wish's pinned package files as the solver sees them; PACKAGE_UNKNOWN where one is neither given nor in the cache. */
export function localPackages(
  repo: Repository,
  base: TreeState,
  origin: Origin,
  files: readonly LocalFile[],
): AvailablePackage[] {
  const { replaceLocal, hold } = origin.overrides;
  // What the base has as it is held needs no copy of its own yet.
  const held = hold.filter(({ name, version }) => base.installed.get(name)?.version !== version);
  return [...origin.requestedLocal, ...replaceLocal, ...held].map((entry) => {
    const given = files.find((file) => file.sha256 === entry.sha256);
    const found = findPackageCommit(repo, entry.name, entry.version, entry.architecture, entry.sha256);
    if (found !== undefined) {
      const from =
        found.feed === '' || !held.includes(entry)
          ? { kind: 'local' as const, path: '' }
          : { kind: 'feed' as const, feed: found.feed, url: '' };
      return { ...found.record, origin: from, size: found.size, sha256: found.sha256 };
    }
    if (given !== undefined) return given;
    throw new RefusedError(
      'PACKAGE_UNKNOWN',
      `the file of local package ${entry.name} ${entry.version} is gone`,
      {
        hint: `give the file again, or drop the wish: 'opkg-ostree remove ${entry.name}', 'opkg-ostree override reset ${entry.name}'`,
      },
    );
  });
}

/** Where the packages of a solution are on disk, or that they are imported already; same order as the solution. */
export type Obtained = readonly (
  | { readonly commit: PackageCommit }
  | { readonly file: string; readonly from: AvailablePackage }
)[];

/** Downloads what is missing; CHECKSUM_MISMATCH, NETWORK_* or, with `cacheOnly`, NETWORK_UNREACHABLE. */
export async function downloadPackages(
  repo: Repository,
  solution: Solution,
  options: { readonly cacheOnly?: boolean; readonly transfer: TransferOptions },
  ctx: OperationContext,
): Promise<Obtained> {
  const wanted = solution.install.map((entry) => entry.package);
  const missing = wanted.filter(
    (candidate) => candidate.origin.kind === 'feed' && findCommit(repo, candidate) === undefined,
  );
  const first = missing[0];
  if (first !== undefined && options.cacheOnly === true) {
    throw new NetworkError('NETWORK_UNREACHABLE', `${first.name} ${first.version} is not in the cache`, {
      hint: 'run the command without --cache-only',
      details: { packages: missing.map((candidate) => candidate.name) },
    });
  }
  const files = await downloadAll(repo, missing, options.transfer, ctx);
  return wanted.map((candidate) => {
    const commit = findCommit(repo, candidate);
    if (commit !== undefined) return { commit };
    const file = candidate.origin.kind === 'local' ? candidate.origin.path : files.get(candidate.sha256);
    if (file !== undefined && file !== '') return { file, from: candidate };
    throw new InternalError(`${candidate.name} was neither downloaded nor given`);
  });
}

async function downloadAll(
  repo: Repository,
  missing: readonly AvailablePackage[],
  transfer: TransferOptions,
  ctx: OperationContext,
): Promise<Map<Checksum, string>> {
  const folder = downloadFolder(repo);
  if (missing.length > 0) mkdirp(folder, 0o700);
  const total = missing.reduce((sum, candidate) => sum + candidate.size, 0);
  const received = new Map<Checksum, number>();
  const files = new Map<Checksum, string>();
  const progress = (sha256: Checksum, done: number, name: string) => {
    received.set(sha256, done);
    const sum = [...received.values()].reduce((a, b) => a + b, 0);
    ctx.onProgress({ phase: 'download', done: sum, total, unit: 'bytes', package: name });
  };
  await limitConcurrency(parallelDownloads, missing, async (candidate, stop) => {
    const { sha256, size, name, origin } = candidate;
    if (origin.kind !== 'feed') return;
    const path = join(folder, `${sha256}.ipk`);
    const onProgress: OperationContext['onProgress'] = ({ done }) => progress(sha256, done ?? 0, name);
    const signal = ctx.signal === undefined ? stop : AbortSignal.any([ctx.signal, stop]);
    await downloadFile({ url: origin.url, path, size, sha256 }, { signal, onProgress }, transfer);
    // What a dry run brought is there at once: its bytes count as well.
    progress(sha256, size, name);
    files.set(sha256, path);
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
    commits.push('commit' in entry ? entry.commit : await importOne(repo, entry, ctx));
  }
  return commits;
}

async function importOne(
  repo: Repository,
  { file, from }: { readonly file: string; readonly from: AvailablePackage },
  ctx: OperationContext,
): Promise<PackageCommit> {
  const feed = from.origin.kind === 'feed' ? { feed: from.origin.feed } : {};
  const commit = await importPackage(repo, file, feed, ctx);
  if (commit.sha256 === from.sha256) return commit;
  throw new VerificationError('CHECKSUM_MISMATCH', `${file} is not the file that was planned with`, {
    hint: 'it was changed meanwhile: run the command again',
    details: { expected: from.sha256, found: commit.sha256 },
  });
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
  const folder = toRelPath(`${payloadPath}/usr/etc/init.d`);
  if (tree.lookup(folder)?.kind !== 'dir') return [];
  return tree.list(folder).flatMap(({ name, kind }) => {
    if (kind !== 'file') return [];
    const entry = tree.lookup(toRelPath(`${folder}/${name}`));
    if (entry?.kind !== 'file') return [];
    const script = repo.loadFile(entry.checksum);
    if (script.target !== undefined || script.size > maxInitScript) return [];
    const parsed = parseInitScript(textOf(script.readAll(maxInitScript)));
    return parsed === 'computed' || parsed.start === undefined ? [] : [name];
  });
}
