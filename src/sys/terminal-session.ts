/** A terminal that a program draws on: taken over here, and given back however the program ends. */
import { writeOutput } from './terminal.ts';

/** What a program wants of the terminal, and what it wants to hear. */
export interface SessionOptions {
  /** Draw on the alternate screen: what was there before comes back at the end. */
  readonly alternate: boolean;
  /** Text of the keyboard, undecoded. */
  readonly onInput: (text: string) => void;
  readonly onResize: () => void;
  /** The terminal is ours again after a pause, its screen unknown. */
  readonly onResume: () => void;
  /** Called before the terminal is given back, while the screen is still ours. */
  readonly onLeave: () => void;
  /** An error that nobody caught; the terminal has been given back. */
  readonly onCrash: (error: unknown) => void;
}

export interface TerminalSession {
  /** Gives the terminal back; once is enough, more does no harm. */
  readonly close: () => void;
  /** Gives the terminal back, stops this process group, and takes the terminal again when it goes on. */
  readonly suspend: () => void;
  /** Empties the visible screen, never what was scrolled away. */
  readonly clear: () => void;
}

const endings = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** Milliseconds after which a stop that did not happen (nobody could continue it) is over. */
const stopLimit = 100;

/** Takes the terminal over: raw mode, no cursor, signals. */
export function openTerminal(options: SessionOptions): TerminalSession {
  return new OpenTerminal(options);
}

class OpenTerminal implements TerminalSession {
  readonly #options: SessionOptions;
  readonly #listeners: readonly (readonly [string, (...values: readonly unknown[]) => void])[];
  #entered = false;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const end = (status: number) => () => {
      this.close();
      process.exit(status);
    };
    const crash = (error: unknown) => {
      this.close();
      options.onCrash(error);
    };
    this.#listeners = [
      ...Object.entries(endings).map(([name, status]) => [name, end(status)] as const),
      ['SIGTSTP', () => this.suspend()],
      ['SIGCONT', () => this.#resume()],
      ['uncaughtException', crash],
      ['unhandledRejection', crash],
      ['exit', () => this.close()],
    ];
    for (const [name, listener] of this.#listeners) process.on(name, listener);
    process.stdout.on('resize', options.onResize);
    process.stdin.setEncoding('utf8');
    process.stdin.on('data', this.#onData);
    process.stdin.on('end', this.#onHangup);
    process.stdin.on('error', this.#onHangup);
    this.#enter();
  }

  readonly #onData = (text: string) => this.#options.onInput(text);
  /** A terminal that is gone sends no SIGHUP to those it does not control. */
  readonly #onHangup = () => {
    this.close();
    process.exit(endings.SIGHUP);
  };

  readonly close = () => {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    for (const [name, listener] of this.#listeners) process.off(name, listener);
    process.stdout.off('resize', this.#options.onResize);
    process.stdin.off('data', this.#onData);
    process.stdin.off('end', this.#onHangup);
    process.stdin.off('error', this.#onHangup);
    process.stdin.pause();
  };

  readonly clear = () => writeOutput('\u001b[H\u001b[J');

  readonly suspend = () => {
    if (this.#closed) return;
    this.#leave();
    const stop = this.#listeners.find(([name]) => name === 'SIGTSTP')?.[1];
    if (stop !== undefined) process.off('SIGTSTP', stop);
    // The whole group: a shell that waits for its launcher must see the launcher stop.
    process.kill(0, 'SIGTSTP');
    setTimeout(() => {
      if (stop !== undefined && !this.#closed) process.on('SIGTSTP', stop);
      if (!this.#entered) this.#resume();
    }, stopLimit);
  };

  #resume(): void {
    if (this.#closed) return;
    // After a stop that could not be caught the shell has its own mode set.
    this.#entered = false;
    this.#enter();
    this.#options.onResume();
  }

  #enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    setRaw(false);
    setRaw(true);
    process.stdin.resume();
    writeOutput(this.#options.alternate ? '\u001b[?1049h\u001b[H\u001b[J\u001b[?25l' : '\u001b[?25l');
  }

  #leave(): void {
    if (!this.#entered) return;
    this.#options.onLeave();
    this.#entered = false;
    // Paste marks and the mouse are never asked for; what a helper left on ends here, too.
    const extras = this.#options.alternate ? '\u001b[?2004l\u001b[?1000l\u001b[?1006l\u001b[?1049l' : '\r\n';
    writeOutput(`\u001b[0m${extras}\u001b[?25h`);
    setRaw(false);
  }
}

/** The terminal may be gone. */
function setRaw(on: boolean): void {
  try {
    process.stdin.setRawMode(on);
  } catch {
    // Nothing is left to set.
  }
}
