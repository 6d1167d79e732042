/** From one frame to the next with as few bytes as it takes, in words that a VT100 knows. */
import { Writable } from 'node:stream';
import type { Size } from './model/state.ts';

const eraseToEnd = '\u001b[K';

/**
 * The bytes that make the frame `before` on the screen the frame `after`; the cursor ends on the last row of either. Rows are
 * counted from the top of the screen where it is ours, else from the row that the cursor is left on. Pure.
 */
export function paintChanges(
  before: readonly string[] | undefined,
  after: readonly string[],
  ownScreen: boolean,
): string {
  if (before === undefined)
    return (ownScreen ? '\u001b[H' : '\r') + after.map((row) => row + eraseToEnd).join('\r\n');
  if (before.length !== after.length) {
    // Rows below the last one may not be there yet: only a line break makes them.
    return `${moveTo(0, before.length - 1, ownScreen)}\u001b[J${paintChanges(undefined, after, ownScreen)}`;
  }
  let at = before.length - 1;
  let out = '';
  for (const [row, text] of after.entries()) {
    if (text === before[row]) continue;
    out += moveTo(row, at, ownScreen) + text + eraseToEnd;
    at = row;
  }
  // What is written next starts from a row that both frames know.
  return out === '' ? '' : out + moveTo(after.length - 1, at, ownScreen);
}

function moveTo(row: number, from: number, ownScreen: boolean): string {
  if (ownScreen) return `\u001b[${row + 1};1H`;
  const distance = row - from;
  if (distance === 0) return '\r';
  return `\r\u001b[${Math.abs(distance)}${distance > 0 ? 'B' : 'A'}`;
}

export interface PainterOptions {
  readonly size: () => Size;
  readonly write: (bytes: string) => void;
  /** The screen has nothing of others on it. */
  readonly ownScreen: boolean;
  /** Milliseconds between two frames. */
  readonly pause: number;
}

/** A stream that takes whole frames, as Ink writes them in its debug mode, and paints what changed, not too often. */
export class Painter extends Writable {
  readonly isTTY = false;
  readonly #options: PainterOptions;
  #shown: readonly string[] | undefined;
  #next: readonly string[] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #open = true;

  constructor(options: PainterOptions) {
    super({ decodeStrings: false });
    this.#options = options;
  }

  get columns(): number {
    return this.#options.size().columns;
  }

  get rows(): number {
    return this.#options.size().rows;
  }

  /** Paints what is waiting; from then on nothing more. */
  shut(): void {
    if (!this.#open) return;
    clearTimeout(this.#timer);
    this.#paint();
    this.#open = false;
  }

  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    // A frame never has more rows than there are: one more would scroll what is above it away.
    const most = Math.max(1, this.#options.size().rows - 1);
    this.#next = chunk.toString().split('\n').slice(0, most);
    if (this.#timer === undefined) this.#paintNow();
    done();
  }

  #paintNow(): void {
    this.#paint();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#next !== undefined) this.#paintNow();
    }, this.#options.pause);
    this.#timer.unref();
  }

  #paint(): void {
    const next = this.#next;
    if (next === undefined || !this.#open) return;
    const bytes = paintChanges(this.#shown, next, this.#options.ownScreen);
    this.#next = undefined;
    this.#shown = next;
    if (bytes !== '') this.#options.write(bytes);
  }
}
