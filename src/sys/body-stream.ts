/** A body that is handed on while it comes, with a bound on what waits between the socket and the reader. */

const highWater = 1 << 20;
const lowWater = 256 << 10;

/** What a BodyStream asks of its connection. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** The reader wants no more of an unfinished body. */
  drop(): void;
}

/** To be read once. Reading throws what `fail` was called with. */
export class BodyStream implements AsyncIterable<Uint8Array> {
  readonly #source: BodySource;
  readonly #pieces: Uint8Array[] = [];
  #waiting = 0;
  #paused = false;
  #state: 'open' | 'ended' | 'failed' = 'open';
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** Appends bytes, which must not change afterwards. */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#waiting += piece.byteLength;
    if (this.#waiting > highWater && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#wake?.();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#error = error;
    this.#wake?.();
  }

  /** Drops the connection unless the body has come to its end. */
  close(): void {
    if (this.#state === 'open') this.#source.drop();
    else this.#resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#waiting -= piece.byteLength;
          if (this.#waiting < lowWater) this.#resume();
          yield piece;
        } else if (this.#state === 'failed') throw this.#error;
        else if (this.#state === 'ended') return undefined;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.close();
    }
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }
}
