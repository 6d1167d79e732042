import type { EtcClass, EtcEntry } from '../etc-merge-plan.ts';
import type { EtcNode } from '../etc-merge-tree.ts';
import type { OwnerMap } from './account-merge.ts';
import { besidePath, type EtcConflict, type EtcConflictKind } from './conflicts.ts';
import type { EtcContent, EtcResultNode, EtcSides } from './result.ts';
import type { EtcRules } from './rules.ts';

/** A merge that is being planned: what it reads, and what it has decided so far. */
export class EtcRun {
  readonly sides: EtcSides;
  readonly rules: EtcRules;
  /** For lines of account files that are new. */
  readonly ids: OwnerMap;
  readonly result = new Map<string, EtcResultNode>();
  readonly entries: EtcEntry[] = [];
  readonly conflicts: EtcConflict[] = [];
  readonly notes: string[] = [];
  readonly #besides = new Map<string, EtcResultNode>();

  constructor(sides: EtcSides, rules: EtcRules, ids: OwnerMap) {
    this.sides = sides;
    this.rules = rules;
    this.ids = ids;
  }

  /** Reports a path. */
  note(path: string, kind: EtcClass, note?: string): void {
    this.entries.push({ path, class: kind, ...(note === undefined ? {} : { note }) });
  }

  /** Takes a path as one side has it; nothing where it has none there. Directories come without their content. */
  take(from: 'live' | 'target', path: string): void {
    const node = this.sides[from].nodes.get(path);
    const taken = node === undefined ? undefined : resultNode(node, { from, path });
    if (taken !== undefined) this.result.set(path, taken);
  }

  /** A file of the result. */
  put(path: string, content: EtcContent, owner: EtcNode): void {
    const { uid, gid, mode } = owner;
    this.result.set(path, { kind: 'file', uid, gid, mode, content });
  }

  /** Records a conflict and keeps the side that lost, readable by nobody who could not read both. */
  conflict(
    path: string,
    kind: EtcConflictKind,
    loser: 'live' | 'target',
    more: Partial<EtcConflict> = {},
  ): void {
    const beside = besidePath(path, kind);
    const node = this.sides[loser].nodes.get(path);
    const winner = this.sides[loser === 'live' ? 'target' : 'live'].nodes.get(path);
    const copy = node === undefined ? undefined : resultNode(node, { from: loser, path });
    if (copy === undefined || copy.kind === 'dir') return;
    const shared = winner?.kind === 'file' ? copy.mode & winner.mode : copy.mode;
    this.#besides.set(beside, copy.kind === 'file' ? { ...copy, mode: shared } : copy);
    this.conflicts.push({ ...more, path, kind, beside });
  }

  /** Puts the copies of the sides that lost into the result, with the folders that they need. */
  placeBesides(): void {
    for (const [path, node] of this.#besides) {
      const parts = path.split('/').slice(0, -1);
      parts.forEach((_, index) => {
        // What is below opkg-ostree/new may come from a folder that only root may read.
        this.ensureFolder(parts.slice(0, index + 1).join('/'), index === 0 ? 0o755 : 0o700);
      });
      this.result.set(path, node);
    }
  }

  /** Makes a folder of ours in the result, where it is none yet. */
  ensureFolder(path: string, mode: number): void {
    if (this.result.get(path)?.kind !== 'dir') this.result.set(path, { kind: 'dir', uid: 0, gid: 0, mode });
  }
}

function resultNode(node: EtcNode, content: EtcContent): EtcResultNode | undefined {
  const { uid, gid, mode } = node;
  if (node.kind === 'dir') return { kind: 'dir', uid, gid, mode };
  if (node.kind === 'symlink') return { kind: 'symlink', uid, gid, mode, target: node.target ?? '' };
  return node.kind === 'file' ? { kind: 'file', uid, gid, mode, content } : undefined;
}
