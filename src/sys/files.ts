/**
 * The file system, synchronous on purpose: on the machines this was measured on, a promise costs more CPU than
 * the system call that it wraps (docs/adr/0003). Every failure is a SystemError or NoSpaceError with path and errno.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path/posix';
import { errnoOf, guarded } from './errno.ts';
import { madeAt, madeOpen, rememberedOwners } from './owners.ts';

export type { Stats } from 'node:fs';

/** The whole file. */
export function readFile(path: string): Uint8Array {
  return guarded('read', path, () => {
    const fd = fs.openSync(path, 'r');
    try {
      return readToEnd(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}

/** A third of the time that readFileSync takes for a small file, measured with Node 20. */
function readToEnd(fd: number): Uint8Array {
  const { size } = fs.fstatSync(fd);
  // Files of /proc say 0; what Node refuses as too large it refuses by itself.
  if (size === 0 || size > wholeReadBytes) return fs.readFileSync(fd);
  const buffer = Buffer.allocUnsafe(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const count = fs.readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
  }
  // It grew meanwhile.
  return Buffer.concat([buffer, fs.readFileSync(fd)]);
}

const wholeReadBytes = 16 << 20;

/** The whole file as UTF-8 text. */
export function readText(path: string): string {
  return guarded('read', path, () => fs.readFileSync(path, 'utf8'));
}

/** The whole file, or undefined where there is none. */
export function readFileIfExists(path: string): Uint8Array | undefined {
  return ifExists(() => readFile(path));
}

/** The whole file as text, or undefined where there is none. */
export function readTextIfExists(path: string): string | undefined {
  return ifExists(() => readText(path));
}

/** What `read` returns, or undefined when it fails because the path (or a folder on the way) does not exist. */
export function ifExists<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The attributes, with the owner that is remembered where owners cannot be set. */
function seen(stats: fs.Stats): fs.Stats {
  return rememberedOwners()?.view(stats) ?? stats;
}

/** Attributes of the path itself, symlinks not followed. */
export function lstat(path: string): fs.Stats {
  return seen(guarded('lstat', path, () => fs.lstatSync(path)));
}

/** Attributes of the path itself, or undefined where nothing is there. */
export function lstatIfExists(path: string): fs.Stats | undefined {
  // Without throwIfNoEntry each miss would build an error with its stack: the hottest call of an object store.
  const stats = ifExists(() => guarded('lstat', path, () => fs.lstatSync(path, { throwIfNoEntry: false })));
  return stats === undefined ? undefined : seen(stats);
}

/** Attributes of what the path leads to. */
export function stat(path: string): fs.Stats {
  return seen(guarded('stat', path, () => fs.statSync(path)));
}

/** Attributes of what the path leads to, or undefined where nothing is there (dangling links too). */
export function statIfExists(path: string): fs.Stats | undefined {
  return ifExists(() => stat(path));
}

/** True when something, a dangling symlink too, is at the path. */
export function exists(path: string): boolean {
  return lstatIfExists(path) !== undefined;
}

/** The symlink's target text. */
export function readlink(path: string): string {
  return guarded('readlink', path, () => fs.readlinkSync(path));
}

/** The path with every symlink resolved. */
export function realpath(path: string): string {
  return guarded('realpath', path, () => fs.realpathSync(path));
}

/** The directory's entry names, unsorted. */
export function readdir(path: string): string[] {
  return guarded('readdir', path, () => fs.readdirSync(path));
}

/** The directory's entry names, or none where there is no such directory. */
export function readdirIfExists(path: string): string[] {
  return ifExists(() => readdir(path)) ?? [];
}

/** The directory's entries with their types, unsorted. */
export function readdirTyped(path: string): fs.Dirent[] {
  return guarded('readdir', path, () => fs.readdirSync(path, { withFileTypes: true }));
}

/** Makes the directory; its parents must exist. */
export function mkdir(path: string, mode = 0o755): void {
  guarded('mkdir', path, () => fs.mkdirSync(path, { mode }));
  madeAt(path);
}

/** Makes the directory and its parents where they are missing. */
export function mkdirp(path: string, mode = 0o755): void {
  const first = guarded('mkdir', path, () => fs.mkdirSync(path, { recursive: true, mode }));
  if (first === undefined || rememberedOwners() === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) madeAt(at);
}

/** Writes a file, not durably: for scratch data that a crash may lose. `flag` as open(2) in Node's spelling. */
export function writeFile(
  path: string,
  data: Uint8Array | string,
  options: { mode?: number; flag?: string } = {},
): void {
  const isNew = makes(path, options.flag ?? 'w');
  guarded('write', path, () =>
    fs.writeFileSync(path, data, { mode: options.mode ?? 0o644, flag: options.flag ?? 'w' }),
  );
  if (isNew) madeAt(path);
}

/** Makes a symlink at `path`. */
export function symlink(target: string, path: string): void {
  guarded('symlink', path, () => fs.symlinkSync(target, path));
  madeAt(path);
}

/** Makes `path` a hard link of `existing`. */
export function link(existing: string, path: string): void {
  guarded('link', path, () => fs.linkSync(existing, path));
}

/** Renames, replacing what is at `to`. */
export function rename(from: string, to: string): void {
  guarded('rename', to, () => fs.renameSync(from, to));
}

/** Removes a file or symlink. */
export function unlink(path: string): void {
  guarded('unlink', path, () => fs.unlinkSync(path));
}

/** Removes a file or symlink if it is there. */
export function unlinkIfExists(path: string): void {
  ifExists(() => unlink(path));
}

/** Removes an empty directory. */
export function rmdir(path: string): void {
  guarded('rmdir', path, () => fs.rmdirSync(path));
}

/** Removes the tree if it is there; never follows a symlink. */
export function removeTree(path: string): void {
  guarded('rm', path, () => fs.rmSync(path, { recursive: true, force: true }));
}

/** Sets permission bits (follows symlinks: never call it on one). */
export function chmod(path: string, mode: number): void {
  guarded('chmod', path, () =>
    fs.chmodSync(path, rememberedOwners()?.setMode(fs.statSync(path), mode) ?? mode),
  );
}

/** Sets the owner of the path itself. */
export function lchown(path: string, uid: number, gid: number): void {
  guarded('chown', path, () => {
    if (rememberedOwners()?.setOwner(fs.lstatSync(path), uid, gid) !== true) fs.lchownSync(path, uid, gid);
  });
}

/** Sets access and modification time, in seconds. */
export function utimes(path: string, atime: number, mtime: number): void {
  guarded('utimes', path, () => fs.utimesSync(path, atime, mtime));
}

/** Copies a file's bytes (as a reflink where the file system can), not its attributes. */
export function copyFile(from: string, to: string): void {
  const isNew = makes(to, 'w');
  guarded('copy', to, () => fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE));
  if (isNew) madeAt(to);
}

/** An open file descriptor. `flags` in Node's spelling (`r`, `wx` ...). Close it with `close`. */
export function open(path: string, flags: string, mode = 0o644): number {
  const isNew = makes(path, flags);
  const fd = guarded('open', path, () => fs.openSync(path, flags, mode));
  if (isNew) madeOpen(fd);
  return fd;
}

/** True where owners are remembered and opening it that way makes a file. */
function makes(path: string, flags: string): boolean {
  return rememberedOwners() !== undefined && /[wa]/u.test(flags) && !fs.existsSync(path);
}

/** Closes a descriptor. */
export function close(fd: number): void {
  guarded('close', `fd ${fd}`, () => fs.closeSync(fd));
}

/** A regular file's descriptor for reading; ELOOP where the path is a symlink, and a FIFO does not block. */
export function openForRead(path: string): number {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
  return guarded('open', path, () => fs.openSync(path, flags));
}

/** Attributes of an open descriptor. */
export function fstat(fd: number): fs.Stats {
  return seen(guarded('fstat', `fd ${fd}`, () => fs.fstatSync(fd)));
}

/** Reads up to `length` bytes into `buffer` at `offset`; how many came, 0 at the end. `position` null reads on. */
export function read(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number | null = null,
): number {
  return guarded('read', `fd ${fd}`, () => fs.readSync(fd, buffer, offset, length, position));
}

/** Writes all the bytes at an offset of the file; the descriptor's position stays. */
export function writeAt(fd: number, bytes: Uint8Array, offset: number): void {
  let done = 0;
  while (done < bytes.byteLength) {
    const from = done;
    done += guarded('write', `fd ${fd}`, () =>
      fs.writeSync(fd, bytes, from, bytes.byteLength - from, offset + from),
    );
  }
}

/** Writes all the bytes at the descriptor's position. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) {
    const from = done;
    done += guarded('write', `fd ${fd}`, () => fs.writeSync(fd, bytes, from, bytes.byteLength - from));
  }
}

/** Sets an open file's mode. */
export function fchmod(fd: number, mode: number): void {
  guarded('fchmod', `fd ${fd}`, () =>
    fs.fchmodSync(fd, rememberedOwners()?.setMode(fs.fstatSync(fd), mode) ?? mode),
  );
}

/** Sets an open file's owner. */
export function fchown(fd: number, uid: number, gid: number): void {
  guarded('fchown', `fd ${fd}`, () => {
    if (rememberedOwners()?.setOwner(fs.fstatSync(fd), uid, gid) !== true) fs.fchownSync(fd, uid, gid);
  });
}

/** Sets an open file's times, in seconds. */
export function futimes(fd: number, atime: number, mtime: number): void {
  guarded('futimes', `fd ${fd}`, () => fs.futimesSync(fd, atime, mtime));
}

/** Flushes the descriptor's data and attributes to disk. */
export function fsync(fd: number): void {
  guarded('fsync', `fd ${fd}`, () => fs.fsyncSync(fd));
}

/** Cuts or grows an open file. */
export function ftruncate(fd: number, length: number): void {
  guarded('ftruncate', `fd ${fd}`, () => fs.ftruncateSync(fd, length));
}
