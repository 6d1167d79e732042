/** The commit's tree as a value: what the rules build, and what the writer turns into objects. */
import { dirname, join } from 'node:path/posix';
import { compareBytes, ParseError, type RelPath } from '../base/index.ts';
import type { Xattr } from '../ostree/index.ts';
import { runtimePath } from '../state/index.ts';
import { parentOf } from './entries.ts';

/** Where a file's bytes come from. */
export type ContentSource =
  | { readonly kind: 'source'; readonly path: RelPath; readonly size: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'disk'; readonly path: string };

interface Attributed {
  readonly uid: number;
  readonly gid: number;
  readonly xattrs: readonly Xattr[];
}

export interface TreeDirectory extends Attributed {
  readonly type: 'directory';
  readonly mode: number;
}

export interface TreeFile extends Attributed {
  readonly type: 'file';
  readonly mode: number;
  readonly content: ContentSource;
}

export interface TreeSymlink extends Attributed {
  readonly type: 'symlink';
  readonly target: string;
}

export type TreeNode = TreeDirectory | TreeFile | TreeSymlink;

/** Every path of the commit but its root. A plain map: rules are functions over it. */
export type Tree = Map<RelPath, TreeNode>;

const rootOwned = { uid: 0, gid: 0, xattrs: [] } as const;

/** A directory of root's. */
export function rootDirectory(mode = 0o755): TreeDirectory {
  return { ...rootOwned, type: 'directory', mode };
}

/** A file of root's with the given bytes. */
export function rootFile(bytes: Uint8Array, mode = 0o644): TreeFile {
  return { ...rootOwned, type: 'file', mode, content: { kind: 'bytes', bytes } };
}

/** A symlink of root's. */
export function rootSymlink(target: string): TreeSymlink {
  return { ...rootOwned, type: 'symlink', target };
}

/**
 * Puts a node at the path and makes the folders above it, of root's and 0755, where they are missing. ParseError
 * ROOTFS_INVALID where the tree has a file or symlink in place of such a folder.
 */
export function putNode(tree: Tree, path: RelPath, node: TreeNode): void {
  tree.set(path, node);
  for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) {
    const found = tree.get(parent);
    if (found?.type === 'directory') return;
    if (found !== undefined) {
      throw new ParseError('ROOTFS_INVALID', `not an OpenWrt root: '${parent}' is no directory`);
    }
    tree.set(parent, rootDirectory());
  }
}

/** The paths directly below a folder, in strcmp order of their names. */
export function childrenOf(tree: Tree): ReadonlyMap<RelPath, readonly RelPath[]> {
  const children = new Map<RelPath, RelPath[]>();
  for (const path of tree.keys()) {
    const parent = parentOf(path);
    const list = children.get(parent);
    if (list === undefined) children.set(parent, [path]);
    else list.push(path);
  }
  for (const list of children.values()) list.sort(compareBytes);
  return children;
}

/** Where the symlink at a path of the tree leads, lexically and through the layout's links, absolute. */
export function resolveTarget(path: RelPath, target: string): string {
  const joined = join('/', target.startsWith('/') ? '' : dirname(runtimePath(runtimeOfTree(path))), target);
  return `/${runtimePath(joined.slice(1) as RelPath)}`;
}

/** A tree path as the running system sees it: usr/etc is /etc, factory content is in /var. */
export function runtimeOfTree(path: RelPath): RelPath {
  if (path === 'usr/etc' || path.startsWith('usr/etc/')) return path.slice(4) as RelPath;
  if (path.startsWith('usr/share/factory/')) return path.slice('usr/share/factory/'.length) as RelPath;
  return path;
}
