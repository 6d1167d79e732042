/** Copies of `/etc` trees, never by hard link: an edit must not reach into the repository. */
import { join } from 'node:path/posix';
import { isOpkgOstreeError } from '../base/index.ts';
import {
  chmod,
  copyFile,
  lchown,
  lstat,
  lstatIfExists,
  mkdir,
  readdir,
  readlink,
  readXattrs,
  type Stats,
  setXattrs,
  symlink,
  utimes,
  xattrCapability,
} from '../sys/index.ts';

/**
 * Copies a tree into a directory that does not exist yet, never by hard link: owner, mode and time of everything,
 * symlinks as symlinks. Devices, fifos and sockets are left out with a note.
 */
export function copyEtcTree(from: string, to: string, notes: string[] = []): void {
  const copied: Copied[] = [];
  copyNode(from, to, { notes, copied });
  copyXattrs(copied, notes);
}

/** A regular file that was copied. */
export interface Copied {
  readonly from: string;
  readonly to: string;
}

/** What a copy leaves for afterwards. */
export interface CopyRun {
  readonly notes: string[];
  /** The regular files. */
  readonly copied: Copied[];
}

/** Copies one node with all that is below it; extended attributes come last, by `copyXattrs`. */
export function copyNode(from: string, to: string, run: CopyRun): void {
  const stats = lstat(from);
  if (stats.isDirectory()) {
    mkdir(to, 0o700);
    for (const name of readdir(from)) {
      if (lstatIfExists(join(from, name)) !== undefined) copyNode(join(from, name), join(to, name), run);
    }
    copyAttributes(stats, to);
  } else if (stats.isFile()) {
    copyFile(from, to);
    copyAttributes(stats, to);
    run.copied.push({ from, to });
  } else if (stats.isSymbolicLink()) {
    symlink(readlink(from), to);
    lchown(to, stats.uid, stats.gid);
  } else {
    run.notes.push(`${from}: a device, fifo or socket is not carried over`);
  }
}

/** Labels of a security module are the kernel's to give; these two kinds are data. */
const carriedXattr = /^(?:user\.|security\.capability$)/u;

/** Copies those extended attributes whose names fit, in one batch, where the machine has the programs for it. */
export function copyXattrs(copied: readonly Copied[], notes: string[], carried = carriedXattr): void {
  const { read, write } = xattrCapability();
  if (!read || !write || copied.length === 0) return;
  const found = readXattrs(copied.map(({ from }) => from));
  const wanted = copied.flatMap(({ from, to }) =>
    (found.get(from) ?? []).filter(({ name }) => carried.test(name)).map((xattr) => ({ path: to, ...xattr })),
  );
  try {
    setXattrs(wanted);
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    notes.push(`extended attributes of ${wanted.length} files were not carried over: ${error.message}`);
  }
}

/** Gives owner, mode and times. Mode after owner: chown clears suid bits. */
export function copyAttributes(stats: Stats, to: string): void {
  lchown(to, stats.uid, stats.gid);
  chmod(to, stats.mode & 0o7777);
  utimes(to, stats.atimeMs / 1000, stats.mtimeMs / 1000);
}

/**
 * Gives one regular file of a new `/etc` the time `seconds` and returns its path. Checkouts have time 0, and a router without a
 * clock starts at the newest time below `/etc` (OpenWrt's sysfixtime).
 */
export function stampEtc(etc: string, seconds: number): string | undefined {
  const queue = [etc];
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    for (const name of readdir(folder).sort()) {
      const path = join(folder, name);
      const stats = lstatIfExists(path);
      if (stats?.isDirectory() === true) queue.push(path);
      if (stats?.isFile() !== true) continue;
      utimes(path, seconds, seconds);
      return path;
    }
  }
  return undefined;
}
