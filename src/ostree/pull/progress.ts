import type { OperationContext } from '../../base/index.ts';

const interval = 100;

/**
 * A pull's `download` events: bytes with their total where the commits say their sizes, objects otherwise, with a
 * total once no listing is outstanding.
 */
export class PullProgress {
  readonly #ctx: OperationContext;
  readonly #totalBytes: number | undefined;
  #bytes = 0;
  #objects = 0;
  #last = 0;

  constructor(ctx: OperationContext, totalBytes: number | undefined) {
    this.#ctx = ctx;
    this.#totalBytes = totalBytes;
    // The first event tells the total before the first byte is asked for.
    if (totalBytes !== undefined) this.#report();
  }

  /** Counts an object that is stored. */
  object(): void {
    this.#objects += 1;
    const now = performance.now();
    if (now - this.#last < interval) return;
    this.#last = now;
    this.#report();
  }

  bytes(count: number): void {
    this.#bytes += count;
  }

  finish(): void {
    if (this.#totalBytes !== undefined) this.#bytes = this.#totalBytes;
    this.#report(this.#objects);
  }

  #report(totalObjects?: number): void {
    const total = this.#totalBytes;
    this.#ctx.onProgress(
      total === undefined
        ? {
            phase: 'download',
            done: this.#objects,
            unit: 'files',
            ...(totalObjects === undefined ? {} : { total: totalObjects }),
          }
        : // Sizes are the publisher's word: a mirror that compressed anew may send more.
          { phase: 'download', done: Math.min(this.#bytes, total), total, unit: 'bytes' },
    );
  }
}
