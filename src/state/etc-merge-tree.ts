/** One side of an `/etc` merge: what is below a directory, read without ever following a symlink. */
import { join } from 'node:path/posix';
import { type Checksum, equalBytes, maxPathDepth, sha256Hex } from '../base/index.ts';
import { lstatIfExists, readdirIfExists, readFile, readlink, type Stats } from '../sys/index.ts';

/** What a path of `/etc` is. `special` is a device, fifo or socket. */
export type EtcKind = 'file' | 'dir' | 'symlink' | 'special';

/** A path's attributes as the merge compares them: no times and no xattrs, as in libostree. */
export interface EtcNode {
  readonly kind: EtcKind;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with suid, sgid and sticky. */
  readonly mode: number;
  /** Bytes of a file; 0 for anything else. */
  readonly size: number;
  /** Of a symlink. */
  readonly target?: string;
  /** The same in two trees where they have one file by hard link; undefined where that is not known. */
  readonly inode?: string;
}

/** A directory tree by path relative to its root; parents come before their children, names in byte order. */
export interface EtcTree {
  readonly nodes: ReadonlyMap<string, EtcNode>;
  /** Of a regular file of this tree; read once. */
  digest(path: string): Checksum;
  /** The bytes of a regular file of this tree. */
  read(path: string): Uint8Array;
  /** Names that were left out, and why. */
  readonly notes: readonly string[];
}

/** Reads a directory as one side of a merge; a missing directory is an empty tree. */
export function readEtcTree(root: string): EtcTree {
  const nodes = new Map<string, EtcNode>();
  const notes: string[] = [];
  const visit = (folder: string, depth: number) => {
    if (depth > maxPathDepth) {
      notes.push(`${folder}: nested too deep, left out`);
      return;
    }
    for (const name of readdirIfExists(join(root, folder)).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const stats = lstatIfExists(join(root, path));
      if (stats === undefined) {
        // Node shows a name that is not UTF-8 with U+FFFD in it, and then cannot find it; a file may also just have gone.
        if (name.includes('\ufffd')) notes.push(`${path}: the name is not UTF-8, left out`);
        continue;
      }
      const node = nodeOf(stats, join(root, path));
      nodes.set(path, node);
      if (node.kind === 'dir') visit(path, depth + 1);
    }
  };
  visit('', 0);
  const digests = new Map<string, Checksum>();
  const read = keepSmall((path) => readFile(join(root, path)));
  return {
    nodes,
    notes,
    read,
    digest(path) {
      const known = digests.get(path) ?? sha256Hex(read(path));
      digests.set(path, known);
      return known;
    },
  };
}

/** A merge asks for most files more than once; what is kept fits the smallest router. */
const kept = { fileBytes: 64 * 1024, treeBytes: 2 * 1024 * 1024 } as const;

function keepSmall(read: (path: string) => Uint8Array): (path: string) => Uint8Array {
  const contents = new Map<string, Uint8Array>();
  let total = 0;
  return (path) => {
    const known = contents.get(path);
    if (known !== undefined) return known;
    const bytes = read(path);
    if (bytes.length <= kept.fileBytes && total + bytes.length <= kept.treeBytes) {
      contents.set(path, bytes);
      total += bytes.length;
    }
    return bytes;
  };
}

/** True when the merge sees no difference: type, owner, mode, target and content. */
export function sameEtcNode(a: EtcTree, b: EtcTree, path: string): boolean {
  const x = a.nodes.get(path);
  const y = b.nodes.get(path);
  if (x === undefined || y === undefined) return x === y;
  return x.kind === y.kind && sameEtcAttributes(x, y) && sameEtcContent(a, b, path);
}

/** True for the same owner and mode. */
export function sameEtcAttributes(x: EtcNode, y: EtcNode): boolean {
  return x.uid === y.uid && x.gid === y.gid && x.mode === y.mode;
}

/** True for the same type with the same bytes or the same link; directories have no content. */
export function sameEtcContent(a: EtcTree, b: EtcTree, path: string): boolean {
  const x = a.nodes.get(path);
  const y = b.nodes.get(path);
  if (x === undefined || y === undefined) return x === y;
  if (x.kind !== y.kind) return false;
  if (x.kind === 'symlink') return x.target === y.target;
  if (x.kind !== 'file') return true;
  if (x.inode !== undefined && x.inode === y.inode) return true;
  return x.size === y.size && equalBytes(a.read(path), b.read(path));
}

function nodeOf(stats: Stats, path: string): EtcNode {
  const base = { uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777, size: 0 };
  if (stats.isDirectory()) return { ...base, kind: 'dir' };
  if (stats.isFile()) return { ...base, kind: 'file', size: stats.size, ...inodeOf(stats) };
  // A symlink's own mode means nothing and differs between file systems.
  if (stats.isSymbolicLink()) return { ...base, mode: 0o777, kind: 'symlink', target: readlink(path) };
  return { ...base, kind: 'special' };
}

/** Checkouts of one repository share files by hard link. */
function inodeOf({ dev, ino, nlink }: Stats): { readonly inode?: string } {
  // Larger numbers, which some file systems make, are rounded: two files might have the same.
  if (nlink < 2 || ino > Number.MAX_SAFE_INTEGER) return {};
  return { inode: `${dev}:${ino}` };
}
