/** Writing file objects in each of the modes, in one pass, under a name of the staging directory. */
import { constants, deflateRawSync } from 'node:zlib';
import { utf8 } from '../base/index.ts';
import {
  close,
  fchmod,
  fchown,
  futimes,
  lchown,
  open,
  symlink,
  unlinkIfExists,
  writeAll,
} from '../sys/index.ts';
import { encodeArchiveHeader } from './file-header.ts';
import type { Attributes } from './object-fields.ts';
import type { RepoMode } from './repo-config.ts';

/** Where and how content is written. */
export interface ContentTarget {
  readonly mode: RepoMode;
  readonly zlibLevel: number;
  readonly path: string;
}

/** The end of every raw deflate stream whose pieces ended with a flush: an empty last block. */
const deflateEnd = Uint8Array.of(3, 0);

/**
 * A regular file's object in the making. Attributes of the inode are set by `finish`; extended attributes are the
 * transaction's business, which sets them for all its files at once.
 */
export class ContentWriter {
  readonly #target: ContentTarget;
  readonly #attributes: Attributes;
  readonly #size: number;
  readonly #fd: number;
  #written = 0;
  #ended = false;
  #closed = false;

  constructor(target: ContentTarget, attributes: Attributes, size: number) {
    this.#target = target;
    this.#attributes = attributes;
    this.#size = size;
    this.#fd = open(target.path, 'wx', 0o600);
    if (target.mode === 'archive')
      this.#guard(() => writeAll(this.#fd, encodeArchiveHeader(attributes, size)));
  }

  /** Appends content. Pieces become deflate blocks of their own, so memory does not grow with the file. */
  write(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    this.#guard(() => {
      this.#written += chunk.byteLength;
      if (this.#target.mode !== 'archive') {
        writeAll(this.#fd, chunk);
        return;
      }
      this.#ended = this.#written === this.#size;
      const finishFlush = this.#ended ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
      writeAll(this.#fd, deflateRawSync(chunk, { level: this.#target.zlibLevel, finishFlush }));
    });
  }

  /** Sets owner, mode and time and closes the file. */
  finish(): void {
    this.#guard(() => {
      const { mode } = this.#target;
      if (mode === 'archive') {
        if (!this.#ended) writeAll(this.#fd, deflateEnd);
        fchmod(this.#fd, 0o644);
      } else setInode(this.#fd, mode, this.#attributes);
    });
    this.#closed = true;
    close(this.#fd);
  }

  /** Closes and removes the file; nothing after `finish`, or a second time. */
  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    close(this.#fd);
    unlinkIfExists(this.#target.path);
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.abort();
      throw error;
    }
  }
}

/** Makes a symlink's object: a real link in bare modes, bare-user's file of target and NUL, archive's header. */
export function writeSymlinkObject(target: ContentTarget, attributes: Attributes, linkTarget: string): void {
  const { mode, path } = target;
  if (mode === 'archive') writePlain(path, encodeArchiveHeader(attributes, 0, linkTarget));
  else if (mode === 'bare-user') writePlain(path, utf8(`${linkTarget}\0`), 0);
  else {
    symlink(linkTarget, path);
    if (mode === 'bare') lchown(path, attributes.uid, attributes.gid);
  }
}

/** Writes a small file with mode 0644 whatever the umask, at `mtime` where given. */
export function writePlain(path: string, bytes: Uint8Array, mtime?: number): void {
  const fd = open(path, 'wx', 0o644);
  try {
    writeAll(fd, bytes);
    fchmod(fd, 0o644);
    if (mtime !== undefined) futimes(fd, mtime, mtime);
  } finally {
    close(fd);
  }
}

/** Owner, permission bits and time 0 of an object's inode. chown clears setuid, so the mode comes after it. */
export function setInode(fd: number, mode: 'bare' | 'bare-user' | 'bare-user-only', a: Attributes): void {
  if (mode === 'bare') fchown(fd, a.uid, a.gid);
  fchmod(fd, inodePermissions(mode, a));
  futimes(fd, 0, 0);
}

/** The permission bits with which the mode keeps a regular file. */
export function inodePermissions(mode: 'bare' | 'bare-user' | 'bare-user-only', a: Attributes): number {
  if (mode === 'bare') return a.mode & 0o7777;
  // The caller must be able to read its own objects, whatever their recorded mode.
  return mode === 'bare-user' ? (a.mode & 0o775) | 0o400 : a.mode & 0o777;
}
