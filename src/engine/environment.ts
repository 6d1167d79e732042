import type { OperationContext } from '../base/index.ts';

/** What an operation is run with: progress and cancelling, the clock, and who asked with which words. */
export interface Environment extends OperationContext {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The command line as the user would type it again; goes into the history. */
  readonly command: string;
  /** Who runs it: a user name or face (`root`, `luci`). */
  readonly by: string;
}
