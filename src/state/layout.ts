/**
 * Where things live in an OSTree-shaped OpenWrt tree. Pure; docs/formats/tree.md has the same in prose.
 *
 * ```
 * source of a file            path in the commit                    where the running system sees it
 * bin sbin lib lib64 www X    usr/bin usr/sbin usr/lib usr/lib usr/www   the same, and through /X -> usr/X
 * etc/x                       usr/etc/x                             etc/x (a merged copy per deployment)
 * var/x                       usr/share/factory/var/x               var/x (created where it is absent)
 * root/x                      usr/share/factory/var/roothome/x      var/roothome/x, through /root
 * home opt srv mnt            usr/share/factory/var/<same>/x        var/<same>/x, through /<same>
 * usr/x, anything else        unchanged                             unchanged
 * ```
 */
import { dirname, join, relative } from 'node:path/posix';
import { type RelPath, toRelPath } from '../base/index.ts';

/** Where a file of a package or of a rootfs goes in the commit. */
export type MappedPath =
  | { readonly kind: 'tree'; readonly path: RelPath }
  | { readonly kind: 'factory'; readonly path: RelPath }
  | { readonly kind: 'forbidden'; readonly reason: string };

/** A symlink that every commit carries; `target` is relative to the link's folder. */
export interface LayoutLink {
  readonly path: RelPath;
  readonly target: string;
}

/** A directory that every commit carries, with its permission bits. */
export interface LayoutDirectory {
  readonly path: RelPath;
  readonly mode: number;
}

/** A name in `/var` that is a symlink onto tmpfs; `mode` is that of the directory behind it. */
export interface VolatileEntry {
  readonly name: string;
  readonly target: string;
  readonly mode: number;
}

/** Below it lie the defaults of what the stateroot's `/var` should hold, under the path that they have at run time. */
export const factoryRoot: RelPath = toRelPath('usr/share/factory');

/** Top folders that are merged into /usr. `usr/lib64` is `usr/lib`, as OpenWrt's own images link it. */
const merged: ReadonlyMap<string, string> = new Map([
  ['bin', 'usr/bin'],
  ['sbin', 'usr/sbin'],
  ['lib', 'usr/lib'],
  ['lib64', 'usr/lib'],
  ['usr/lib64', 'usr/lib'],
  ['www', 'usr/www'],
]);

/** Top folders whose content is state: they are links into /var. */
const stateful: ReadonlyMap<string, string> = new Map([
  ['root', 'var/roothome'],
  ['home', 'var/home'],
  ['opt', 'var/opt'],
  ['srv', 'var/srv'],
  ['mnt', 'var/mnt'],
]);

const forbidden: ReadonlyMap<string, string> = new Map([
  ['boot', 'belongs to the boot loader'],
  ['dev', 'is a file system of the running kernel'],
  ['ostree', 'belongs to the repository'],
  ['overlay', 'stays empty: the system has no overlay'],
  ['proc', 'is a file system of the running kernel'],
  ['run', 'is emptied at each boot'],
  ['sys', 'is a file system of the running kernel'],
  ['sysroot', 'is where the physical root is mounted'],
  ['tmp', 'is emptied at each boot'],
]);

const link = (path: string, target: string): LayoutLink => ({ path: toRelPath(path), target });
const directory = (path: string, mode = 0o755): LayoutDirectory => ({ path: toRelPath(path), mode });

/** The links of the tree's top, and `usr/lib64`, which glibc's loaders and foreign packages expect. */
export const topLevelLinks: readonly LayoutLink[] = [
  link('bin', 'usr/bin'),
  link('home', 'var/home'),
  link('lib', 'usr/lib'),
  link('lib64', 'usr/lib'),
  link('mnt', 'var/mnt'),
  link('opt', 'var/opt'),
  link('ostree', 'sysroot/ostree'),
  link('root', 'var/roothome'),
  link('run', 'tmp/run'),
  link('sbin', 'usr/sbin'),
  link('srv', 'var/srv'),
  link('usr/lib64', 'lib'),
  link('www', 'usr/www'),
];

/** Directories that are there in every commit: mount points, and those that scripts only test for. /rom may hold a note. */
export const emptyTopDirectories: readonly LayoutDirectory[] = [
  directory('boot'),
  directory('dev'),
  directory('overlay'),
  directory('proc'),
  directory('rom'),
  directory('sys'),
  directory('sysroot'),
  directory('tmp', 0o1777),
  directory('var'),
];

/** Directories that the links lead to, there even where the source has nothing for them. */
export const mergedDirectories: readonly LayoutDirectory[] = [
  directory('usr'),
  directory('usr/bin'),
  directory('usr/etc'),
  directory('usr/lib'),
  directory('usr/sbin'),
  directory('usr/www'),
];

/**
 * The names in `/var` that OpenWrt expects to be empty after each boot. The links must be there before procd starts
 * (it hangs without `/var/run`), the directories behind them before the first service.
 */
export const varVolatile: readonly VolatileEntry[] = [
  { name: 'etc', target: '/tmp/etc', mode: 0o755 },
  { name: 'lock', target: '/tmp/lock', mode: 0o1777 },
  { name: 'log', target: '/tmp/log', mode: 0o755 },
  { name: 'opkg-lists', target: '/tmp/opkg-lists', mode: 0o755 },
  { name: 'run', target: '/tmp/run', mode: 0o755 },
  { name: 'state', target: '/tmp/state', mode: 0o755 },
  { name: 'tmp', target: '/tmp/vartmp', mode: 0o1777 },
];

/** The real directories of a stateroot's `/var`, relative to it. */
export const varDirectories: readonly LayoutDirectory[] = [
  directory('cache'),
  directory('db'),
  directory('home'),
  directory('lib'),
  directory('mnt'),
  directory('opt'),
  directory('roothome', 0o700),
  directory('spool'),
  directory('srv'),
];

/**
 * Where the path of a package or rootfs goes in the commit, or why it may not be in one. `tree` paths are part of
 * the system; `factory` paths are defaults for `/var` (and /root, /home, /opt, /srv, /mnt, which are links into it),
 * created in the stateroot where nothing is yet. The top folders themselves map too: `bin` is `usr/bin`.
 */
export function mapPath(path: RelPath): MappedPath {
  const moved = replaceHead(path, merged);
  if (moved !== undefined) return { kind: 'tree', path: moved };
  const state = isWithin(path, 'var') ? path : replaceHead(path, stateful);
  if (state !== undefined) return { kind: 'factory', path: toRelPath(`${factoryRoot}/${state}`) };
  if (isWithin(path, 'etc')) return { kind: 'tree', path: toRelPath(`usr/${path}`) };
  const top = path.split('/', 1)[0] ?? '';
  const reason = forbidden.get(top);
  if (reason !== undefined) return { kind: 'forbidden', reason: `/${top} ${reason}` };
  return { kind: 'tree', path };
}

/** The path at which the running system finds what a source has at `path`, with the tree's own links resolved. */
export function runtimePath(path: RelPath): RelPath {
  if (isWithin(path, 'run')) return toRelPath(`tmp/${path}`);
  return replaceHead(path, merged) ?? replaceHead(path, stateful) ?? path;
}

/**
 * The target text for the symlink that the source has at `path`, so that at its place in the tree it leads where it
 * led before: a relative target is resolved against the link's old folder (openwrt-platform.md B.2) and, where the
 * text no longer leads there, written anew. Links in `etc` are judged at `/etc`, where they are used.
 */
export function relocateSymlink(path: RelPath, target: string): string {
  if (target.startsWith('/')) return climbsLate(target) ? join(target) : target;
  if (target === '') return target;
  const newFolder = `/${dirname(runtimePath(path))}`;
  const wanted = runtimeOf(join('/', dirname(path), target));
  if (!climbsLate(target) && runtimeOf(join(newFolder, target)) === wanted) return target;
  const text = relative(newFolder, wanted);
  return text === '' ? '.' : text;
}

function runtimeOf(absolute: string): string {
  return `/${runtimePath(toRelPath(absolute))}`;
}

/** True for `a/../b`: a `..` after a name would climb out of the folder that a link of ours leads into. */
function climbsLate(target: string): boolean {
  let named = false;
  for (const part of target.split('/')) {
    if (part === '..' && named) return true;
    if (part !== '' && part !== '.' && part !== '..') named = true;
  }
  return false;
}

function isWithin(path: RelPath, top: string): boolean {
  return path === top || path.startsWith(`${top}/`);
}

function replaceHead(path: RelPath, table: ReadonlyMap<string, string>): RelPath | undefined {
  for (const [from, to] of table) {
    if (isWithin(path, from)) return toRelPath(to + path.slice(from.length));
  }
  return undefined;
}
