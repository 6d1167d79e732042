/**
 * The three-way merge of `/etc`, by libostree's rules (`ostree admin deploy`, merge_configuration_from): whole
 * files, the admin's change always wins, what equals the old default takes the new one. Pure.
 */
import { compareBytes } from '../base/index.ts';
import { type EtcTree, sameEtcNode } from './etc-merge-tree.ts';

/**
 * What becomes of a path.
 * `kept`: changed or added by the admin, the default is as it was; `conflict`: changed by both, the admin's stays;
 * `merged`: changed by both, and the result has both changes; `deleted`: deleted by the admin, stays so;
 * `updated`: untouched, takes the new default; `type-conflict`, `id-conflict`: cannot be merged; `skipped`: a device,
 * fifo or socket, not carried over.
 */
export type EtcClass =
  | 'kept'
  | 'conflict'
  | 'merged'
  | 'deleted'
  | 'updated'
  | 'type-conflict'
  | 'id-conflict'
  | 'skipped';

/** One path of a merge as it is reported. */
export interface EtcEntry {
  readonly path: string;
  readonly class: EtcClass;
  readonly note?: string;
}

/** What every plan of a merge says about itself. */
export interface EtcReport {
  /** In byte order of their paths. */
  readonly entries: readonly EtcEntry[];
  /** The figures of libostree's message "Copying /etc changes". */
  readonly modified: number;
  readonly removed: number;
  readonly added: number;
  readonly notes: readonly string[];
}

export interface EtcMergeEntry extends EtcEntry {
  /** What the executor does to the new deployment's `/etc`, which starts as a copy of the new defaults. */
  readonly action: 'copy' | 'remove' | 'none';
}

/** A plan is plain data: printed, sent as JSON, and applied by `applyEtcMerge`. */
export interface EtcMergePlan extends EtcReport {
  readonly entries: readonly EtcMergeEntry[];
}

/** How one tree differs from another. */
export interface EtcDifference {
  readonly removed: readonly string[];
  readonly modified: readonly string[];
  readonly added: readonly string[];
}

/** The plan that carries the changes from `oldDefault` to `current` over to `newDefault`. Never throws. */
export function planEtcTrees(oldDefault: EtcTree, current: EtcTree, newDefault: EtcTree): EtcMergePlan {
  const local = etcDifference(oldDefault, current);
  const sides = { oldDefault, current, newDefault };
  const entries = [
    ...local.removed.map((path) => removal(path, sides)),
    ...local.modified.map((path) => carried(path, sides)),
    ...local.added.map((path) => carried(path, sides)),
  ];
  const settled = new Set(entries.map((entry) => entry.path));
  entries.push(...updates(sides, settled, local.removed));
  entries.sort((a, b) => compareBytes(a.path, b.path));
  return {
    entries,
    modified: local.modified.length,
    removed: local.removed.length,
    added: local.added.length,
    notes: current.notes,
  };
}

/** The plan's entries of one class. */
export function etcEntriesOf(plan: EtcReport, wanted: EtcClass): readonly EtcEntry[] {
  return plan.entries.filter((entry) => entry.class === wanted);
}

interface Sides {
  readonly oldDefault: EtcTree;
  readonly current: EtcTree;
  readonly newDefault: EtcTree;
}

/** libostree's ostree_diff_dirs: a removed directory is one item, an added one is listed with all below it. */
export function etcDifference(from: EtcTree, to: EtcTree): EtcDifference {
  const removed: string[] = [];
  const modified: string[] = [];
  const added: string[] = [];
  const gone = new Set<string>();
  for (const [path, node] of from.nodes) {
    if (hasAncestorIn(path, gone)) continue;
    const other = to.nodes.get(path);
    if (other === undefined) {
      removed.push(path);
      gone.add(path);
    } else if (other.kind !== node.kind) {
      modified.push(path);
      gone.add(path);
    } else if (!sameEtcNode(from, to, path)) {
      modified.push(path);
    }
  }
  for (const path of to.nodes.keys()) {
    // Below a directory that was something else before, the copy of the directory brings everything.
    if (!from.nodes.has(path) && !hasAncestorIn(path, gone)) added.push(path);
  }
  return { removed, modified, added };
}

function removal(path: string, sides: Sides): EtcMergeEntry {
  const note = treeChanged(path, sides) ? 'the new default differs from the one that was deleted' : undefined;
  return entryOf(path, 'deleted', 'remove', note);
}

function carried(path: string, sides: Sides): EtcMergeEntry {
  const { oldDefault, current, newDefault } = sides;
  const mine = current.nodes.get(path);
  const theirs = newDefault.nodes.get(path);
  if (mine?.kind === 'special')
    return entryOf(path, 'skipped', 'none', 'a device, fifo or socket is not carried over');
  const blocked = blockedParent(path, sides);
  if (blocked !== undefined) {
    return entryOf(path, 'type-conflict', 'none', `${blocked} is no longer a directory in the new defaults`);
  }
  if (theirs?.kind === 'dir' && mine?.kind !== 'dir') {
    return entryOf(
      path,
      'type-conflict',
      'none',
      'a directory in the new defaults, not one in the current /etc',
    );
  }
  const both = !sameEtcNode(oldDefault, newDefault, path) && !sameEtcNode(current, newDefault, path);
  if (theirs?.kind === 'dir') {
    // libostree leaves a directory that exists as it is, so the admin's chmod of it alone is lost.
    const lost = oldDefault.nodes.has(path) && !sameEtcNode(current, newDefault, path);
    return entryOf(
      path,
      'kept',
      'none',
      lost ? "the directory's new owner or mode is not carried over" : undefined,
    );
  }
  if (!both) return entryOf(path, 'kept', 'copy');
  const deleted = theirs === undefined;
  return entryOf(
    path,
    'conflict',
    'copy',
    deleted ? 'no longer in the new defaults' : 'the default changed too',
  );
}

/**
 * The nearest folder of the path that the new defaults hold as something else. A folder that the admin added or whose
 * owner or mode they changed is carried over itself, before what is in it, and so is none.
 */
function blockedParent(path: string, { oldDefault, current, newDefault }: Sides): string | undefined {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    const parent = path.slice(0, at);
    const theirs = newDefault.nodes.get(parent);
    if (theirs === undefined || theirs.kind === 'dir') continue;
    if (sameEtcNode(oldDefault, current, parent)) return parent;
  }
  return undefined;
}

function updates(sides: Sides, settled: ReadonlySet<string>, removed: readonly string[]): EtcMergeEntry[] {
  const gone = new Set(removed);
  const entries: EtcMergeEntry[] = [];
  for (const path of new Set([...sides.oldDefault.nodes.keys(), ...sides.newDefault.nodes.keys()])) {
    if (settled.has(path) || hasAncestorIn(path, gone)) continue;
    if (!sameEtcNode(sides.oldDefault, sides.newDefault, path))
      entries.push(entryOf(path, 'updated', 'none'));
  }
  return entries;
}

function treeChanged(path: string, { oldDefault, newDefault }: Sides): boolean {
  const inside = (candidate: string) => candidate === path || candidate.startsWith(`${path}/`);
  const paths = [...oldDefault.nodes.keys(), ...newDefault.nodes.keys()].filter(inside);
  return newDefault.nodes.has(path) && paths.some((p) => !sameEtcNode(oldDefault, newDefault, p));
}

function hasAncestorIn(path: string, set: ReadonlySet<string>): boolean {
  if (set.size === 0) return false;
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    if (set.has(path.slice(0, at))) return true;
  }
  return false;
}

function entryOf(
  path: string,
  kind: EtcClass,
  action: EtcMergeEntry['action'],
  note?: string,
): EtcMergeEntry {
  return { path, class: kind, action, ...(note === undefined ? {} : { note }) };
}
