import { invalidXz } from './errors.ts';

const firstCapacity = 1 << 16;
/** Bytes beyond the dictionary that are filled before it is moved down, so that moving stays cheap. */
const slack = 4 << 20;

/**
 * The bytes that a block has put out so far, of which the last `dictionary` may be copied from. It grows with the
 * output, never with what a header claims. A retaining window keeps everything, as the result itself.
 */
export class Window {
  /** Read and written by the LZMA decoder between two calls of `reserve`. */
  buffer: Uint8Array;
  position = 0;
  /** Bytes that a match may reach back. */
  reach = 0;
  /** Bytes since the dictionary was reset, from which LZMA takes a byte's alignment. */
  total = 0;
  readonly dictionary: number;
  readonly #retain: boolean;
  readonly #capacityLimit: number;
  #emitted = 0;

  constructor(dictionary: number, options: { readonly retain: boolean; readonly capacity?: number }) {
    this.dictionary = dictionary;
    this.#retain = options.retain;
    this.#capacityLimit = options.retain ? Number.POSITIVE_INFINITY : dictionary + slack;
    this.buffer = Buffer.allocUnsafeSlow(Math.max(firstCapacity, options.capacity ?? 0));
  }

  /** Makes room for `count` more bytes at `position`. */
  reserve(count: number): void {
    if (this.position + count <= this.buffer.length) return;
    if (!this.#retain && this.position + count > this.#capacityLimit) this.#moveDown();
    const needed = this.position + count;
    if (needed <= this.buffer.length) return;
    const doubled = Math.min(this.buffer.length * 2, this.#capacityLimit);
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, doubled));
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
  }

  /** Forgets what matches may reach. */
  resetDictionary(): void {
    this.reach = 0;
    this.total = 0;
  }

  /** Appends stored bytes. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.advance(bytes.length);
  }

  /** Counts bytes that were written at `position`. */
  advance(count: number): void {
    this.position += count;
    this.total += count;
    this.reach = Math.min(this.reach + count, this.dictionary);
  }

  /** The bytes since the last call: a copy, or the buffer's own memory where the window retains and is at its end. */
  takeOutput(): Uint8Array {
    const bytes = this.buffer.subarray(this.#emitted, this.position);
    this.#emitted = this.position;
    return this.#retain ? bytes : Buffer.from(bytes);
  }

  #moveDown(): void {
    if (this.#emitted !== this.position) throw invalidXz('a chunk is larger than the format allows');
    this.buffer.copyWithin(0, this.position - this.reach, this.position);
    this.position = this.reach;
    this.#emitted = this.reach;
  }
}
