/** Lines of styled text, and what they are as bytes for a terminal. Pure. */
import { displayWidth, pad, truncate } from './text.ts';

/** What a piece of text says by its looks; never the only place where it says so. */
export type Style = 'plain' | 'dim' | 'bold' | 'reverse' | 'accent' | 'good' | 'warn' | 'bad';

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** One row of the screen. */
export type Line = readonly Span[];

/** Select Graphic Rendition (ECMA-48 8.3.117): with colour, and as bold and reverse alone. */
const codes: Readonly<Record<Style, readonly [colour: string, mono: string]>> = {
  plain: ['', ''],
  dim: ['2', ''],
  bold: ['1', '1'],
  reverse: ['7', '7'],
  accent: ['36', '1'],
  good: ['32', ''],
  warn: ['33', '1'],
  bad: ['31', '1'],
};

/** A piece of text. */
export function span(text: string, style: Style = 'plain'): Span {
  return { text, style };
}

/** A line of one piece. */
export function line(text: string, style: Style = 'plain'): Line {
  return [span(text, style)];
}

/** The line in exactly so many columns, whatever it held. */
export function fitLine(spans: Line, columns: number): Line {
  const out: Span[] = [];
  let room = columns;
  for (const { text, style } of spans) {
    if (room <= 0) break;
    const cut = truncate(text, room);
    out.push(span(cut, style));
    room -= displayWidth(cut);
    // A cut within the line has left its mark.
    if (cut !== text) break;
  }
  return room > 0 ? [...out, span(' '.repeat(room))] : out;
}

/** The line as one piece in reverse, so wide: the row that is selected. */
export function reversed(spans: Line, columns: number): Line {
  return line(pad(spans.map(({ text }) => text).join(''), columns), 'reverse');
}

/** A line as text, without any style. */
export function lineText(spans: Line): string {
  return spans.map(({ text }) => text).join('');
}

/** A line with its codes, blanks at its end left out unless they are seen. */
export function renderLine(spans: Line, { colour }: { readonly colour: boolean }): string {
  const last = spans.findLastIndex(({ text, style }) => style === 'reverse' || text.trimEnd() !== '');
  return spans
    .slice(0, last + 1)
    .map(({ text, style }, index) => {
      const shown = index === last && style !== 'reverse' ? text.trimEnd() : text;
      const code = codes[style][colour ? 0 : 1];
      return code === '' || shown === '' ? shown : `\u001b[${code}m${shown}\u001b[0m`;
    })
    .join('');
}
