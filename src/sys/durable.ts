/**
 * Writes that survive a power cut: a temporary name in the same folder, data flushed, renamed, folder flushed.
 * A reader sees the old file or the new one, never a part.
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path/posix';
import {
  close,
  exists,
  fchmod,
  fchown,
  fsync,
  ifExists,
  link,
  mkdirp,
  open,
  rename,
  symlink,
  unlink,
  unlinkIfExists,
  writeAll,
} from './files.ts';

/** A name beside `path` that nothing else uses; sweepers recognise the `.tmp-` inside. */
export function tempNameFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp-${randomBytes(6).toString('hex')}`);
}

/** Flushes a directory's entries to disk. */
export function fsyncDirectory(path: string): void {
  const fd = open(path, 'r');
  try {
    fsync(fd);
  } finally {
    close(fd);
  }
}

export interface DurableOptions {
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Replaces the file durably. Parents must exist. */
export function writeFileDurable(
  path: string,
  data: Uint8Array | string,
  options: DurableOptions = {},
): void {
  const temp = tempNameFor(path);
  try {
    const fd = open(temp, 'wx', 0o600);
    try {
      writeAll(fd, typeof data === 'string' ? Buffer.from(data) : data);
      if (options.owner !== undefined) fchown(fd, options.owner.uid, options.owner.gid);
      fchmod(fd, options.mode ?? 0o644);
      fsync(fd);
    } finally {
      close(fd);
    }
    rename(temp, path);
  } catch (error) {
    unlinkIfExists(temp);
    throw error;
  }
  fsyncDirectory(dirname(path));
}

/** Replaces the symlink at `path` in one step, durably. */
export function symlinkDurable(target: string, path: string): void {
  const temp = tempNameFor(path);
  try {
    symlink(target, temp);
    rename(temp, path);
  } catch (error) {
    unlinkIfExists(temp);
    throw error;
  }
  fsyncDirectory(dirname(path));
}

/** Renames and flushes the folder of the new name. */
export function renameDurable(from: string, to: string): void {
  rename(from, to);
  fsyncDirectory(dirname(to));
}

/** Makes the directory and its parents, each flushed into its parent. */
export function mkdirDurable(path: string, mode = 0o755): void {
  mkdirp(path, mode);
  fsyncDirectory(path);
  fsyncDirectory(dirname(path));
}

/** Removes a file if it is there and flushes its folder. */
export function unlinkDurable(path: string): void {
  if (
    ifExists(() => {
      unlink(path);
      return true;
    }) === true
  )
    fsyncDirectory(dirname(path));
}

/** Hard link at a new name, folder flushed. */
export function linkDurable(existing: string, path: string): void {
  link(existing, path);
  fsyncDirectory(dirname(path));
}

/** Appends to a file (made with `mode` if missing) and flushes it; a crash may leave a torn last line. */
export function appendFileDurable(path: string, data: string, mode = 0o644): void {
  const made = !exists(path);
  const fd = open(path, 'a', mode);
  try {
    writeAll(fd, Buffer.from(data));
    fsync(fd);
  } finally {
    close(fd);
  }
  if (made) fsyncDirectory(dirname(path));
}
