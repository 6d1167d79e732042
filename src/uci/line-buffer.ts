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
  #bytes = new Uint8Array(256);
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
    return Buffer.from(this.#bytes.buffer, start, end - start).toString('latin1');
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
    const from = this.#next;
    const found = this.source.subarray(from, from + room).indexOf(newline);
    const end = found >= 0 ? from + found + 1 : Math.min(from + room, this.source.length);
    if (found < 0 && end - from < room) this.#atEnd = true;
    this.#next = end;
    const chunk = this.source.subarray(from, end);
    const nul = chunk.indexOf(0);
    const text = nul < 0 ? chunk : chunk.subarray(0, nul);
    this.#reserve(at + text.length + 1);
    this.#bytes.set(text, at);
    this.#bytes[at + text.length] = 0;
    if (text.length > 0) this.#pieces.push([at, from]);
    return text.length;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
