/** A step of a parser that stops where input is missing: it yields, and is resumed when there is more. */
export type Step<T> = Generator<undefined, T, undefined>;

/** Input that comes in pieces, read by generators that wait for the bytes they need. */
export class ByteSource {
  #chunks: Uint8Array[] = [];
  #available = 0;
  #consumed = 0;

  /** Bytes handed out since the beginning. */
  get consumed(): number {
    return this.#consumed;
  }

  /** Bytes that wait. */
  get available(): number {
    return this.#available;
  }

  /** Adds input; it is not copied, so the caller leaves it alone. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#available += bytes.length;
  }

  /** The next `count` bytes, all at once; `count` is small and bounded by the format. */
  *take(count: number): Step<Uint8Array> {
    while (this.#available < count) yield undefined;
    this.#available -= count;
    this.#consumed += count;
    const first = this.#chunks[0];
    if (first === undefined || count === 0) return new Uint8Array(0);
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    if (first.length === count) {
      this.#chunks.shift();
      return first;
    }
    return this.#join(count);
  }

  /** The next byte. */
  *byte(): Step<number> {
    const bytes = yield* this.take(1);
    return bytes[0] ?? 0;
  }

  #join(count: number): Uint8Array {
    const joined = new Uint8Array(count);
    let done = 0;
    while (done < count) {
      const first = this.#chunks[0] ?? new Uint8Array(0);
      const part = first.subarray(0, count - done);
      joined.set(part, done);
      done += part.length;
      if (part.length === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(part.length);
    }
    return joined;
  }
}
