import { type OperationContext, type Phase, throwIfAborted } from '../base/index.ts';

const interval = 512;

/**
 * Progress and cancellation for long synchronous work: every so many steps it reports, lets signals and timers be
 * served, and stops when the operation was cancelled.
 */
export class Pace {
  readonly #ctx: OperationContext;
  readonly #phase: Phase;
  readonly #total: number | undefined;
  #done = 0;

  constructor(ctx: OperationContext, phase: Phase, total?: number) {
    throwIfAborted(ctx.signal);
    this.#ctx = ctx;
    this.#phase = phase;
    this.#total = total;
  }

  /** Counts one file; true when it is time to await `rest`. */
  step(): boolean {
    this.#done += 1;
    return this.#done % interval === 0;
  }

  /** Reports, and lets other events be served once. */
  async rest(): Promise<void> {
    this.report();
    await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(this.#ctx.signal);
  }

  /** Reports what is done. */
  report(): void {
    const total = this.#total === undefined ? {} : { total: this.#total };
    this.#ctx.onProgress({ phase: this.#phase, done: this.#done, unit: 'files', ...total });
  }
}
