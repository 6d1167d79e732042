/** The tree of a commit from the entries of a root file system. Pure: the same input gives the same plan. */
import { ParseError, type RelPath } from '../base/index.ts';
import {
  emptyTopDirectories,
  factoryRoot,
  mapPath,
  mergedDirectories,
  topLevelLinks,
} from '../state/index.ts';
import { applyBootFiles, type BootFiles, mapBootFiles, ownBootFiles } from './boot-files.ts';
import { mergeClashes } from './clash.ts';
import { alternativePriorities, disownPaths, registerBootPackage } from './database.ts';
import type { ScannedRoot } from './entries.ts';
import { isKernelPath, type KernelPlan, type KernelRequest, planKernel } from './kernel.ts';
import { type Owner, ownerRule } from './owners.ts';
import { type Placed, placeEntries } from './place.ts';
import { readRelease } from './release.ts';
import { putNode, rootDirectory, rootFile, rootSymlink, type Tree, type TreeNode } from './tree.ts';

export interface PlanRequest extends KernelRequest {
  readonly bootFiles: BootFiles;
  /** Of the product: the version of the package that registers the boot files. */
  readonly productVersion: string;
  readonly version: string | undefined;
  readonly timestamp: number | undefined;
  readonly squashOwner: boolean | undefined;
}

export interface ComposePlan {
  readonly tree: Tree;
  readonly title: string;
  readonly version: string | undefined;
  /** Undefined: the commit has no kernel and cannot be booted. */
  readonly kernelRelease: string | undefined;
  /** Given, or the newest mtime of the input's regular files, at least 1; Unix seconds. */
  readonly timestamp: number;
  readonly warnings: readonly string[];
}

const databaseFolder = 'usr/lib/opkg';
const yoctoDatabase = 'var/lib/opkg' as RelPath;

/** The plan; ParseError ROOTFS_INVALID or RefusedError ROOTFS_CLASH, NOT_BOOTABLE where there can be none. */
export function planTree(scanned: ScannedRoot, request: PlanRequest): ComposePlan {
  const warnings = [...scanned.warnings];
  const placement = placeEntries(scanned.entries);
  checkIsRoot(placement.placed);
  warnings.push(...placement.warnings);
  const owners = ownerRule(scanned, request.squashOwner);
  if (owners.warning !== undefined) warnings.push(owners.warning);
  const status = databaseFile(scanned, 'status');
  const merged = mergeClashes(placement.placed, alternativePriorities(status));
  const timestamp = request.timestamp ?? newestFile([...merged.kept.values()]);
  const tree: Tree = new Map();
  for (const [path, item] of merged.kept) tree.set(path, nodeOf(item, owners.map));
  addLayout(tree);

  const release = readRelease(scanned.captured);
  if (release.osRelease !== undefined)
    putNode(tree, 'usr/lib/os-release' as RelPath, rootFile(release.osRelease));
  addBootPackage(tree, scanned, request, { timestamp, dropped: new Set(merged.dropped) });
  if (status === undefined) warnings.push('the root has no opkg database: no package of it can be told');

  const kernel = planKernel(tree, placement.kernels, request);
  dropOtherKernels(tree, kernel, warnings);
  for (const [path, content] of kernel?.files ?? []) {
    putNode(tree, path, { type: 'file', uid: 0, gid: 0, mode: 0o644, xattrs: [], content });
  }
  if (kernel === undefined)
    warnings.push('no kernel: the commit can be looked at and layered on, not booted');
  warnings.push(...bootWarnings(tree, kernel !== undefined));
  return {
    tree,
    title: release.title,
    version: request.version ?? release.version,
    kernelRelease: kernel?.release,
    timestamp,
    warnings,
  };
}

/** Our boot files, their package, and a database in which every path has one owner. */
function addBootPackage(
  tree: Tree,
  scanned: ScannedRoot,
  request: PlanRequest,
  facts: { readonly timestamp: number; readonly dropped: ReadonlySet<RelPath> },
): void {
  const bootFiles = mapBootFiles(request.bootFiles);
  const replaced = applyBootFiles(tree, bootFiles);
  const files = ownBootFiles(bootFiles);
  const pkg = { version: request.productVersion, installedTime: facts.timestamp, files };
  for (const [path, bytes] of registerBootPackage(databaseFile(scanned, 'status'), pkg)) {
    putNode(tree, path, rootFile(bytes));
  }
  disownLists(tree, scanned, facts.dropped, replaced);
  // Tools that were built for a database in /var find it there.
  if (scanned.entries.has(yoctoDatabase)) {
    putNode(tree, `${factoryRoot}/${yoctoDatabase}` as RelPath, rootSymlink(`/${databaseFolder}`));
  }
}

function checkIsRoot(placed: readonly Placed[]): void {
  const has = (folder: string) => placed.some((item) => item.path.startsWith(`${folder}/`));
  if (has('usr/etc') && (has('usr/bin') || has('usr/sbin'))) return;
  throw new ParseError('ROOTFS_INVALID', 'not a root file system: it has no /etc or no programs', {
    hint: 'give the folder or archive whose top holds bin, etc, lib, sbin and usr',
  });
}

function nodeOf({ path, entry }: Placed, map: (owner: Owner) => Owner): TreeNode {
  const attributes = { ...map(entry), xattrs: entry.xattrs };
  const { uid, gid, xattrs } = attributes;
  switch (entry.type) {
    case 'directory':
      return { type: 'directory', uid, gid, xattrs, mode: isRootHome(path) ? 0o700 : entry.mode };
    case 'symlink':
      return { type: 'symlink', uid, gid, xattrs, target: entry.target };
    case 'file': {
      const content = { kind: 'source', path: entry.content, size: entry.size } as const;
      return { type: 'file', uid, gid, xattrs, mode: entry.mode, content };
    }
  }
}

/** The folders and links that every commit has; folders of the source that content needs but the source lacks. */
function addLayout(tree: Tree): void {
  for (const { path, mode } of mergedDirectories) {
    if (!tree.has(path)) tree.set(path, rootDirectory(mode));
  }
  for (const path of [...tree.keys()]) {
    const node = tree.get(path);
    if (node === undefined) continue;
    if (isRootHomeContent(path) && !tree.has(rootHome)) tree.set(rootHome, rootDirectory(0o700));
    putNode(tree, path, node);
  }
  // A folder of the source that the layout knows (/rom, /tmp) keeps what is in it, not its attributes.
  for (const { path, mode } of emptyTopDirectories) tree.set(path, rootDirectory(mode));
  for (const { path, target } of topLevelLinks) tree.set(path, rootSymlink(target));
}

function disownLists(
  tree: Tree,
  scanned: ScannedRoot,
  dropped: ReadonlySet<RelPath>,
  replaced: ReadonlySet<RelPath>,
): void {
  for (const [source, bytes] of scanned.captured) {
    const name = /^(?:usr|var)\/lib\/opkg\/(info\/[^/]+\.list)$/u.exec(source)?.[1];
    if (name === undefined) continue;
    const path = `${databaseFolder}/${name}` as RelPath;
    const node = tree.get(path);
    // Only a list that came from the source: our own was just written.
    if (node?.type !== 'file' || node.content.kind !== 'source') continue;
    const changed = disownPaths(bytes, dropped, replaced);
    if (changed !== undefined) tree.set(path, { ...node, content: { kind: 'bytes', bytes: changed } });
  }
}

/** A reader takes the first folder with a `vmlinuz`, in no order: there may be one only. */
function dropOtherKernels(tree: Tree, kernel: KernelPlan | undefined, warnings: string[]): void {
  for (const path of [...tree.keys()]) {
    if (kernel === undefined || !isKernelPath(path) || path.split('/')[3] === kernel.release) continue;
    tree.delete(path);
    warnings.push(`/${path} is left out: the kernel is that of ${kernel.release}`);
  }
}

function bootWarnings(tree: Tree, hasKernel: boolean): string[] {
  const init = tree.get('usr/sbin/init' as RelPath);
  return hasKernel && init === undefined ? ['there is no /sbin/init: the commit will not come up'] : [];
}

function newestFile(placed: readonly Placed[]): number {
  return placed.reduce(
    (newest, { entry }) => (entry.type === 'file' ? Math.max(newest, entry.mtime) : newest),
    1,
  );
}

function databaseFile(scanned: ScannedRoot, name: string): Uint8Array | undefined {
  const usual = scanned.captured.get(`usr/lib/opkg/${name}` as RelPath);
  return usual ?? scanned.captured.get(`var/lib/opkg/${name}` as RelPath);
}

const rootHome = (() => {
  const mapped = mapPath('root' as RelPath);
  return mapped.kind === 'forbidden' ? factoryRoot : mapped.path;
})();

function isRootHome(path: RelPath): boolean {
  return path === rootHome;
}

function isRootHomeContent(path: RelPath): boolean {
  return path.startsWith(`${rootHome}/`);
}
