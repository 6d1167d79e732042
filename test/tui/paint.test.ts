import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Painter, paintChanges } from '../../src/tui/paint.ts';

/** What a VT100 makes of the bytes: rows of text, the cursor; anything else is an error. */
class Vt100 {
  readonly rows: string[];
  row: number;
  column = 0;

  constructor(height: number, row = 0) {
    this.rows = Array.from({ length: height }, () => '');
    this.row = row;
  }

  write(bytes: string): void {
    for (const [token] of bytes.matchAll(/\u001b\[[0-9;]*[A-Za-z]|[\s\S]/gu)) this.#take(token);
  }

  #take(token: string): void {
    const number = Number(/\d+/u.exec(token)?.[0] ?? '1');
    if (token === '\r') this.column = 0;
    else if (token === '\n') this.row += 1;
    else if (token.endsWith('A') && token.length > 1) this.row -= number;
    else if (token.endsWith('B') && token.length > 1) this.row += number;
    else if (token.endsWith('H') && token.length > 1) [this.row, this.column] = [number - 1, 0];
    else if (token === '\u001b[K') this.rows[this.row] = (this.rows[this.row] ?? '').slice(0, this.column);
    else if (token === '\u001b[J') {
      this.rows[this.row] = (this.rows[this.row] ?? '').slice(0, this.column);
      this.rows.fill('', this.row + 1);
    } else if (token.length === 1) {
      const text = (this.rows[this.row] ?? '').padEnd(this.column);
      this.rows[this.row] = text.slice(0, this.column) + token + text.slice(this.column + 1);
      this.column += 1;
    } else throw new Error(`a VT100 does not know ${JSON.stringify(token)}`);
    if (this.row < 0 || this.row >= this.rows.length) throw new Error(`row ${this.row} is not on the screen`);
  }
}

const frames = fc.array(
  fc.array(
    fc.stringMatching(/^[a-e ]{0,6}$/u).map((row) => row.trimEnd()),
    { minLength: 1, maxLength: 6 },
  ),
  {
    minLength: 1,
    maxLength: 6,
  },
);

describe('painting', () => {
  it.each([true, false])('ends with the last frame on the screen (own screen: %s)', (own) => {
    fc.assert(
      fc.property(frames, (list) => {
        const above = own ? 0 : 3;
        const terminal = new Vt100(10, above);
        let before: readonly string[] | undefined;
        for (const frame of list) {
          terminal.write(paintChanges(before, frame, own));
          before = frame;
        }
        const last = list.at(-1) ?? [];
        expect(terminal.rows.slice(above, above + last.length)).toEqual(last);
        expect(terminal.rows.slice(above + last.length).join('')).toBe('');
        expect(terminal.rows.slice(0, above).join('')).toBe('');
      }),
    );
  });

  it('writes nothing for the same frame, and one row for one row', () => {
    expect(paintChanges(['a', 'b'], ['a', 'b'], true)).toBe('');
    expect(paintChanges(['a', 'b'], ['a', 'c'], false)).toBe('\rc\u001b[K\r');
  });

  it('never has as many rows as the terminal: that would scroll', () => {
    let written = '';
    const painter = new Painter({
      size: () => ({ columns: 80, rows: 5 }),
      write: (bytes) => {
        written += bytes;
      },
      ownScreen: true,
      pause: 1_000,
    });
    painter.write('1\n2\n3\n4\n5\n6');
    painter.shut();
    expect(written.split('\n')).toHaveLength(4);
  });

  it('paints at once, then holds frames back and paints the newest one', () => {
    const written: string[] = [];
    const painter = new Painter({
      size: () => ({ columns: 80, rows: 24 }),
      write: (bytes) => written.push(bytes),
      ownScreen: true,
      pause: 60_000,
    });
    for (const frame of ['one', 'two', 'three']) painter.write(frame);
    expect(written).toHaveLength(1);
    painter.shut();
    expect(written[1]).toContain('three');
    painter.write('four');
    expect(written).toHaveLength(2);
  });
});
