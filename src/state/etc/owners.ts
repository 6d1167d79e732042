import type { EtcNode, EtcTree } from '../etc-merge-tree.ts';
import type { OwnerMap } from './account-merge.ts';

/** The tree as it looks with the ids of this machine. */
export function withOwners(tree: EtcTree, { users, groups }: OwnerMap): EtcTree {
  if (users.size === 0 && groups.size === 0) return tree;
  const nodes = new Map<string, EtcNode>();
  for (const [path, node] of tree.nodes) {
    nodes.set(path, {
      ...node,
      uid: users.get(node.uid) ?? node.uid,
      gid: groups.get(node.gid) ?? node.gid,
    });
  }
  return { ...tree, nodes };
}
