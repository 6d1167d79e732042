import { ParseError } from '../base/index.ts';
import { positionOf } from './position.ts';

/** libuci's first buffer; where a chunk ends decides what a NUL byte hides. */
const firstSize = 32;

/** A NUL-ridden file doubles the buffer with each line; the real uci runs out of memory near here. */
const sizeLimit = 1 << 30;

const newline = 0x0a;

/**
 * The line buffer of the real reader: text is taken from the file line by line, words are unquoted in place,
 * and terminators are written over what was read. What it accepts follows from that (a `;` glued to a bare
 * word hides the rest of its line), so this class keeps the very same buffer: `at(i)` is 0 behind the end,
 * `offsetOf(i)` says which byte of the file stood at `i`.
 */
export class LineBuffer {
  readonly source: Uint8Array;
  readonly #name: string;
  #bytes = Buffer.alloc(256);
  #size = 0;
  #next = 0;
  #atEnd = false;
  /** Pairs: index in the buffer, offset in the file of the byte there. */
  #pieces: [number, number][] = [];
  /** The index that is read next. */
  pos = 0;

  constructor(source: Uint8Array, name: string) {
    this.source = source;
    this.#name = name;
  }

  /** True when a read has met the end of the file. */
  get ended(): boolean {
    return this.#atEnd;
  }

  /** The offset of the first byte that no line has taken yet. */
  get nextOffset(): number {
    return this.#next;
  }

  /** Takes the bytes up to `offset`, whole lines without a NUL, from the file without looking at them. */
  skipTo(offset: number): void {
    this.#next = offset;
  }

  at(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  /** The byte at `pos`; 0 at the end of what was fetched. */
  get current(): number {
    return this.#bytes[this.pos] ?? 0;
  }

  set(index: number, byte: number): void {
    this.#bytes[index] = byte;
  }

  /** The byte string from `start` to `end`. */
  slice(start: number, end: number): string {
    return this.#bytes.toString('latin1', start, end);
  }

  /** Where in the file the byte at `index` stands. */
  offsetOf(index: number): number {
    for (let i = this.#pieces.length - 1; i >= 0; i--) {
      const piece = this.#pieces[i];
      if (piece !== undefined && piece[0] <= index)
        return Math.min(piece[1] + index - piece[0], this.source.length);
    }
    return this.#next;
  }

  /** Takes the next line of the file and puts it at `offset`; nothing but a 0 stands there at the end. */
  fetch(offset: number): void {
    if (this.#size === 0) this.#size = firstSize;
    if (offset >= this.#size - 1) this.#size *= 2;
    while (this.#pieces.length > 0 && (this.#pieces.at(-1)?.[0] ?? 0) >= offset) this.#pieces.pop();
    let at = offset;
    for (;;) {
      const taken = this.#take(at);
      if (taken === 0) return;
      at += taken;
      if (this.#bytes[at - 1] === newline) return;
      this.#size *= 2;
      if (this.#size > sizeLimit) this.fail('line too long', this.#next);
    }
  }

  /** Throws the ParseError for the byte of the file at `offset`. */
  fail(reason: string, offset: number): never {
    const { line, column } = positionOf(this.source, offset);
    throw new ParseError('UCI_INVALID', `${this.#name}:${line}:${column}: ${reason}`, {
      details: { file: this.#name, line, column, offset, reason },
    });
  }

  /** One `fgets`: up to a newline, the buffer's or the file's end; the count of bytes before the first NUL. */
  #take(at: number): number {
    const room = this.#size - at - 1;
    const { source } = this;
    const from = this.#next;
    const limit = Math.min(from + room, source.length);
    let end = from;
    let length = -1;
    let ended = false;
    // By hand: a view for each short line would cost more than its bytes.
    while (end < limit && !ended) {
      const byte = source[end++];
      ended = byte === newline;
      if (byte === 0 && length < 0) length = end - 1 - from;
    }
    if (!ended && end - from < room) this.#atEnd = true;
    this.#next = end;
    if (length < 0) length = end - from;
    this.#reserve(at + length + 1);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) bytes[at + i] = source[from + i] ?? 0;
    bytes[at + length] = 0;
    if (length > 0) this.#pieces.push([at, from]);
    return length;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(length, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
