/** Text for a terminal: what it may hold, how wide it is, how it is cut. Pure. */

/** What a terminal can show: `unicode` is false where only ASCII may be written. */
export interface Charset {
  readonly unicode: boolean;
}

/** Escape sequences as a whole: CSI, strings (OSC, DCS, APC, PM, SOS) up to their end, and two-byte ones. */
const sequences =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/gu;
/** Marks that reorder or hide what stands beside them: a name could look like another one. */
const invisible = /[\p{Cf}\u115f\u1160\u3164\uffa0]/gu;

/**
 * The text as a terminal may show it: no control sequence, no control byte, nothing invisible; line breaks and tabs become
 * blanks. What lies outside of the plane of common letters becomes `?`, since terminals disagree on its width.
 */
export function clean(text: string, { unicode }: Charset): string {
  const shown = text
    .replace(sequences, '')
    .replace(/\s/gu, ' ')
    .replace(/\p{Cc}/gu, '')
    .replace(invisible, '');
  return unicode
    ? shown.replace(/[\u{10000}-\u{10ffff}\p{Cs}\p{Co}]/gu, '?')
    : shown.replace(/[^ -~]/gu, '?');
}

/** The lines of a text, each one clean, without blank ones at the end. */
export function cleanLines(text: string, charset: Charset): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => clean(line, charset).trimEnd());
}

/** East Asian Wide and Fullwidth of the plane of common letters (Unicode, EastAsianWidth.txt), as first and last. */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x26a1, 0x26a1],
  [0x2705, 0x2705],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x2753, 0x2755],
  [0x2795, 0x2797],
  [0x2b1b, 0x2b1c],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
];
const combining = /^[\p{Mn}\p{Me}]$/u;

/** Columns of one letter. */
function widthOf(letter: string): number {
  const code = letter.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (combining.test(letter)) return 0;
  return wideRanges.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** Columns that a clean text takes. */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/u.test(text)) return text.length;
  let width = 0;
  for (const letter of text) width += widthOf(letter);
  return width;
}

/** The text in at most so many columns; what is cut off leaves a mark at the end. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns <= 1) return columns === 1 ? '~' : '';
  let width = 0;
  let kept = '';
  for (const letter of text) {
    width += widthOf(letter);
    if (width > columns - 1) break;
    kept += letter;
  }
  return `${kept}~`;
}

/** The text in exactly so many columns. */
export function pad(text: string, columns: number): string {
  const cut = truncate(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - displayWidth(cut)));
}

/** The words of a text on lines of at most so many columns; a word that is longer is broken. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
    while (displayWidth(line) > columns) {
      const head = headOf(line, columns);
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line];
}

/** As many letters of the beginning as fit; one at least. */
function headOf(text: string, columns: number): string {
  let width = 0;
  let head = '';
  for (const letter of text) {
    width += widthOf(letter);
    if (width > columns && head !== '') break;
    head += letter;
  }
  return head;
}

/** Bytes as a person reads them: `0 B`, `12.3 kB`, `4.5 MB` (powers of 1000). */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** How long ago a time was: `5 min`, `3 h`, `12 d`; `?` for what is no time, or one to come. */
export function ageText(time: string, now: number): string {
  const minutes = Math.floor((now - Date.parse(time)) / 60_000);
  if (Number.isNaN(minutes) || minutes < 0) return '?';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
