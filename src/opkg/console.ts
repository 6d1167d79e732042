/** What opkg prints: notices at once on standard output, errors together at the end on standard error. */
import type { Messages } from '../offline/index.ts';
import { outputIsTerminal, writeError, writeOutput } from '../sys/index.ts';

/** Bytes that are gathered before they are written. */
const flushAt = 1 << 16;

/** The two streams of one run; all text is text of bytes. */
export class Console implements Messages {
  verbosity = 1;
  readonly #errors: string[] = [];
  readonly #terminal = outputIsTerminal();
  #pending: string[] = [];
  #size = 0;

  notice(text: string): void {
    if (this.verbosity >= 1) this.print(text);
  }

  info(where: string, text: string): void {
    if (this.verbosity >= 2) this.print(`${where}: ${text}`);
  }

  error(where: string | undefined, text: string): void {
    this.#errors.push(where === undefined ? text : `${where}: ${text}`);
  }

  /** What a command answers, whatever the verbosity. */
  print(text: string): void {
    // What a package says of itself must not steer the terminal; a pipe gets every byte.
    const shown = this.#terminal ? text.replace(/[\x00-\x08\x0b-\x1f\x7f]/gu, '?') : text;
    this.#pending.push(shown);
    this.#size += shown.length;
    if (this.#size >= flushAt || this.#terminal) this.flush();
  }

  /** Writes what is gathered: before anything else writes to the same stream. */
  flush(): void {
    if (this.#size > 0) writeOutput(Buffer.from(this.#pending.join(''), 'latin1'));
    this.#pending = [];
    this.#size = 0;
  }

  /** A line on standard error, at once. */
  complain(text: string): void {
    writeError(Buffer.from(text, 'latin1'));
  }

  /** Everything that is still to be said. */
  finish(): void {
    this.flush();
    if (this.#errors.length === 0) return;
    this.complain(`Collected errors:\n${this.#errors.map((text) => ` * ${text}`).join('')}`);
  }

  get isTerminal(): boolean {
    return this.#terminal;
  }
}
