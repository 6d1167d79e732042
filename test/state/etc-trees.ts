/** Trees of `/etc` in tests: by path, on disk and in memory. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { sha256Hex, utf8 } from '../../src/base/index.ts';
import { type EtcNode, type EtcPlan, type EtcTree, planEtc, resultBytes } from '../../src/state/index.ts';

/** path -> content; `mode|` before the content, `-> target` for a symlink, a path that ends in `/` is a directory. */
export type Tree = Readonly<Record<string, string>>;

interface Parsed {
  readonly mode: number;
  readonly text: string;
}

function parse(content: string, isDirectory: boolean): Parsed {
  const match = /^([0-7]{3,4})\|/u.exec(content);
  const mode = match?.[1] === undefined ? (isDirectory ? 0o755 : 0o644) : Number.parseInt(match[1], 8);
  return { mode, text: content.replace(/^[0-7]{3,4}\|/u, '') };
}

/** The tree as a side of a merge, owned by root. */
export function treeOf(tree: Tree): EtcTree {
  const nodes = new Map<string, EtcNode>();
  const bytes = new Map<string, Uint8Array>();
  const put = (path: string, node: Partial<EtcNode>) =>
    nodes.set(path, { uid: 0, gid: 0, mode: 0o755, size: 0, kind: 'dir', ...node });
  for (const [key, content] of Object.entries(tree)) {
    const path = key.replace(/\/$/u, '');
    const { mode, text } = parse(content, key.endsWith('/'));
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      if (!nodes.has(parent)) put(parent, {});
    }
    if (key.endsWith('/')) put(path, { mode });
    else if (text.startsWith('-> ')) put(path, { kind: 'symlink', mode: 0o777, target: text.slice(3) });
    else {
      bytes.set(path, utf8(text));
      put(path, { kind: 'file', mode, size: utf8(text).length });
    }
  }
  const read = (path: string) => bytes.get(path) ?? new Uint8Array();
  return { nodes, notes: [], read, digest: (path) => sha256Hex(read(path)) };
}

export interface Merged {
  readonly plan: EtcPlan;
  /** path -> content, `mode|` before it where it is no plain one; only empty or odd directories are listed. */
  readonly result: Record<string, string>;
  readonly classes: Record<string, string>;
}

/** Plans the merge of three trees in memory. */
export function merge(base: Tree, live: Tree, target: Tree): Merged {
  const sides = { base: treeOf(base), live: treeOf(live), target: treeOf(target) };
  const plan = planEtc(sides);
  const result: Record<string, string> = {};
  for (const [path, node] of plan.result) {
    const mode = (plain: number) => (node.mode === plain ? '' : `${node.mode.toString(8)}|`);
    if (node.kind === 'symlink') result[path] = `-> ${node.target}`;
    else if (node.kind === 'file') {
      result[path] = mode(0o644) + Buffer.from(resultBytes(sides, node.content)).toString();
    } else {
      const empty = ![...plan.result.keys()].some((other) => other.startsWith(`${path}/`));
      if (empty || node.mode !== 0o755) result[`${path}/`] = mode(0o755);
    }
  }
  const classes = Object.fromEntries(plan.entries.map((entry) => [entry.path, entry.class]));
  return { plan, result, classes };
}

/** Makes the tree in a new directory. */
export function writeTree(dir: string, tree: Tree): string {
  fs.mkdirSync(dir, { recursive: true });
  for (const [path, content] of Object.entries(tree)) {
    const at = join(dir, path);
    const { mode, text } = parse(content, path.endsWith('/'));
    fs.mkdirSync(path.endsWith('/') ? at : join(at, '..'), { recursive: true });
    if (text.startsWith('-> ')) {
      fs.symlinkSync(text.slice(3), at);
      continue;
    }
    if (!path.endsWith('/')) fs.writeFileSync(at, text);
    fs.chmodSync(at, mode);
  }
  return dir;
}
