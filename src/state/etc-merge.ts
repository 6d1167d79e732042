/**
 * Plans and applies the merge of `/etc` on directories.
 *
 * ```
 * merge deployment: usr/etc (old default)  etc (current)
 * new deployment:   usr/etc (new default)  -> a copy -> plan applied -> etc
 * ```
 */
import { join } from 'node:path/posix';
import { RefusedError } from '../base/index.ts';
import { lstat, lstatIfExists, mkdir, removeTree } from '../sys/index.ts';
import { type CopyRun, copyAttributes, copyNode, copyXattrs } from './etc-merge-copy.ts';
import { type EtcMergePlan, type EtcReport, etcEntriesOf, planEtcTrees } from './etc-merge-plan.ts';
import { readEtcTree } from './etc-merge-tree.ts';

export { copyEtcTree, stampEtc } from './etc-merge-copy.ts';
export type {
  EtcClass,
  EtcDifference,
  EtcEntry,
  EtcMergeEntry,
  EtcMergePlan,
  EtcReport,
} from './etc-merge-plan.ts';
export { etcDifference, etcEntriesOf, planEtcTrees } from './etc-merge-plan.ts';
export type { EtcNode, EtcTree } from './etc-merge-tree.ts';
export { readEtcTree, sameEtcNode } from './etc-merge-tree.ts';

/** The plan for three directories: the old defaults, the `/etc` that was made from them, the new defaults. */
export function planEtcMerge(oldDefault: string, current: string, newDefault: string): EtcMergePlan {
  return planEtcTrees(readEtcTree(oldDefault), readEtcTree(current), readEtcTree(newDefault));
}

/**
 * Throws RefusedError ETC_TYPE_CONFLICT that names every path which cannot be merged, USER_ID_CONFLICT for accounts that
 * cannot share an id; returns the plan otherwise.
 */
export function refuseTypeConflicts<T extends EtcReport>(plan: T): T {
  const [ids] = etcEntriesOf(plan, 'id-conflict');
  if (ids !== undefined) {
    throw new RefusedError('USER_ID_CONFLICT', `/etc/${ids.path}: ${ids.note ?? 'an id is taken'}`, {
      hint: `give the local account another id, then run the command again`,
    });
  }
  const conflicts = etcEntriesOf(plan, 'type-conflict');
  const first = conflicts[0];
  if (first === undefined) return plan;
  const more = conflicts.length > 1 ? ` (and ${conflicts.length - 1} more)` : '';
  throw new RefusedError('ETC_TYPE_CONFLICT', `/etc/${first.path}: ${first.note ?? 'types differ'}${more}`, {
    hint: `move or remove /etc/${first.path}, then run the command again`,
    details: { paths: conflicts.map(({ path, note }) => ({ path: `/etc/${path}`, note })) },
  });
}

/**
 * Applies the plan to `target`, a private copy of the new defaults that nobody uses yet. Files come from `current`
 * with owner, mode and modification time. A file that vanished from `current` since the plan was made is left out.
 * Notes on what was not carried over come back.
 */
export function applyEtcMerge(plan: EtcMergePlan, current: string, target: string): string[] {
  refuseTypeConflicts(plan);
  const notes = [...plan.notes];
  const run: CopyRun = { notes, copied: [] };
  for (const entry of plan.entries) {
    if (entry.action === 'remove' && hasRealParents(target, entry.path)) removeTree(join(target, entry.path));
  }
  for (const entry of plan.entries) {
    if (entry.class === 'skipped') notes.push(`${entry.path}: ${entry.note ?? 'skipped'}`);
    if (entry.action === 'copy') carryPath(current, target, entry.path, run);
  }
  copyXattrs(run.copied, notes);
  return notes;
}

/** False where a folder on the way is missing, a file, or a symlink, which would lead the removal out of the tree. */
function hasRealParents(target: string, path: string): boolean {
  const parts = path.split('/').slice(0, -1);
  return parts.every((_, index) => {
    return lstatIfExists(join(target, ...parts.slice(0, index + 1)))?.isDirectory() === true;
  });
}

function carryPath(current: string, target: string, path: string, run: CopyRun): void {
  const stats = lstatIfExists(join(current, path));
  if (stats === undefined) return;
  carryParents(current, target, path);
  const there = lstatIfExists(join(target, path));
  if (there?.isDirectory() === true) {
    if (stats.isDirectory()) return;
    throw typeChanged(path);
  }
  removeTree(join(target, path));
  copyNode(join(current, path), join(target, path), run);
}

/** Missing folders are made; those that exist take the attributes of the current ones, as libostree does. */
function carryParents(current: string, target: string, path: string): void {
  const parts = path.split('/').slice(0, -1);
  parts.forEach((_, index) => {
    const folder = parts.slice(0, index + 1).join('/');
    const stats = lstat(join(current, folder));
    const there = lstatIfExists(join(target, folder));
    if (!stats.isDirectory() || (there !== undefined && !there.isDirectory())) throw typeChanged(folder);
    if (there === undefined) mkdir(join(target, folder), 0o700);
    copyAttributes(stats, join(target, folder));
  });
}

function typeChanged(path: string): RefusedError {
  return new RefusedError('ETC_TYPE_CONFLICT', `/etc/${path} changed its type while it was merged`, {
    hint: 'run the command again',
  });
}
