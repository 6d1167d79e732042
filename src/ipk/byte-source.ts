import { concat, ParseError } from '../base/index.ts';

/** A stream of byte pieces of any size. */
export type ByteStream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Reads a stream in pieces of asked sizes. `close` ends the stream early and lets its maker clean up. */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #current: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(stream: ByteStream) {
    this.#iterator =
      Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]();
  }

  /** Up to `limit` bytes, at least one; undefined at the end of the stream. */
  async some(limit: number): Promise<Uint8Array | undefined> {
    if (!(await this.#fill())) return undefined;
    const piece = this.#current.subarray(0, limit);
    this.#current = this.#current.subarray(limit);
    return piece;
  }

  /** Exactly `size` bytes, or fewer where the stream ends before. */
  async take(size: number): Promise<Uint8Array> {
    if (this.#current.byteLength >= size) {
      const piece = this.#current.subarray(0, size);
      this.#current = this.#current.subarray(size);
      return piece;
    }
    const pieces: Uint8Array[] = [];
    for (let missing = size; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) break;
      pieces.push(piece);
      missing -= piece.byteLength;
    }
    return concat(pieces);
  }

  /** As `take`, but the bytes stay to be read again. */
  async peek(size: number): Promise<Uint8Array> {
    const bytes = await this.take(size);
    this.#current = this.#current.byteLength === 0 ? bytes : concat([bytes, this.#current]);
    return bytes;
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Uint8Array, undefined> {
    try {
      for (;;) {
        const piece = await this.some(Number.MAX_SAFE_INTEGER);
        if (piece === undefined) return;
        yield piece;
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#iterator.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#current.byteLength === 0) {
      if (this.#ended) return false;
      const next = await this.#iterator.next();
      if (next.done === true) this.#ended = true;
      else this.#current = next.value;
    }
    return true;
  }
}

/** All bytes of the stream; ParseError IPK_TOO_LARGE beyond `limit`. */
export async function collect(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
  what: string,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.byteLength;
    if (size > limit) throw new ParseError('IPK_TOO_LARGE', `${what} is larger than ${limit} bytes`);
    pieces.push(piece);
  }
  return concat(pieces);
}
