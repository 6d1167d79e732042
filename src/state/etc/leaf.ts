/** The decision for one path that is no directory on any side that counts. */
import { isOpkgOstreeError } from '../../base/index.ts';
import { mergeUci } from '../../uci/index.ts';
import { type EtcNode, sameEtcAttributes, sameEtcContent, sameEtcNode } from '../etc-merge-tree.ts';
import { mergeAccountFile } from './account-merge.ts';
import { mergeLines } from './lines.ts';
import type { EtcContent } from './result.ts';
import type { EtcRun } from './run.ts';

interface LeafNodes {
  readonly b: EtcNode | undefined;
  readonly l: EtcNode | undefined;
  readonly t: EtcNode | undefined;
}

/** Decides a path whose live and new nodes are files, symlinks or nothing. */
export function mergeLeaf(run: EtcRun, path: string): void {
  const { base, live, target } = run.sides;
  const [b, l, t] = [leafOf(base.nodes.get(path)), live.nodes.get(path), target.nodes.get(path)];
  if (l?.kind === 'special') {
    run.note(path, 'skipped', 'a device, fifo or socket is not carried over');
    run.take('target', path);
    return;
  }
  if (decidedByRule(run, path, { b, l, t })) return;
  const mineSame = b === undefined ? l === undefined : sameEtcNode(base, live, path);
  const theirsSame = b === undefined ? t === undefined : sameEtcNode(base, target, path);
  if (mineSame) {
    run.take('target', path);
    if (!theirsSame) run.note(path, 'updated');
  } else if (theirsSame) {
    run.take('live', path);
    run.note(path, l === undefined ? 'deleted' : 'kept');
  } else if (sameEtcNode(live, target, path)) {
    run.take('live', path);
  } else if (l === undefined) {
    run.note(path, 'deleted', 'the new default differs from the one that was deleted');
  } else if (t === undefined) {
    run.take('live', path);
    run.note(path, 'kept', 'no longer in the new defaults');
  } else {
    bothChanged(run, path, { b, l, t });
  }
}

/** Rules that look at one side only. True when the path is settled. */
function decidedByRule(run: EtcRun, path: string, { b, l, t }: LeafNodes): boolean {
  const { base, live, target } = run.sides;
  const rule = run.rules.ruleFor(path);
  const differs = () => !sameEtcNode(live, target, path);
  if (rule === 'accept') {
    run.take('target', path);
    if (differs()) run.note(path, 'updated', 'as settled: the new default');
    return true;
  }
  if (rule === 'keep' || (rule === 'live' && (l !== undefined || b !== undefined))) {
    run.take('live', path);
    const note = rule === 'keep' ? 'as settled: yours' : staleNote(run, path);
    if (differs()) run.note(path, l === undefined ? 'deleted' : 'kept', note);
    return true;
  }
  if (rule === 'once' && l === undefined && t !== undefined && b !== undefined) {
    // It ran and deleted itself: only a script with other content has anything left to do.
    if (sameEtcContent(base, target, path)) {
      run.note(path, 'deleted', 'has run already');
    } else {
      run.take('target', path);
      run.note(path, 'updated', 'runs again: its content changed');
    }
    return true;
  }
  return false;
}

/** OpenWrt writes board.json where there is none, from the scripts of board.d; sysupgrade does not keep it. */
function staleNote({ sides: { base, live, target } }: EtcRun, path: string): string | undefined {
  if (path !== 'board.json' || !live.nodes.has(path)) return undefined;
  const scripts = [...base.nodes.keys(), ...target.nodes.keys()].filter((name) =>
    name.startsWith('board.d/'),
  );
  if (scripts.every((script) => sameEtcNode(base, target, script))) return undefined;
  return 'made by the board.d of before; removed, the next start makes it anew';
}

interface Changed {
  readonly b: EtcNode | undefined;
  readonly l: EtcNode;
  readonly t: EtcNode;
}

function bothChanged(run: EtcRun, path: string, { b, l, t }: Changed): void {
  if (l.kind === 'symlink' && t.kind === 'symlink') {
    // What leads into /tmp is made at run time, and the new system knows where.
    if (isTmpLink(l)) {
      run.take('target', path);
      run.note(path, 'updated', 'a link into /tmp follows the new default');
      return;
    }
  }
  if (l.kind === 'file' && t.kind === 'file') {
    mergeFiles(run, path, { b, l, t });
    return;
  }
  keepMine(run, path, 'the default changed too');
}

function keepMine(run: EtcRun, path: string, note: string): void {
  if (run.rules.ruleFor(path) === 'release') {
    run.take('target', path);
    run.note(path, 'conflict', 'belongs to the release: the new default counts, yours is beside it');
    run.conflict(path, 'release', 'live');
    return;
  }
  run.take('live', path);
  run.note(path, 'conflict', note);
  run.conflict(path, 'both', 'target');
}

/** Content and attributes are two questions: a chmod here does not keep an old text. */
function mergeFiles(run: EtcRun, path: string, { b, l, t }: Changed): void {
  const { base, live, target } = run.sides;
  const owner = b !== undefined && sameEtcAttributes(b, l) ? t : l;
  const isFile = b?.kind === 'file';
  if (sameEtcContent(live, target, path)) {
    run.put(path, { from: 'live', path }, owner);
    run.note(path, 'kept');
  } else if (isFile && sameEtcContent(base, live, path)) {
    run.put(path, { from: 'target', path }, owner);
    run.note(path, 'merged', 'your owner and mode, the new content');
  } else if (isFile && sameEtcContent(base, target, path)) {
    run.put(path, { from: 'live', path }, owner);
    run.note(path, 'merged', 'your content, the new owner and mode');
  } else {
    mergeContent(run, path, owner, isFile);
  }
}

function mergeContent(run: EtcRun, path: string, owner: EtcNode, hasBase: boolean): void {
  const { base, live, target } = run.sides;
  const bytes = {
    base: hasBase ? base.read(path) : undefined,
    live: live.read(path),
    target: target.read(path),
  };
  const rule = run.rules.ruleFor(path);
  if (rule === 'uci') {
    mergeUciFile(run, path, owner, bytes);
  } else if (rule === 'accounts') {
    const file = path.slice(path.lastIndexOf('/') + 1);
    const sides = {
      base: latin1(bytes.base),
      live: latin1(bytes.live) ?? '',
      target: latin1(bytes.target) ?? '',
    };
    const merged = mergeAccountFile(file, sides, run.ids);
    run.put(path, made(merged.text), owner);
    run.notes.push(...merged.notes.map((note) => `/etc/${path}: ${note}`));
    run.note(path, merged.text === sides.live ? 'kept' : 'merged');
  } else if (rule === 'lines' && bytes.base !== undefined) {
    const merged = mergeLines(latin1(bytes.base) ?? '', latin1(bytes.live) ?? '', latin1(bytes.target) ?? '');
    if (merged === undefined) {
      keepMine(run, path, 'both changed the same lines');
      return;
    }
    run.put(path, made(merged), owner);
    run.note(path, 'merged');
  } else {
    keepMine(run, path, 'the default changed too');
  }
}

interface FileBytes {
  readonly base: Uint8Array | undefined;
  readonly live: Uint8Array;
  readonly target: Uint8Array;
}

function mergeUciFile(run: EtcRun, path: string, owner: EtcNode, bytes: FileBytes): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  let merged: ReturnType<typeof mergeUci>;
  try {
    merged = mergeUci(bytes.base, bytes.live, bytes.target, { package: name });
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.code !== 'UCI_INVALID') throw error;
    keepMine(run, path, error.message);
    return;
  }
  const content: EtcContent = merged.changed ? { from: 'made', bytes: merged.bytes } : { from: 'live', path };
  run.put(path, content, owner);
  const { conflicts } = merged;
  if (conflicts.length === 0) {
    run.note(path, merged.changed ? 'merged' : 'kept');
    return;
  }
  run.note(path, 'conflict', conflicts.map((conflict) => conflict.path).join(', '));
  run.conflict(path, 'uci', 'target', { options: conflicts });
}

function isTmpLink(node: EtcNode): boolean {
  return /^(?:\/|(?:\.\.\/)+)(?:tmp|var\/run|run)(?:\/|$)/u.test(node.target ?? '');
}

function leafOf(node: EtcNode | undefined): EtcNode | undefined {
  return node?.kind === 'dir' ? undefined : node;
}

function latin1(bytes: Uint8Array): string;
function latin1(bytes: Uint8Array | undefined): string | undefined;
function latin1(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1');
}

function made(text: string): EtcContent {
  return { from: 'made', bytes: Buffer.from(text, 'latin1') };
}
