/** A `.filez` from a remote becomes an object: inflated into a bare repository, kept as it is in an archive. */
import { pipeline, Readable } from 'node:stream';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import {
  type Checksum,
  concat,
  hexOf,
  isOpkgOstreeError,
  ParseError,
  sha256,
  sha256Hex,
} from '../../base/index.ts';
import { close, fchmod, ftruncate, open, unlinkIfExists, writeAll } from '../../sys/index.ts';
import {
  type ArchiveHeader,
  archiveHeaderLength,
  decodeArchiveHeader,
  encodeFileHeader,
} from '../file-header.ts';
import type { Transaction } from '../transaction.ts';
import type { Fetched } from './source.ts';

/** Content up to this many bytes is inflated in one piece. */
const wholeLimit = 1 << 20;
const headerStart = 8;
/** Stored blocks are longer than what they hold; no compressor needs more than this on top. */
const slack = 64 << 10;

/** Where files go. */
export interface ImportTarget {
  readonly archive: boolean;
  /** A name for a file that is not verified yet, on the repository's file system. */
  scratchPath(): string;
}

/** Stores the object; ParseError OSTREE_OBJECT_CORRUPT where the bytes are not the checksum's. Bytes that came. */
export async function importFile(
  txn: Transaction,
  target: ImportTarget,
  checksum: Checksum,
  fetched: Fetched,
): Promise<number> {
  if (fetched instanceof Uint8Array) {
    const header = decodeArchiveHeader(fetched);
    if (header.size <= wholeLimit) importWhole(txn, target, checksum, header, fetched);
    else await importStream(txn, target, checksum, Readable.from([fetched]));
    return fetched.byteLength;
  }
  return importStream(txn, target, checksum, fetched);
}

function importWhole(
  txn: Transaction,
  target: ImportTarget,
  checksum: Checksum,
  header: ArchiveHeader,
  bytes: Uint8Array,
): void {
  const { attributes, contentAt } = header;
  const content =
    header.target === undefined ? inflate(checksum, bytes.subarray(contentAt), header.size) : undefined;
  if (target.archive) {
    const actual = sha256Hex(encodeFileHeader(attributes, header.target ?? ''), content ?? new Uint8Array(0));
    check(checksum, actual);
    const path = target.scratchPath();
    keep(path, (fd) => writeAll(fd, bytes));
    adopt(txn, checksum, path);
    return;
  }
  check(
    checksum,
    content === undefined
      ? txn.writeSymlink(attributes, header.target ?? '')
      : txn.writeFile(attributes, content),
  );
}

async function importStream(
  txn: Transaction,
  target: ImportTarget,
  checksum: Checksum,
  pieces: AsyncIterable<unknown>,
): Promise<number> {
  const path = target.archive ? target.scratchPath() : undefined;
  const fd = path === undefined ? undefined : open(path, 'wx', 0o644);
  try {
    const input = new FilezInput(checksum, pieces, (piece) => {
      if (fd !== undefined) writeAll(fd, piece);
    });
    const header = await input.header();
    const sink = path === undefined ? txn.openFileWriter(header.attributes, header.size) : hashOnly(header);
    try {
      for await (const chunk of input.content(header)) sink.write(chunk);
      check(checksum, sink.finish());
    } catch (error) {
      sink.abort();
      throw error;
    }
    if (fd !== undefined) {
      // Bytes after the end of the content are not covered by the checksum: they are not kept.
      ftruncate(fd, header.contentAt + input.used);
      fchmod(fd, 0o644);
    }
    if (path !== undefined) adopt(txn, checksum, path);
    return input.received;
  } finally {
    if (fd !== undefined) close(fd);
    if (path !== undefined) unlinkIfExists(path);
  }
}

/** The bytes of a `.filez` as they come: first its header, then its content. */
class FilezInput {
  readonly #checksum: Checksum;
  readonly #pieces: AsyncIterator<unknown>;
  readonly #tee: (piece: Uint8Array) => void;
  #ahead: Uint8Array = new Uint8Array(0);
  #limit = Number.POSITIVE_INFINITY;
  received = 0;
  /** Bytes of the deflate stream. */
  used = 0;

  constructor(checksum: Checksum, pieces: AsyncIterable<unknown>, tee: (piece: Uint8Array) => void) {
    this.#checksum = checksum;
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#tee = tee;
  }

  async header(): Promise<ArchiveHeader> {
    await this.#fill(headerStart);
    await this.#fill(archiveHeaderLength(this.#ahead));
    const header = decodeArchiveHeader(this.#ahead);
    this.#ahead = this.#ahead.subarray(header.contentAt);
    this.#limit = header.contentAt + header.size + Math.floor(header.size / 8) + slack;
    return header;
  }

  async *content({ size }: ArchiveHeader): AsyncGenerator<Uint8Array, undefined> {
    const inflater = createInflateRaw();
    // Errors of the source and of zlib both arrive at the loop below.
    pipeline(Readable.from(this.#rest(), { objectMode: false }), inflater, () => undefined);
    let total = 0;
    try {
      for await (const chunk of inflater) {
        if (!(chunk instanceof Uint8Array)) continue;
        total += chunk.byteLength;
        if (total > size) throw corrupt(this.#checksum, 'its content is longer than its header says');
        yield chunk;
      }
    } catch (error) {
      if (isOpkgOstreeError(error)) throw error;
      throw corrupt(this.#checksum, 'it cannot be inflated', error);
    }
    this.used = inflater.bytesWritten;
    if (total !== size) throw corrupt(this.#checksum, 'its content is shorter than its header says');
  }

  async *#rest(): AsyncGenerator<Uint8Array, undefined> {
    try {
      if (this.#ahead.byteLength > 0) yield this.#ahead;
      for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) yield piece;
    } finally {
      await this.#pieces.return?.();
    }
  }

  async #fill(length: number): Promise<void> {
    const pieces = [this.#ahead];
    let have = this.#ahead.byteLength;
    while (have < length) {
      const piece = await this.#next();
      if (piece === undefined) throw corrupt(this.#checksum, 'it ends within its header');
      pieces.push(piece);
      have += piece.byteLength;
    }
    this.#ahead = concat(pieces);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#pieces.next();
    if (done === true || !(value instanceof Uint8Array)) return undefined;
    this.received += value.byteLength;
    if (this.received > this.#limit) throw corrupt(this.#checksum, 'it is longer than its content can need');
    this.#tee(value);
    return value;
  }
}

function hashOnly(header: ArchiveHeader) {
  const hash = sha256().update(encodeFileHeader(header.attributes, header.target ?? ''));
  return {
    write: (chunk: Uint8Array) => {
      hash.update(chunk);
    },
    finish: () => hexOf(hash.digest()),
    abort: () => undefined,
  };
}

function inflate(checksum: Checksum, deflated: Uint8Array, size: number): Uint8Array {
  let content: Uint8Array;
  try {
    content = inflateRawSync(deflated, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw corrupt(checksum, 'it cannot be inflated to the size that its header says', error);
  }
  if (content.byteLength !== size) throw corrupt(checksum, 'its size is not what its header says');
  return content;
}

function keep(path: string, write: (fd: number) => void): void {
  const fd = open(path, 'wx', 0o644);
  try {
    write(fd);
    fchmod(fd, 0o644);
  } finally {
    close(fd);
  }
}

/** The verified file at the scratch path becomes the object. */
function adopt(txn: Transaction, checksum: Checksum, path: string): void {
  try {
    if (!txn.linkObject('file', checksum, path))
      throw corrupt(checksum, 'the file system does not allow it to be linked');
  } finally {
    unlinkIfExists(path);
  }
}

function check(expected: Checksum, actual: Checksum): void {
  if (actual !== expected) throw corrupt(expected, `it has the content of ${actual}`);
}

function corrupt(checksum: Checksum, what: string, cause?: unknown): ParseError {
  return new ParseError(
    'OSTREE_OBJECT_CORRUPT',
    `the file object ${checksum} of the remote is wrong: ${what}`,
    {
      hint: 'use another mirror',
      details: { type: 'file', checksum },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
