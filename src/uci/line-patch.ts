import { InternalError } from '../base/index.ts';
import type { UciDocument, UciLine, UciStatement } from './document.ts';
import { configLine, quoted } from './print.ts';

/** A part of a line that can be changed alone. */
interface Piece {
  readonly statement: UciStatement | undefined;
  /** Offset in the file of the piece's first byte; undefined for one that was rewritten. */
  readonly origin: number | undefined;
  text: string;
  before: string;
  after: string;
}

/**
 * Changes to single statements of a document; every other byte is kept. A line whose statement stands alone
 * is changed in place; one with several, or with text that no one reads behind a `;`, is first written out
 * as a line for each statement and one for its comment.
 */
export class LinePatch {
  readonly #document: UciDocument;
  readonly #text: string;
  readonly #pieces: (Piece[] | undefined)[] = [];
  readonly #pieceOf = new Map<UciStatement, Piece>();

  constructor(document: UciDocument) {
    this.#document = document;
    this.#text = Buffer.from(document.bytes).toString('latin1');
  }

  /** The index of the line that a statement stands on: the last one that begins before it. */
  #lineOf(statement: UciStatement): number {
    const { lines } = this.#document;
    let [low, high] = [0, lines.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((lines[middle]?.start ?? 0) <= statement.start) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The byte string of a line as it stood. */
  original(line: UciLine): string {
    return this.#text.slice(line.start, line.end);
  }

  setValue(statement: UciStatement, value: string): void {
    this.#replaceWord(statement, quoted(value));
  }

  /** Changes type and name of a `config` statement; a name of undefined makes it anonymous. */
  setHeader(statement: UciStatement, type: string, name: string | undefined): void {
    if (statement.name.text === type && name !== undefined) {
      this.#replaceWord(statement, quoted(name));
      return;
    }
    const piece = this.#piece(statement);
    const { indent, newline } = this.#shape(piece);
    piece.text = `${indent}${configLine(type, name).trimEnd()}${this.#comment(piece)}${newline}`;
  }

  /** Drops a statement with its line and the comment behind it. */
  remove(statement: UciStatement): void {
    this.#piece(statement).text = '';
  }

  /** Adds a line like `statement`'s own before it. */
  insertBefore(statement: UciStatement, line: string): void {
    const piece = this.#piece(statement);
    piece.before += this.#like(piece, line);
  }

  /** Adds a line behind `statement`, indented like the options of its section. */
  insertAfter(statement: UciStatement, line: string): void {
    const piece = this.#piece(statement);
    piece.after += this.#like(piece, line);
  }

  /** The lines from `from` up to `to` with all changes, as a byte string. */
  render(from = 0, to = this.#document.lines.length): string {
    const parts: string[] = [];
    const add = (text: string) => {
      const last = parts.at(-1);
      if (text === '') return;
      if (last !== undefined && !last.endsWith('\n')) parts.push('\n');
      parts.push(text);
    };
    for (let index = from; index < to; index++) {
      const pieces = this.#pieces[index];
      const line = this.#document.lines[index];
      if (pieces === undefined) {
        if (line !== undefined) add(this.original(line));
      } else for (const piece of pieces) [piece.before, piece.text, piece.after].forEach(add);
    }
    return parts.join('');
  }

  #replaceWord(statement: UciStatement, word: string): void {
    const piece = this.#piece(statement);
    if (piece.origin === undefined) {
      const kind = statement.kind === 'config' ? '' : '\t';
      piece.text = `${kind}${statement.kind} ${statement.name.text} ${word}\n`;
      return;
    }
    const from = (statement.value?.start ?? statement.end) - piece.origin;
    const to = (statement.value?.end ?? statement.end) - piece.origin;
    const gap = statement.value === undefined ? ' ' : '';
    piece.text = `${piece.text.slice(0, from)}${gap}${word}${piece.text.slice(to)}`;
  }

  #piece(statement: UciStatement): Piece {
    const index = this.#lineOf(statement);
    if (this.#pieces[index] === undefined) {
      const pieces = this.#split(index);
      this.#pieces[index] = pieces;
      for (const piece of pieces)
        if (piece.statement !== undefined) this.#pieceOf.set(piece.statement, piece);
    }
    const piece = this.#pieceOf.get(statement);
    if (piece === undefined) throw new InternalError('a statement of another document');
    return piece;
  }

  #split(index: number): Piece[] {
    const line = this.#document.lines[index];
    if (line === undefined) return [];
    const text = this.original(line);
    const [only, ...more] = line.statements;
    const rest = only === undefined ? '' : this.#text.slice(only.end, line.end);
    // A backslash at the end would pull in a line that is put behind this one.
    const joins = only !== undefined && this.#text[only.end - 1] === '\\';
    if (only !== undefined && more.length === 0 && !joins && /^\s*(?:#[^\0]*)?$/u.test(rest))
      return [{ statement: only, origin: line.start, text, before: '', after: '' }];
    const pieces: Piece[] = line.statements.map((statement) => ({
      statement,
      origin: undefined,
      text: statementLine(statement),
      before: '',
      after: '',
    }));
    const comment = line.comment === undefined ? '' : this.#text.slice(line.comment, line.end);
    if (comment !== '')
      pieces.unshift({ statement: undefined, origin: undefined, text: comment, before: '', after: '' });
    return pieces;
  }

  #shape(piece: Piece): { indent: string; newline: string } {
    if (piece.origin === undefined || piece.statement === undefined) return { indent: '', newline: '\n' };
    const indent = this.#text.slice(piece.origin, piece.statement.start);
    const line = this.#document.lines[this.#lineOf(piece.statement)];
    const text = line === undefined ? '' : this.original(line);
    return { indent: /^[ \t]*$/u.test(indent) ? indent : '', newline: text.endsWith('\r\n') ? '\r\n' : '\n' };
  }

  #comment(piece: Piece): string {
    if (piece.origin === undefined || piece.statement === undefined) return '';
    const line = this.#document.lines[this.#lineOf(piece.statement)];
    if (line?.comment === undefined) return '';
    return ` ${this.#text.slice(line.comment, line.end).trimEnd()}`;
  }

  #like(piece: Piece, line: string): string {
    const { indent, newline } = this.#shape(piece);
    const isOption = piece.statement?.kind === 'option' || piece.statement?.kind === 'list';
    return `${isOption && piece.origin !== undefined ? indent : '\t'}${line}${newline}`;
  }
}

function statementLine({ kind, name, value }: UciStatement): string {
  if (kind === 'config') return configLine(name.text, value?.text === '' ? undefined : value?.text);
  if (kind === 'package') return `package ${name.text}\n`;
  return `\t${kind} ${name.text} ${quoted(value?.text ?? '')}\n`;
}
