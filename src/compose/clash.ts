/**
 * Two files of one name after the /usr merge (openwrt-platform.md B.2; 14 of 4,480 packages' paths). A link that now
 * leads to itself goes; a real file beats a link to busybox; then the higher Alternatives priority wins; the rest is
 * an error, because either choice would break a program.
 */
import { basename } from 'node:path/posix';
import { compareBytes, RefusedError, type RelPath } from '../base/index.ts';
import type { Placed } from './place.ts';
import { resolveTarget, runtimeOfTree } from './tree.ts';

/** The priority of an alternative link, or undefined for a link that no package declares. */
export type AlternativePriority = (path: string, target: string) => number | undefined;

export interface MergeResult {
  readonly kept: ReadonlyMap<RelPath, Placed>;
  /** Source paths of files that lost, which no package owns any more. */
  readonly dropped: readonly RelPath[];
}

/** One entry for each destination; RefusedError ROOTFS_CLASH naming both paths where no rule decides. */
export function mergeClashes(placed: readonly Placed[], priority: AlternativePriority): MergeResult {
  const groups = new Map<RelPath, Placed[]>();
  for (const item of placed) {
    const group = groups.get(item.path);
    if (group === undefined) groups.set(item.path, [item]);
    else group.push(item);
  }
  const kept = new Map<RelPath, Placed>();
  const dropped: RelPath[] = [];
  for (const [path, group] of groups) {
    const winner = decide(group, priority);
    if (winner !== undefined) kept.set(path, winner);
    for (const item of group) {
      if (item !== winner && item.entry.type !== 'directory') dropped.push(item.entry.path);
    }
  }
  return { kept, dropped };
}

function decide(group: readonly Placed[], priority: AlternativePriority): Placed | undefined {
  const real = group.filter((item) => !leadsToItself(item));
  // Any order of the source gives the same winner: what is already at its final place comes first.
  real.sort((a, b) => Number(isMoved(a)) - Number(isMoved(b)) || compareBytes(a.entry.path, b.entry.path));
  let winner = real[0];
  for (const challenger of real.slice(1)) {
    if (winner !== undefined) winner = better(winner, challenger, priority);
  }
  return winner;
}

function better(a: Placed, b: Placed, priority: AlternativePriority): Placed {
  const [x, y] = [a.entry, b.entry];
  if (x.type === 'directory' && y.type === 'directory') return a;
  if (x.type === 'directory' || y.type === 'directory') throw clash(a, b);
  if (x.type === 'symlink' && y.type === 'symlink') {
    if (resolved(a, x.target) === resolved(b, y.target)) return a;
  }
  if (x.type === 'file' && y.type === 'file' && x.content === y.content) return a;
  if (isBusyboxLink(a) !== isBusyboxLink(b)) return isBusyboxLink(a) ? b : a;
  const [p, q] = [priorityOf(a, priority), priorityOf(b, priority)];
  if (p === q) throw clash(a, b);
  return p > q ? a : b;
}

function priorityOf(item: Placed, priority: AlternativePriority): number {
  if (item.entry.type !== 'symlink') return Number.NEGATIVE_INFINITY;
  return priority(`/${item.entry.path}`, resolved(item, item.entry.target)) ?? Number.NEGATIVE_INFINITY;
}

function isMoved(item: Placed): boolean {
  return item.path !== item.entry.path;
}

function resolved(item: Placed, target: string): string {
  return resolveTarget(item.path, target);
}

function leadsToItself(item: Placed): boolean {
  return (
    item.entry.type === 'symlink' && resolved(item, item.entry.target) === `/${runtimeOfTree(item.path)}`
  );
}

function isBusyboxLink(item: Placed): boolean {
  return item.entry.type === 'symlink' && /^busybox/u.test(basename(resolved(item, item.entry.target)));
}

function clash(a: Placed, b: Placed): RefusedError {
  const paths = [a.entry.path, b.entry.path].sort();
  return new RefusedError(
    'ROOTFS_CLASH',
    `/${paths[0]} and /${paths[1]} would be one file after the /usr merge`,
    {
      hint: 'remove one of the two from the root file system, then compose again',
      details: { paths },
    },
  );
}
