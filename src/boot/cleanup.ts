/**
 * Takes away what no deployment needs, in libostree's order (ostree-sysroot-cleanup.c): a crash between any two steps
 * leaves a sysroot that boots, and the next run goes on.
 */
import { join } from 'node:path/posix';
import { type Checksum, isChecksum, type OperationContext, toRefName } from '../base/index.ts';
import { dictString, type PruneReport, prune } from '../ostree/index.ts';
import { lstatIfExists, readTextIfExists, writeFileDurable } from '../sys/index.ts';
import type { DeploymentItem } from './deployment.ts';
import { etcHistoryRoots } from './etc-history.ts';
import { sweepFirmware } from './firmware.ts';
import { flushFileSystems } from './flush.ts';
import { removeUnusedKernels } from './kernel-install.ts';
import { readStaged } from './staged.ts';
import { sweepBootVersions, sweepDeployments, usedBootChecksums } from './sweep.ts';
import { followEntries, renderLoaderFiles } from './switch.ts';
import type { Sysroot } from './sysroot.ts';
import { dropStaleTrial } from './trial.ts';

export interface CleanupOptions {
  /** Which package-cache refs (`opkg-ostree/pkg/...`) stay; all of them where absent. */
  readonly keepPackage?: (ref: string) => boolean;
  /** Feed snapshots (`opkg-ostree/feeds/<name>`) that stay besides those that origins name; all where absent. */
  readonly keepFeeds?: readonly string[];
  /** Leave the repository's objects alone. */
  readonly noPrune?: boolean;
}

export interface CleanupReport {
  /** Ids of the deployments whose folders went. */
  readonly removed: readonly string[];
  readonly droppedRefs: readonly string[];
  /** True when the loader's files were missing or old, as after a switch by another tool. */
  readonly loaderRepaired: boolean;
  readonly pruned: PruneReport | undefined;
}

/** The commit metadata key that names the base of a layered commit. */
export const baseMetadataKey = 'opkgostree.base';

const packagePrefix = 'opkg-ostree/pkg/';
const feedPrefix = 'opkg-ostree/feeds/';
const basePrefix = 'opkg-ostree/base/';

/** Cleans up. The caller holds the sysroot's lock. */
export async function cleanup(
  sysroot: Sysroot,
  ctx: OperationContext,
  options: CleanupOptions = {},
): Promise<CleanupReport> {
  ctx.onProgress({ phase: 'cleanup', message: 'removing what is no longer used' });
  dropStaleTrial(sysroot.path, sysroot.deployments());
  const loaderRepaired = repairLoader(sysroot);
  sweepBootVersions(sysroot, sysroot.bootVersions());
  const removed = sweepDeployments(sysroot);
  if (lstatIfExists(join(sysroot.path, 'boot')) !== undefined) {
    removeUnusedKernels(sysroot.path, usedBootChecksums(sysroot));
    sweepFirmware(sysroot, usedBootChecksums(sysroot));
  }
  const droppedRefs = await writeRefs(sysroot, options);
  const pruned = options.noPrune === true ? undefined : await pruneRepository(sysroot, ctx);
  return { removed, droppedRefs, loaderRepaired, pruned };
}

/**
 * Writes the loader's files again where they do not follow from the boot entries: another tool switched and knows only
 * entries. A FAT partition that a power cut left behind follows. True when something was written.
 */
export function repairLoader(sysroot: Sysroot): boolean {
  const deployments = sysroot.deployments();
  if (deployments.length === 0) return false;
  const entries = deployments.map(({ entry }) => entry);
  const folder = join(sysroot.path, `boot/loader.${sysroot.bootVersions().boot}`);
  let written = false;
  for (const { name, text } of renderLoaderFiles(sysroot, deployments, entries)) {
    if (readTextIfExists(join(folder, name)) === text) continue;
    writeFileDurable(join(folder, name), text);
    written = true;
  }
  if (written) flushFileSystems([join(sysroot.path, 'boot')]);
  return followEntries(sysroot) || written;
}

/** Deployed commits, with the one that waits for `finalize`. */
function rootedItems(sysroot: Sysroot): DeploymentItem[] {
  const staged = readStaged(sysroot);
  return staged === undefined ? sysroot.deployments() : [...sysroot.deployments(), staged];
}

/** Brings the refs in line with the deployments; the names of those that went come back. */
async function writeRefs(sysroot: Sysroot, options: CleanupOptions): Promise<string[]> {
  const { repo } = sysroot;
  const wanted = wantedRefs(sysroot);
  const dropped = droppableRefs(sysroot, options).filter((ref) => !wanted.has(ref));
  const changed = [...wanted].filter(([ref, commit]) => repo.readRef(toRefName(ref)) !== commit);
  if (dropped.length === 0 && changed.length === 0) return [];
  await repo.withTransaction((txn) => {
    for (const [ref, commit] of changed) txn.setRef(toRefName(ref), commit);
    for (const ref of dropped) txn.setRef(toRefName(ref), undefined);
  });
  return dropped;
}

/** `ostree/<B>/<S>/<index>` for each deployment, `opkg-ostree/base/<n>` for each base of a layered one. */
function wantedRefs(sysroot: Sysroot): Map<string, Checksum> {
  const { boot, sub } = sysroot.bootVersions();
  const refs = new Map<string, Checksum>();
  for (const { index, checksum } of sysroot.deployments())
    refs.set(`ostree/${boot}/${sub}/${index}`, checksum);
  const bases = new Set<Checksum>();
  for (const { checksum } of rootedItems(sysroot)) {
    const base = baseOf(sysroot, checksum);
    if (base !== undefined && sysroot.repo.hasObject('commit', base)) bases.add(base);
  }
  [...bases].forEach((base, n) => {
    refs.set(`${basePrefix}${n}`, base);
  });
  return refs;
}

/** The base of a layered commit; undefined for any other. */
function baseOf(sysroot: Sysroot, commit: Checksum): Checksum | undefined {
  const base = dictString(sysroot.repo.loadCommit(commit).metadata, baseMetadataKey);
  return base !== undefined && isChecksum(base) ? base : undefined;
}

function droppableRefs(sysroot: Sysroot, { keepPackage, keepFeeds }: CleanupOptions): string[] {
  const names: string[] = [...sysroot.repo.listRefs().keys()];
  const snapshots = rootedItems(sysroot).flatMap(({ origin }) => origin.feeds.snapshot ?? []);
  const feeds = keepFeeds === undefined ? undefined : new Set([...snapshots, ...keepFeeds]);
  return names.filter((ref) => {
    if (/^ostree\/[01]\/[01]\/\d+$/u.test(ref) || ref.startsWith(basePrefix)) return true;
    if (ref.startsWith(packagePrefix)) return keepPackage !== undefined && !keepPackage(ref);
    return ref.startsWith(feedPrefix) && feeds !== undefined && !feeds.has(ref.slice(feedPrefix.length));
  });
}

async function pruneRepository(sysroot: Sysroot, ctx: OperationContext): Promise<PruneReport> {
  const deployed = rootedItems(sysroot).map(({ checksum }) => checksum);
  const extraRoots = [...deployed, ...etcHistoryRoots(sysroot.repo)];
  return await prune(sysroot.repo, { refsOnly: true, depth: 0, extraRoots }, ctx);
}
