import type { UciWord } from './words.ts';

/**
 * Indent, keyword, blanks, name, then perhaps blanks and a value that is one bare word or one quoted part without a backslash;
 * behind it only blanks up to the newline.
 */
const statementLine =
  /([ \t]*)(config|option|list)([ \t]+)([\w-]+)(?:([ \t]+)('[^'\n]*'|"[^"\\\n]*"|[^\s'"\\#;]+))?[ \t\r]*\n/y;
const emptyLine = /[ \t]*(#[^\n]*)?\n/y;

const noWord: UciWord = { text: '', start: 0, end: 0 };

/**
 * Finds the lines of a file without NUL bytes that mean the same in every reading: nearly all lines of real files. Any other line,
 * and one that might be an error, is the line buffer's. What `read` found is in the fields until the next call.
 */
export class PlainLines {
  readonly #text: string;
  /** Behind the line's newline. */
  end = 0;
  /** Where its comment begins. */
  comment: number | undefined;
  /** Of a statement: its keyword, where that stands, and its words. */
  kind: 'config' | 'option' | 'list' = 'config';
  start = 0;
  name: UciWord = noWord;
  value: UciWord | undefined;

  constructor(bytes: Uint8Array) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }

  /** What the line is that begins at `offset`; undefined where it takes more to read it. */
  read(offset: number): 'statement' | 'empty' | undefined {
    statementLine.lastIndex = offset;
    const match = statementLine.exec(this.#text);
    if (match !== null) {
      this.end = statementLine.lastIndex;
      this.comment = undefined;
      this.#take(match, offset);
      return 'statement';
    }
    emptyLine.lastIndex = offset;
    const empty = emptyLine.exec(this.#text);
    if (empty === null) return undefined;
    this.end = emptyLine.lastIndex;
    this.comment = empty[1] === undefined ? undefined : this.end - 1 - empty[1].length;
    return 'empty';
  }

  #take(match: RegExpExecArray, offset: number): void {
    const [, indent = '', keyword = '', gap = '', text = '', space = '', raw] = match;
    this.kind = keyword === 'config' || keyword === 'option' ? keyword : 'list';
    this.start = offset + indent.length;
    const start = this.start + keyword.length + gap.length;
    this.name = { text, start, end: start + text.length };
    this.value = raw === undefined ? undefined : wordOf(raw, this.name.end + space.length);
  }
}

function wordOf(raw: string, start: number): UciWord {
  const isQuoted = raw.startsWith("'") || raw.startsWith('"');
  return { text: isQuoted ? raw.slice(1, -1) : raw, start, end: start + raw.length };
}
