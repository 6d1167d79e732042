/** Where each entry of a root file system goes: into the tree, beside it as the kernel, or nowhere. */
import { join } from 'node:path/posix';
import { ParseError, type RelPath, toRelPath } from '../base/index.ts';
import { mapPath, relocateSymlink, runtimePath, topLevelLinks, varVolatile } from '../state/index.ts';
import type { RootEntry } from './entries.ts';

/** An entry on its way to `path`; a symlink's target is already rewritten for that place. */
export interface Placed {
  readonly path: RelPath;
  readonly entry: RootEntry;
}

export interface Placement {
  readonly placed: readonly Placed[];
  /** Kernel images found in /boot. */
  readonly kernels: readonly RootEntry[];
  readonly warnings: readonly string[];
}

const linkPaths: ReadonlySet<string> = new Set(topLevelLinks.map((link) => link.path));
const mergedTops: ReadonlySet<string> = new Set(['bin', 'sbin', 'lib', 'lib64', 'usr/lib64', 'www']);
const volatileNames: ReadonlySet<string> = new Set(varVolatile.map((entry) => entry.name));
const kernelName = /^boot\/(?:vmlinuz|Image|kernel)[^/]*$/u;
const yoctoDatabase = 'var/lib/opkg';
const database = 'usr/lib/opkg';

/** Maps every entry; RootFsInvalid (ParseError ROOTFS_INVALID) for a top level that is not OpenWrt's. */
export function placeEntries(entries: ReadonlyMap<RelPath, RootEntry>): Placement {
  const placed: Placed[] = [];
  const kernels: RootEntry[] = [];
  const warnings: string[] = [];
  let lostBoot = 0;
  for (const entry of entries.values()) {
    if (entry.path === '' || isDroppedTop(entry, warnings)) continue;
    if (entry.path.startsWith('boot/')) {
      if (entry.type === 'file' && kernelName.test(entry.path)) kernels.push(entry);
      else if (entry.type === 'file') lostBoot += 1;
      continue;
    }
    const path = destinationOf(entry);
    if (path !== undefined) placed.push({ path, entry: relocated(entry) });
  }
  if (lostBoot > 0) warnings.push(`/boot is the boot loader's: ${lostBoot} other files in it are left out`);
  return { placed, kernels, warnings };
}

/** The place in the commit, or undefined for what is left out without a word. */
function destinationOf(entry: RootEntry): RelPath | undefined {
  const { path } = entry;
  if (isDroppedState(path)) return undefined;
  if (path === yoctoDatabase || path.startsWith(`${yoctoDatabase}/`)) {
    return toRelPath(database + path.slice(yoctoDatabase.length));
  }
  const mapped = mapPath(path);
  if (mapped.kind === 'forbidden') return undefined;
  // The folders themselves come from the layout; only what is in them is content.
  if (mapped.kind === 'factory' && !path.includes('/')) return undefined;
  return mapped.path;
}

/** Package lists, and what lies in folders of /var that every boot empties. */
function isDroppedState(path: RelPath): boolean {
  const [top, second] = path.split('/', 2);
  if (top === 'var' && second !== undefined && volatileNames.has(second)) return true;
  return /^(?:usr|var)\/lib\/opkg\/lists\//u.test(path);
}

/** True for a symlink (or a folder) of the top level that the layout's own takes the place of. */
function isDroppedTop(entry: RootEntry, warnings: string[]): boolean {
  const { path } = entry;
  if (path.includes('/') && path !== 'usr/lib64') return false;
  if (entry.type === 'directory') return mapPath(path).kind === 'forbidden';
  const isLayout =
    linkPaths.has(path) || mapPath(path).kind === 'forbidden' || ['var', 'etc', 'usr'].includes(path);
  if (!isLayout) return false;
  if (entry.type === 'file' || ['etc', 'usr'].includes(path))
    throw oddTop(path, 'is not the directory it should be');
  const leadsTo = runtimePath(toRelPath(join('/', path === 'usr/lib64' ? 'usr' : '', entry.target)));
  const isOurs = topLevelLinks.some((link) => link.path === path && link.target === entry.target);
  if (isOurs || leadsTo === runtimePath(path)) return true;
  if (mergedTops.has(path)) throw oddTop(path, `leads to '${entry.target}', not to /${runtimePath(path)}`);
  const isUsual = leadsTo === 'tmp' || leadsTo.startsWith('tmp/') || leadsTo === 'var/run';
  if (!isUsual) warnings.push(`/${path} led to '${entry.target}'; the commit has its own /${path}`);
  return true;
}

function relocated(entry: RootEntry): RootEntry {
  return entry.type === 'symlink' ? { ...entry, target: relocateSymlink(entry.path, entry.target) } : entry;
}

function oddTop(path: string, what: string): ParseError {
  return new ParseError('ROOTFS_INVALID', `not an OpenWrt root: /${path} ${what}`);
}
