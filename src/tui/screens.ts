/** The full-screen tiers: takes the terminal, runs the program on it, and gives it back. */
import {
  openTerminal,
  reportedSize,
  type TerminalSession,
  type TerminalSize,
  writeOutput,
} from '../sys/index.ts';
import { performer, watchOthers } from './effects.ts';
import { decodeKeys, flushKeys, type Key } from './keys.ts';
import { initialState } from './model/state.ts';
import type { Context } from './operations.ts';
import { Painter } from './paint.ts';
import { Program } from './program.ts';
import { draw } from './screen.tsx';
import { jobToShow } from './seen.ts';
import type { Look } from './tier.ts';

export interface ScreensOptions {
  readonly context: Context;
  readonly look: Look & { readonly unicode: boolean };
  readonly size: TerminalSize;
  /** The size as it is now; asks the terminal where the kernel does not know it. */
  readonly measure: () => Promise<TerminalSize>;
}

/** How fast each tier draws, follows a job, and gives up on the rest of a key. A serial line is slow in both directions. */
const paces = {
  full: { framePause: 33, jobPause: 250, escapeLimit: 100 },
  basic: { framePause: 125, jobPause: 500, escapeLimit: 700 },
} as const;

/** Runs the screens until they are left; the exit status. Throws what went wrong, the terminal given back before. */
export function runScreens(options: ScreensOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const screens = new Screens(options, resolve, reject);
    screens.begin();
  });
}

class Screens {
  readonly #options: ScreensOptions;
  readonly #resolve: (status: number) => void;
  readonly #reject: (error: unknown) => void;
  readonly #program: Program;
  readonly #pace: (typeof paces)['full' | 'basic'];
  readonly #full: boolean;
  #session: TerminalSession | undefined;
  #stopDrawing: () => void = () => undefined;
  #stopWatching: () => void = () => undefined;
  #size: TerminalSize;
  #rest = '';
  #restTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ScreensOptions, resolve: (status: number) => void, reject: (error: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#size = options.size;
    this.#full = options.look.tier === 'full';
    this.#pace = this.#full ? paces.full : paces.basic;
    const deeds = {
      leave: (status: number) => this.#leave(status),
      redraw: () => this.#redraw(),
      remeasure: () => this.#remeasure(),
      suspend: () => this.#session?.suspend(),
    };
    const { context, look, size } = options;
    const state = initialState({ size, unicode: look.unicode, jumps: !this.#full, now: context.env.now() });
    this.#program = new Program(state, performer(context, deeds, this.#pace));
  }

  begin(): void {
    this.#session = openTerminal({
      alternate: this.#full,
      onInput: (text) => this.#onInput(text),
      onResize: () => this.#onResize(),
      onResume: () => this.#redraw(),
      onLeave: () => this.#stopDrawing(),
      onCrash: this.#reject,
    });
    this.#draw();
    const { context } = this.#options;
    const job = jobToShow(context.where, context.env.now());
    this.#program.dispatch(...(job === undefined ? [] : [{ is: 'attach', job } as const]));
    this.#stopWatching = watchOthers(
      context,
      this.#program.dispatch,
      () => this.#program.state().job?.job.id,
    );
    this.#program.perform({ do: 'read', what: 'status' });
  }

  #draw(): void {
    const painter = new Painter({
      size: () => this.#size,
      write: writeOutput,
      ownScreen: this.#full,
      pause: this.#pace.framePause,
    });
    const stop = draw(this.#program, {
      colour: this.#options.look.colour,
      painter,
      onFailure: (error) => {
        this.#session?.close();
        this.#reject(error);
      },
    });
    this.#stopDrawing = () => {
      this.#stopDrawing = () => undefined;
      painter.shut();
      stop();
    };
  }

  /** What Ctrl-L asks for: a line without resize signals may have another size by now. */
  #remeasure(): void {
    this.#redraw();
    this.#options.measure().then((size) => this.#resized(size), this.#reject);
  }

  #redraw(): void {
    this.#stopDrawing();
    this.#session?.clear();
    this.#draw();
  }

  #onResize(): void {
    this.#resized(reportedSize() ?? this.#size);
  }

  #resized(size: TerminalSize): void {
    if (size.columns === this.#size.columns && size.rows === this.#size.rows) return;
    this.#size = size;
    this.#program.dispatch({ is: 'size', size });
  }

  #onInput(text: string): void {
    clearTimeout(this.#restTimer);
    const { keys, rest } = decodeKeys(this.#rest + text);
    this.#rest = rest;
    this.#press(keys);
    if (rest === '') return;
    this.#restTimer = setTimeout(() => {
      const late = flushKeys(this.#rest);
      this.#rest = '';
      this.#press(late);
    }, this.#pace.escapeLimit);
  }

  #press(keys: readonly Key[]): void {
    this.#program.dispatch(...keys.map((key) => ({ is: 'key', key }) as const));
  }

  #leave(status: number): void {
    this.#stopWatching();
    clearTimeout(this.#restTimer);
    this.#session?.close();
    this.#resolve(status);
  }
}
