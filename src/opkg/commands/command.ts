import type { Run } from '../../offline/index.ts';
import type { Console } from '../console.ts';

/** What a command works with. */
export interface CommandCall {
  readonly run: Run;
  readonly console: Console;
  /** The arguments, as text of bytes. */
  readonly args: readonly string[];
  readonly signal: AbortSignal;
}

/** Returns the exit status: 0, or 255 as opkg's -1. */
export type CommandBody = (call: CommandCall) => number | Promise<number>;

/** opkg's -1 as an exit status. */
export const failed = 255;
