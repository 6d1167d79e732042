import { sha256Hex, utf8 } from '../../base/index.ts';
import type { EtcTree } from '../etc-merge-tree.ts';

/** What a path of the tree is, in one word: a decision of the admin holds while this is the same. */
export function pathToken(tree: EtcTree, path: string): string {
  const node = tree.nodes.get(path);
  if (node === undefined) return 'absent';
  if (node.kind === 'file') return tree.digest(path);
  if (node.kind === 'symlink') return sha256Hex(utf8(`link ${node.target ?? ''}`));
  return node.kind;
}
