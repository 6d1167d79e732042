/** Single nodes on their way into `/var`: by a rename where both places are on one file system, else by a durable copy. */
import { dirname } from 'node:path/posix';
import { copyXattrs } from '../state/index.ts';
import {
  chmod,
  close,
  copyFile,
  errnoOf,
  fsync,
  fsyncDirectory,
  lchown,
  link,
  mkdir,
  openForRead,
  read,
  readlink,
  rename,
  type Stats,
  symlink,
  tempNameFor,
  utimes,
} from '../sys/index.ts';

/** A file, symlink or special file that goes from one path to another. */
export interface NodeMove {
  readonly from: string;
  readonly to: string;
  readonly stats: Stats;
  /** Of a symlink: what it says at its new place. */
  readonly target?: string;
}

export interface CarryOptions {
  /** A rename is allowed: the source may go. */
  readonly move: boolean;
  /** New places of files with several names, by device and inode. */
  readonly links: Map<string, string>;
  readonly notes: string[];
}

const chunkBytes = 256 * 1024;

/** A new folder with owner, mode and attributes of another, complete when its name appears. */
export function makeFolder(from: string, to: string, stats: Stats): void {
  const temp = tempNameFor(to);
  mkdir(temp, 0o700);
  copyXattrs([{ from, to: temp }], [], carriedXattr);
  carryAttributes(stats, temp);
  rename(temp, to);
  fsyncDirectory(dirname(to));
}

/** Owner, mode and times. Mode after owner: chown clears suid bits. */
export function carryAttributes(stats: Stats, to: string): void {
  lchown(to, stats.uid, stats.gid);
  chmod(to, stats.mode & 0o7777);
  utimes(to, stats.atimeMs / 1000, stats.mtimeMs / 1000);
}

interface Copy {
  readonly from: string;
  readonly to: string;
  readonly temp: string;
  readonly stats: Stats;
  /** A further name of a file that was copied already. */
  readonly isLink: boolean;
}

/** True where `to` is what the move would make: the same content, or the same link. */
export function isSameNode(move: NodeMove, to: string, there: Stats): boolean {
  if (move.target !== undefined) return there.isSymbolicLink() && readlink(to) === move.target;
  if (!move.stats.isFile() || !there.isFile() || move.stats.size !== there.size) return false;
  if (move.stats.dev === there.dev && move.stats.ino === there.ino) return true;
  return sameContent(move.from, to);
}

/** Brings nodes to places that are free, all into one folder; those that could not come are named by their place. */
export function carryNodes(moves: readonly NodeMove[], options: CarryOptions): string[] {
  const failed: string[] = [];
  const copies: Copy[] = [];
  for (const move of moves) {
    const { from, to, stats, target } = move;
    const known = options.links.get(inodeOf(stats));
    if (target !== undefined) {
      makeLink(to, target, stats);
    } else if (options.move && wasRenamed(from, to)) {
    } else if (!stats.isFile()) {
      options.notes.push(`${from}: a device, fifo or socket stays where it is`);
      failed.push(to);
    } else {
      const temp = tempNameFor(to);
      if (known === undefined) copyFile(from, temp);
      else link(known, temp);
      copies.push({ from, to, temp, stats, isLink: known !== undefined });
      if (stats.nlink > 1) options.links.set(inodeOf(stats), temp);
    }
  }
  copyXattrs(
    copies.filter(({ isLink }) => !isLink).map(({ from, temp }) => ({ from, to: temp })),
    options.notes,
    carriedXattr,
  );
  for (const { temp, to, stats, isLink } of copies) {
    // The first name has brought what belongs to the file; a chown would take its suid bit for a moment.
    if (!isLink) {
      carryAttributes(stats, temp);
      flush(temp);
    }
    rename(temp, to);
    if (stats.nlink > 1) options.links.set(inodeOf(stats), to);
  }
  return failed;
}

/** False between file systems, and between mounts of one. */
function wasRenamed(from: string, to: string): boolean {
  try {
    rename(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false;
    throw error;
  }
}

function sameContent(a: string, b: string): boolean {
  const [one, other] = [openForRead(a), openForRead(b)];
  try {
    const [x, y] = [Buffer.alloc(chunkBytes), Buffer.alloc(chunkBytes)];
    for (;;) {
      const [left, right] = [read(one, x, 0, chunkBytes), read(other, y, 0, chunkBytes)];
      if (left !== right || !x.subarray(0, left).equals(y.subarray(0, right))) return false;
      if (left === 0) return true;
    }
  } finally {
    close(one);
    close(other);
  }
}

function makeLink(to: string, target: string, stats: Stats): void {
  const temp = tempNameFor(to);
  symlink(target, temp);
  lchown(temp, stats.uid, stats.gid);
  rename(temp, to);
}

function flush(path: string): void {
  const file = openForRead(path);
  try {
    fsync(file);
  } finally {
    close(file);
  }
}

/** Labels of a security module are the kernel's to give; overlayfs's own mean nothing elsewhere. */
const carriedXattr = /^(?:user\.|security\.capability$|system\.posix_acl_|trusted\.(?!overlay\.))/u;

function inodeOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`;
}
