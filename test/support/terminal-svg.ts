/** A picture of a terminal's screen, from what `tmux capture-pane -e` tells of it. */

interface Style {
  readonly bold: boolean;
  readonly reverse: boolean;
  readonly colour: string | undefined;
}

const plain: Style = { bold: false, reverse: false, colour: undefined };
const background = '#14181d';
const foreground = '#c9d1d9';
/** The sixteen colours, by their SGR numbers from 30 and 90. */
const palette = ['#484f58', '#ff7b72', '#7ee787', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#c9d1d9'];
const cell = { width: 7.9, height: 17 };

/** The style after one SGR sequence; 256-colour numbers beyond the sixteen are shown as text. */
function after(style: Style, sequence: string): Style {
  let next = style;
  for (const code of sequence === '' ? [0] : sequence.split(';').map(Number)) {
    if (code === 0) next = plain;
    else if (code === 1) next = { ...next, bold: true };
    else if (code === 7) next = { ...next, reverse: true };
    else if (code === 22) next = { ...next, bold: false };
    else if (code === 27) next = { ...next, reverse: false };
    else if (code === 39) next = { ...next, colour: undefined };
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      next = { ...next, colour: palette[code % 10] };
  }
  return next;
}

const escaped = (text: string) => text.replace(/&/gu, '&amp;').replace(/</gu, '&lt;').replace(/>/gu, '&gt;');

function run(text: string, column: number, row: number, style: Style): string {
  const x = (16 + column * cell.width).toFixed(1);
  const y = row * cell.height + 30;
  const ink = style.colour ?? foreground;
  const width = ([...text].length * cell.width).toFixed(1);
  const box = style.reverse
    ? `<rect x="${x}" y="${y - 13}" width="${width}" height="${cell.height}" fill="${ink}"/>`
    : '';
  const weight = style.bold ? ' font-weight="bold"' : '';
  const fill = style.reverse ? background : ink;
  return `${box}<text x="${x}" y="${y}" textLength="${width}" fill="${fill}"${weight}>${escaped(text)}</text>`;
}

function line(text: string, row: number): string {
  let style = plain;
  let column = 0;
  const parts: string[] = [];
  for (const [, sequence, words] of text.matchAll(/(?:\u001b\[([\d;]*)m)?([^\u001b]*)/gu)) {
    if (sequence !== undefined) style = after(style, sequence);
    if (words === undefined || words === '') continue;
    if (words.trim() !== '' || style.reverse) parts.push(run(words, column, row, style));
    column += [...words].length;
  }
  return parts.join('');
}

/** The screen as an SVG document; `label` is what a screen reader says of it. */
export function terminalSvg(screen: string, columns: number, label: string): string {
  const lines = screen.trimEnd().split('\n');
  const width = (columns * cell.width + 32).toFixed(0);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${lines.length * cell.height + 32}" role="img" aria-label="${label}">
<style>text{font:13px ui-monospace,Menlo,Consolas,monospace;white-space:pre}</style>
<rect width="100%" height="100%" rx="8" fill="${background}"/>
${lines.map(line).join('\n')}
</svg>
`;
}
