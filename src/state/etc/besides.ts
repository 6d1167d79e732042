/** What earlier merges left for the admin to look at, and what becomes of it in the next one. */
import type { EtcTree } from '../etc-merge-tree.ts';
import { conflictsFile, type EtcConflict, parseConflicts, renderConflicts } from './conflicts.ts';
import type { EtcRun } from './run.ts';

/** The conflicts that a tree has on record, by the place of the copy: any other file of such a name is the admin's own. */
export function readBesides(live: EtcTree): ReadonlyMap<string, EtcConflict> {
  if (live.nodes.get(conflictsFile)?.kind !== 'file') return new Map();
  return new Map(parseConflicts(live.read(conflictsFile)).map((conflict) => [conflict.beside, conflict]));
}

/** Copies of earlier merges stay while what they belong to is still the admin's own and has no newer conflict. */
export function carryBesides(run: EtcRun, record: ReadonlyMap<string, EtcConflict>): void {
  const { base, live, target } = run.sides;
  const fresh = new Set(run.conflicts.map((conflict) => conflict.path));
  for (const [path, conflict] of record) {
    if (!live.nodes.has(path) || base.nodes.has(path) || target.nodes.has(path)) continue;
    const kept = run.result.get(conflict.path);
    const isMine = kept !== undefined && !(kept.kind === 'file' && kept.content.from === 'target');
    const slash = path.lastIndexOf('/');
    const placed = slash < 0 || run.result.get(path.slice(0, slash))?.kind === 'dir';
    if (fresh.has(conflict.path) || !placed || (!isMine && conflict.kind !== 'release')) continue;
    for (const inner of live.nodes.keys())
      if (inner === path || inner.startsWith(`${path}/`)) run.take('live', inner);
    run.conflicts.push(conflict);
  }
}

/** The record of this merge. */
export function placeRecord(run: EtcRun): void {
  if (run.conflicts.length === 0) return;
  run.ensureFolder('opkg-ostree', 0o755);
  const bytes = renderConflicts(run.conflicts);
  run.result.set(conflictsFile, {
    kind: 'file',
    uid: 0,
    gid: 0,
    mode: 0o600,
    content: { from: 'made', bytes },
  });
}
