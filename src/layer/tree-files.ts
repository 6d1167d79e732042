/** Small files of a tree, read and written as a whole. */
import { compareBytes, type RelPath, toRelPath } from '../base/index.ts';
import type { Attributes, MutableTree, Repository, Transaction } from '../ostree/index.ts';

const directoryAttributes: Attributes = { uid: 0, gid: 0, mode: 0o040755, xattrs: [] };
export const linkAttributes: Attributes = { uid: 0, gid: 0, mode: 0o120777, xattrs: [] };

/** The database and account files of real systems stay below 1 MiB; a larger one is not read. */
const maxFileBytes = 32 << 20;

/** What a rewritten file keeps of the one before; extended attributes are not read, as such files have none. */
export interface TreeFile {
  readonly attributes: Attributes;
  readonly bytes: Uint8Array;
}

/** The regular file at the path, or undefined. ParseError OSTREE_OBJECT_CORRUPT for one above 32 MiB. */
export function readTreeFile(repo: Repository, tree: MutableTree, path: RelPath): TreeFile | undefined {
  const entry = tree.lookup(path);
  if (entry?.kind !== 'file') return undefined;
  const file = repo.loadFile(entry.checksum);
  if (file.target !== undefined) return undefined;
  const { uid, gid, mode } = file.attributes;
  return { attributes: { uid, gid, mode, xattrs: [] }, bytes: file.readAll(maxFileBytes) };
}

/** The file's bytes as text in which each byte is one character, so that writing it back loses nothing. */
export function readTreeText(repo: Repository, tree: MutableTree, path: RelPath): string | undefined {
  const file = readTreeFile(repo, tree, path);
  return file === undefined ? undefined : Buffer.from(file.bytes).toString('latin1');
}

/** Writes text as `readTreeText` gives it, keeping the attributes of a file that is there. */
export function writeTreeText(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  path: RelPath,
  text: string,
): void {
  const entry = tree.lookup(path);
  const present = entry?.kind === 'file' ? repo.loadFile(entry.checksum) : undefined;
  const attributes: Attributes =
    present === undefined || present.target !== undefined
      ? { uid: 0, gid: 0, mode: 0o100644, xattrs: [] }
      : {
          uid: present.attributes.uid,
          gid: present.attributes.gid,
          mode: present.attributes.mode,
          xattrs: [],
        };
  tree.putFile(path, txn.writeFile(attributes, Buffer.from(text, 'latin1')));
}

/** Makes the missing folders above the path; false where one of them is a file or symlink. */
export function ensureParents(tree: MutableTree, path: RelPath): boolean {
  const parts = path.split('/').slice(0, -1);
  for (let i = 1; i <= parts.length; i++) {
    const parent = toRelPath(parts.slice(0, i).join('/'));
    const present = tree.lookup(parent);
    if (present?.kind === 'file') return false;
    if (present === undefined) tree.ensureDirectory(parent, directoryAttributes);
  }
  return true;
}

/** The names in the folder, sorted; none where there is no such folder. */
export function listNames(tree: MutableTree, path: RelPath): string[] {
  if (tree.lookup(path)?.kind !== 'dir') return [];
  return tree
    .list(path)
    .map((entry) => entry.name)
    .sort(compareBytes);
}

/** The symlink's target, or undefined for a regular file. */
export function linkTarget(
  repo: Repository,
  checksum: Parameters<Repository['loadFile']>[0],
): string | undefined {
  return repo.loadFile(checksum).target;
}
