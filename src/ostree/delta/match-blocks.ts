/**
 * Finds what a large file has in common with an older one, reading both in pieces: blocks of the old file are known
 * by a rolling hash, which is then moved over the new one byte by byte.
 */
import { type ReadSource, sourcePiece } from './read-source.ts';

/** A piece of the new file: copied from the old one, or of its own. */
export type Segment =
  | { readonly kind: 'copy'; readonly offset: number; readonly length: number }
  | { readonly kind: 'own'; readonly offset: number; readonly length: number };

const smallBlock = 1024;
const largeBlock = 8192;
const largeFile = 64 << 20;
const multiplier = 0x08088405 | 1;
const maxCandidates = 8;

/** The new file as pieces in order; `offset` of a copy is in the old file, of an own piece in the new one. */
export function matchBlocks(old: ReadSource, next: ReadSource): Segment[] {
  const block = old.size + next.size > largeFile ? largeBlock : smallBlock;
  const index = new BlockIndex(old, block);
  const segments = new SegmentList();
  const reader = new PieceReader(next);
  const scanner = new Scanner(index, reader, next.size, block);
  for (let at = scanner.next(0); at !== undefined; ) {
    const found = index.find(scanner.hash, reader.piece(at, block));
    if (found === undefined) {
      at = scanner.next(at + 1);
      continue;
    }
    const length = block + commonLength(old, found + block, reader, at + block, next.size);
    const before = commonBefore(old, found, reader, at, segments.end);
    segments.own(at - before);
    segments.copy(found - before, length + before);
    at = scanner.next(at + length);
  }
  segments.own(next.size);
  return segments.list;
}

/** Moves the rolling hash over the new file. */
class Scanner {
  /** The hash of the block at the position that `next` returned. */
  hash = 0;
  readonly #index: BlockIndex;
  readonly #reader: PieceReader;
  readonly #size: number;
  readonly #block: number;
  readonly #leaving: number;
  #at = -1;

  constructor(index: BlockIndex, reader: PieceReader, size: number, block: number) {
    this.#index = index;
    this.#reader = reader;
    this.#size = size;
    this.#block = block;
    let leaving = 1;
    for (let i = 1; i < block; i++) leaving = Math.imul(leaving, multiplier);
    this.#leaving = leaving;
  }

  /** The first position from `start` on whose block has a hash of the old file, or undefined. */
  next(start: number): number | undefined {
    const block = this.#block;
    let at = start;
    while (at + block <= this.#size) {
      const rolls = this.#at >= 0 && at === this.#at + 1;
      const begin = rolls ? this.#at : at;
      const piece = this.#reader.from(begin, Math.min(block + 1, this.#size - begin));
      let hash = rolls ? this.hash : hashOf(piece, 0, block);
      let i = 0;
      if (rolls) hash = this.#roll(hash, piece, i++);
      const last = piece.length - block;
      while (i < last && !this.#index.has(hash)) hash = this.#roll(hash, piece, i++);
      this.hash = hash;
      this.#at = begin + i;
      if (this.#index.has(hash)) return this.#at;
      at = this.#at + 1;
    }
    return undefined;
  }

  #roll(hash: number, piece: Uint8Array, i: number): number {
    const rest = (hash - Math.imul(piece[i] ?? 0, this.#leaving)) | 0;
    return (Math.imul(rest, multiplier) + (piece[i + this.#block] ?? 0)) | 0;
  }
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0;
  for (let i = from; i < to; i++) hash = (Math.imul(hash, multiplier) + (bytes[i] ?? 0)) | 0;
  return hash;
}

/** Where the blocks of the old file are, by their hash. */
class BlockIndex {
  readonly #old: ReadSource;
  readonly #block: number;
  readonly #hashes: Int32Array;
  readonly #heads: Int32Array;
  readonly #links: Int32Array;
  readonly #mask: number;

  constructor(old: ReadSource, block: number) {
    this.#old = old;
    this.#block = block;
    const count = Math.floor(old.size / block);
    const buckets = 1 << Math.max(Math.ceil(Math.log2(count + 1)), 4);
    this.#mask = buckets - 1;
    this.#hashes = new Int32Array(count);
    this.#heads = new Int32Array(buckets).fill(-1);
    this.#links = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const hash = hashOf(old.read(i * block, block), 0, block);
      this.#hashes[i] = hash;
      // One of many equal blocks, zeros for instance, is enough: chains stay short.
      if (this.has(hash)) continue;
      const bucket = this.#bucket(hash);
      this.#links[i] = this.#heads[bucket] ?? -1;
      this.#heads[bucket] = i;
    }
  }

  /** True when a block has the hash. */
  has(hash: number): boolean {
    let candidate = this.#heads[this.#bucket(hash)] ?? -1;
    while (candidate >= 0) {
      if (this.#hashes[candidate] === hash) return true;
      candidate = this.#links[candidate] ?? -1;
    }
    return false;
  }

  /** The offset of a block with exactly this content. */
  find(hash: number, content: Uint8Array): number | undefined {
    let candidate = this.#heads[this.#bucket(hash)] ?? -1;
    for (let tried = 0; candidate >= 0 && tried < maxCandidates; ) {
      if (this.#hashes[candidate] === hash) {
        const offset = candidate * this.#block;
        if (Buffer.compare(this.#old.read(offset, this.#block), content) === 0) return offset;
        tried++;
      }
      candidate = this.#links[candidate] ?? -1;
    }
    return undefined;
  }

  #bucket(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}

/** Reads small pieces out of a large one. */
class PieceReader {
  readonly #source: ReadSource;
  #piece: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(source: ReadSource) {
    this.#source = source;
  }

  /** `length` bytes from `at`, which lie within the file; valid until the next call. */
  piece(at: number, length: number): Uint8Array {
    return this.from(at, length).subarray(0, length);
  }

  /** As `piece`, and all the bytes behind them that are at hand. */
  from(at: number, length: number): Uint8Array {
    if (at < this.#start || at + length > this.#start + this.#piece.length) {
      // Some bytes before are kept for looking back.
      this.#start = Math.max(at - smallBlock, 0);
      const wanted = Math.min(sourcePiece, this.#source.size - this.#start);
      this.#piece = this.#source.read(this.#start, wanted);
    }
    return this.#piece.subarray(at - this.#start);
  }
}

const step = 16 << 10;

function commonLength(old: ReadSource, oldAt: number, reader: PieceReader, at: number, end: number): number {
  let done = 0;
  for (;;) {
    const length = Math.min(step, old.size - oldAt - done, end - at - done);
    if (length <= 0) return done;
    const a = old.read(oldAt + done, length);
    const b = reader.piece(at + done, length);
    let same = 0;
    while (same < length && a[same] === b[same]) same++;
    done += same;
    if (same < length) return done;
  }
}

/** How many bytes before both places are the same, down to `floor` of the new file. */
function commonBefore(
  old: ReadSource,
  oldAt: number,
  reader: PieceReader,
  at: number,
  floor: number,
): number {
  const length = Math.min(smallBlock, oldAt, at - floor);
  if (length <= 0) return 0;
  const a = old.read(oldAt - length, length);
  const b = reader.piece(at - length, length);
  let same = 0;
  while (same < length && a[length - 1 - same] === b[length - 1 - same]) same++;
  return same;
}

/** Segments without a gap; what is next to each other in the old file becomes one copy. */
class SegmentList {
  readonly list: Segment[] = [];
  end = 0;

  own(until: number): void {
    if (until > this.end) this.list.push({ kind: 'own', offset: this.end, length: until - this.end });
    this.end = Math.max(until, this.end);
  }

  copy(offset: number, length: number): void {
    const last = this.list.at(-1);
    if (last?.kind === 'copy' && last.offset + last.length === offset)
      this.list[this.list.length - 1] = { ...last, length: last.length + length };
    else this.list.push({ kind: 'copy', offset, length });
    this.end += length;
  }
}
