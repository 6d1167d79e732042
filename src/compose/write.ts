/** Writes a planned tree as objects: contents first, in one pass over the source, then the directories from below. */
import { basename } from 'node:path/posix';
import {
  type Checksum,
  InternalError,
  type OperationContext,
  type RelPath,
  throwIfAborted,
} from '../base/index.ts';
import type { Attributes, Transaction } from '../ostree/index.ts';
import type { FileBytes, RootSource } from './source.ts';
import {
  childrenOf,
  rootDirectory,
  type Tree,
  type TreeDirectory,
  type TreeFile,
  type TreeNode,
} from './tree.ts';

const typeBits = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const;
/** Symlinks have no permissions of their own; Linux shows all of them. */
const symlinkPermissions = 0o777;
const rootPath = '' as RelPath;

/** The root's objects. Files of one source member and the same attributes (hard links) are written once. */
export async function writeTree(
  txn: Transaction,
  tree: Tree,
  source: RootSource,
  ctx: OperationContext,
): Promise<{ readonly tree: Checksum; readonly meta: Checksum }> {
  const files = new Map<RelPath, Checksum>();
  await writeSourceFiles(txn, tree, source, files, ctx);
  for (const [path, node] of tree) {
    if (files.has(path) || node.type === 'directory') continue;
    throwIfAborted(ctx.signal);
    files.set(path, writeOther(txn, node));
  }
  return writeDirectories(txn, tree, files);
}

async function writeSourceFiles(
  txn: Transaction,
  tree: Tree,
  source: RootSource,
  files: Map<RelPath, Checksum>,
  ctx: OperationContext,
): Promise<void> {
  const users = new Map<RelPath, { path: RelPath; node: TreeFile }[]>();
  const wanted = new Map<RelPath, number>();
  for (const [path, node] of tree) {
    if (node.type !== 'file' || node.content.kind !== 'source') continue;
    const from = node.content.path;
    users.set(from, [...(users.get(from) ?? []), { path, node }]);
    wanted.set(from, node.content.size);
  }
  const sink = async (from: RelPath, bytes: FileBytes) => {
    const [first, ...others] = users.get(from) ?? [];
    if (first === undefined) return;
    const checksum = await writeContent(txn, attributesOf(first.node), bytes);
    for (const { path } of [first, ...others]) files.set(path, checksum);
  };
  await source.readFiles(wanted, sink, ctx);
}

async function writeContent(txn: Transaction, attributes: Attributes, bytes: FileBytes): Promise<Checksum> {
  if (bytes.kind === 'disk') return txn.writeFileFrom(attributes, bytes.path);
  const writer = txn.openFileWriter(attributes, bytes.size);
  try {
    for await (const chunk of bytes.chunks) writer.write(chunk);
    return writer.finish();
  } catch (error) {
    writer.abort();
    throw error;
  }
}

function writeOther(txn: Transaction, node: TreeNode): Checksum {
  const attributes = attributesOf(node);
  if (node.type === 'symlink') return txn.writeSymlink(attributes, node.target);
  if (node.type === 'file' && node.content.kind === 'bytes')
    return txn.writeFile(attributes, node.content.bytes);
  if (node.type === 'file' && node.content.kind === 'disk') {
    return txn.writeFileFrom(attributes, node.content.path);
  }
  throw new InternalError('a file of the tree has no content');
}

function writeDirectories(
  txn: Transaction,
  tree: Tree,
  files: ReadonlyMap<RelPath, Checksum>,
): { readonly tree: Checksum; readonly meta: Checksum } {
  const children = childrenOf(tree);
  const write = (path: RelPath, node: TreeDirectory) => {
    const list: {
      files: { name: string; checksum: Checksum }[];
      dirs: { name: string; tree: Checksum; meta: Checksum }[];
    } = { files: [], dirs: [] };
    for (const child of children.get(path) ?? []) {
      const name = basename(child);
      const checksum = files.get(child);
      const found = tree.get(child);
      if (checksum !== undefined) list.files.push({ name, checksum });
      else if (found?.type === 'directory') list.dirs.push({ name, ...write(child, found) });
    }
    return { tree: txn.writeDirtree(list), meta: txn.writeDirmeta(attributesOf(node)) };
  };
  return write(rootPath, rootDirectory());
}

function attributesOf(node: TreeNode): Attributes {
  const permissions = node.type === 'symlink' ? symlinkPermissions : node.mode;
  return { uid: node.uid, gid: node.gid, mode: typeBits[node.type] | permissions, xattrs: node.xattrs };
}
