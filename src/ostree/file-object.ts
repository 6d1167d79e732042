/** Reading file objects in each of the modes. */
import { pipeline, Readable } from 'node:stream';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import { type Checksum, isOpkgOstreeError, ParseError, strictTextOf } from '../base/index.ts';
import {
  close,
  fstat,
  lstat,
  openForRead,
  read,
  readFile,
  readlink,
  readXattrs,
  type Stats,
  xattrCapability,
} from '../sys/index.ts';
import { archiveHeaderLength, decodeArchiveHeader, decodeBareUserMeta } from './file-header.ts';
import { type Attributes, isSymlink, type Xattr } from './object-fields.ts';
import type { RepoMode } from './repo-config.ts';

/** A regular file or symlink of a repository. */
export interface FileObject {
  readonly checksum: Checksum;
  /** Where the object lies. */
  readonly path: string;
  /** In bare repositories `xattrs` is read when it is first asked for: that takes a process. */
  readonly attributes: Attributes;
  /** Bytes of content, 0 for a symlink. */
  readonly size: number;
  /** Present for a symlink. */
  readonly target?: string;
  /** The whole content; ParseError OSTREE_OBJECT_CORRUPT when it is above `limit` bytes (default 64 MiB). */
  readAll(limit?: number): Uint8Array;
  /** The content in pieces. */
  stream(): Readable;
}

/** The attribute with which bare-user repositories keep what the inode does not. */
export const bareUserXattr = 'user.ostreemeta';
const defaultLimit = 64 << 20;
const chunkSize = 256 << 10;
const headerGuess = 4096;

/** What is known of an object besides its file: attributes of an open transaction, or read ahead in a batch. */
export interface KnownAttributes {
  readonly attributes?: Attributes | undefined;
  readonly xattrs?: readonly Xattr[] | undefined;
}

/** The object at `path`; ParseError OSTREE_OBJECT_CORRUPT when it cannot be one of this mode. */
export function readFileObject(
  mode: RepoMode,
  checksum: Checksum,
  path: string,
  known: KnownAttributes,
): FileObject {
  switch (mode) {
    case 'archive':
      return archiveObject(checksum, path);
    case 'bare-user':
      return bareUserObject(checksum, path, known);
    case 'bare':
    case 'bare-user-only':
      return bareObject(mode, checksum, path, known);
  }
}

/** A regular file's content from byte `from` on, each piece a buffer of its own. */
export function* fileChunks(path: string, from = 0): Generator<Uint8Array> {
  const fd = openForRead(path);
  try {
    for (let at = from; ; ) {
      const buffer = Buffer.allocUnsafe(chunkSize);
      const got = read(fd, buffer, 0, chunkSize, at);
      if (got === 0) return;
      at += got;
      yield buffer.subarray(0, got);
    }
  } finally {
    close(fd);
  }
}

function corrupt(checksum: Checksum, what: string, cause?: unknown): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', `file object ${checksum}: ${what}`, {
    details: { checksum },
    ...(cause === undefined ? {} : { cause }),
    hint: "run 'opkg-ostree repo fsck'",
  });
}

function bareObject(
  mode: 'bare' | 'bare-user-only',
  checksum: Checksum,
  path: string,
  known: KnownAttributes,
): FileObject {
  const stats = lstat(path);
  if (!stats.isFile() && !stats.isSymbolicLink()) throw corrupt(checksum, 'neither a file nor a symlink');
  const plain = mode === 'bare-user-only';
  const lazyXattrs = () => (plain ? [] : (known.xattrs ?? known.attributes?.xattrs ?? xattrsOf(path)));
  const attributes = lazyAttributes(plain ? 0 : stats.uid, plain ? 0 : stats.gid, stats.mode, lazyXattrs);
  if (stats.isSymbolicLink()) return symlinkObject(checksum, path, attributes, readlink(path));
  return regularObject(checksum, path, attributes, stats);
}

function lazyAttributes(uid: number, gid: number, mode: number, load: () => readonly Xattr[]): Attributes {
  let loaded: readonly Xattr[] | undefined;
  return {
    uid,
    gid,
    mode,
    get xattrs() {
      loaded ??= load();
      return loaded;
    },
  };
}

/** Where getfattr is missing, files count as having no attributes; `xattrCapability` tells who needs to know. */
function xattrsOf(path: string): readonly Xattr[] {
  return xattrCapability().read ? (readXattrs([path]).get(path) ?? []) : [];
}

function bareUserObject(checksum: Checksum, path: string, known: KnownAttributes): FileObject {
  const stats = lstat(path);
  if (!stats.isFile()) throw corrupt(checksum, 'not a regular file');
  const attributes =
    known.attributes ??
    bareUserAttributes(checksum, known.xattrs ?? readXattrs([path], bareUserXattr).get(path));
  if (!isSymlink(attributes)) return regularObject(checksum, path, attributes, stats);
  const content = readFile(path);
  const text = content.at(-1) === 0 ? strictTextOf(content.subarray(0, -1)) : undefined;
  if (text === undefined || text === '' || text.includes('\0')) throw corrupt(checksum, 'a broken symlink');
  return symlinkObject(checksum, path, attributes, text);
}

function bareUserAttributes(checksum: Checksum, xattrs: readonly Xattr[] | undefined): Attributes {
  const meta = xattrs?.find((x) => x.name === bareUserXattr);
  if (meta === undefined) throw corrupt(checksum, `it has no attribute ${bareUserXattr}`);
  return decodeBareUserMeta(meta.value);
}

function symlinkObject(checksum: Checksum, path: string, attributes: Attributes, target: string): FileObject {
  const empty = new Uint8Array(0);
  return {
    checksum,
    path,
    attributes,
    size: 0,
    target,
    readAll: () => empty,
    stream: () => Readable.from([]),
  };
}

function regularObject(checksum: Checksum, path: string, attributes: Attributes, stats: Stats): FileObject {
  return {
    checksum,
    path,
    attributes,
    size: stats.size,
    readAll: (limit = defaultLimit) => {
      if (stats.size > limit)
        throw corrupt(checksum, `its ${stats.size} bytes are above the limit of ${limit}`);
      return readFile(path);
    },
    stream: () => Readable.from(fileChunks(path), { objectMode: false }),
  };
}

function archiveObject(checksum: Checksum, path: string): FileObject {
  const header = decodeArchiveHeader(readHeader(checksum, path));
  const { attributes, size, target, contentAt } = header;
  if (target !== undefined) return symlinkObject(checksum, path, attributes, target);
  return {
    checksum,
    path,
    attributes,
    size,
    readAll: (limit = defaultLimit) => {
      if (size > limit) throw corrupt(checksum, `its ${size} bytes are above the limit of ${limit}`);
      return inflateAll(checksum, readFile(path).subarray(contentAt), size);
    },
    stream: () => Readable.from(inflateChunks(checksum, path, contentAt, size), { objectMode: false }),
  };
}

function readHeader(checksum: Checksum, path: string): Uint8Array {
  const fd = openForRead(path);
  try {
    if (!fstat(fd).isFile()) throw corrupt(checksum, 'not a regular file');
    const start = Buffer.alloc(headerGuess);
    const got = read(fd, start, 0, headerGuess, 0);
    const length = archiveHeaderLength(start.subarray(0, got));
    if (length <= got) return start.subarray(0, length);
    const whole = Buffer.alloc(length);
    return whole.subarray(0, read(fd, whole, 0, length, 0));
  } finally {
    close(fd);
  }
}

function inflateAll(checksum: Checksum, deflated: Uint8Array, size: number): Uint8Array {
  let content: Uint8Array;
  try {
    content = inflateRawSync(deflated, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw corrupt(checksum, 'cannot be inflated to the size that its header says', error);
  }
  if (content.byteLength !== size) throw corrupt(checksum, 'its size is not what its header says');
  return content;
}

async function* inflateChunks(
  checksum: Checksum,
  path: string,
  contentAt: number,
  size: number,
): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw();
  // Errors of the source and of zlib both arrive at the loop below.
  pipeline(Readable.from(fileChunks(path, contentAt)), inflate, () => undefined);
  let total = 0;
  try {
    for await (const chunk of inflate) {
      if (!(chunk instanceof Uint8Array)) continue;
      total += chunk.byteLength;
      if (total > size) throw corrupt(checksum, 'its content is longer than its header says');
      yield chunk;
    }
  } catch (error) {
    if (isOpkgOstreeError(error)) throw error;
    throw corrupt(checksum, 'cannot be inflated', error);
  }
  if (total !== size) throw corrupt(checksum, 'its content is shorter than its header says');
}
