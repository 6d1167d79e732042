import type { LineBuffer } from './line-buffer.ts';

/** A word of a statement: its text after unquoting, and the bytes of the file that spell it. */
export interface UciWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const [tab, newline, carriageReturn, blank] = [0x09, 0x0a, 0x0d, 0x20];
const [doubleQuote, hash, singleQuote, semicolon, backslash] = [0x22, 0x23, 0x27, 0x3b, 0x5c];

/** C's isspace: blank, tab, newline, vertical tab, form feed, carriage return. */
function isSpace(byte: number): boolean {
  return byte === blank || (byte >= tab && byte <= carriageReturn);
}

/** Reads the words of statements from a line buffer, with the quoting rules of docs/formats/uci.md. */
export class WordReader {
  readonly buffer: LineBuffer;
  /** Where in the file the comment of the present line begins. */
  comment: number | undefined;
  #target = 0;

  constructor(buffer: LineBuffer) {
    this.buffer = buffer;
  }

  skipSpace(): void {
    const { buffer } = this;
    while (buffer.current !== 0 && isSpace(buffer.current)) buffer.pos++;
  }

  /** The next keyword, which no quote can spell, and its terminator; undefined where the line is over. */
  keyword(): UciWord | undefined {
    const { buffer } = this;
    const isBlank = (byte: number) => byte === blank || byte === tab;
    let start = buffer.pos;
    while (isBlank(buffer.at(start))) start++;
    if (buffer.at(start) === 0) return undefined;
    let end = start;
    while (buffer.at(end) !== 0 && !isBlank(buffer.at(end))) end++;
    const word = {
      text: buffer.slice(start, end),
      start: buffer.offsetOf(start),
      end: buffer.offsetOf(end - 1) + 1,
    };
    if (word.text.startsWith('#')) this.comment = word.start;
    // Behind the last word lies nothing; old readers looked there and took what an earlier line had left.
    buffer.pos = buffer.at(end) === 0 ? end : end + 1;
    return word;
  }

  /** The next word of the statement; its text is empty where there is none. */
  next(): UciWord {
    const { buffer } = this;
    this.skipSpace();
    const begin = buffer.pos;
    const start = buffer.offsetOf(begin);
    if (buffer.current === semicolon) {
      buffer.set(begin, 0);
      buffer.pos++;
      return { text: '', start, end: start };
    }
    this.#target = begin;
    const end = this.#readWord();
    return {
      text: buffer.slice(begin, this.#target),
      start,
      end: end > begin ? buffer.offsetOf(end - 1) + 1 : start,
    };
  }

  /** Unquotes one word in place; returns the index behind its last byte. */
  #readWord(): number {
    const { buffer } = this;
    let glued = true;
    do {
      const byte = buffer.current;
      if (byte === singleQuote) this.#readSingleQuoted();
      else if (byte === doubleQuote) this.#readDoubleQuoted();
      else if (byte === hash) {
        this.comment = buffer.offsetOf(buffer.pos);
        buffer.set(buffer.pos, 0);
        break;
      } else if (byte === 0) break;
      else if (byte === semicolon) {
        glued = false;
        break;
      } else if (byte !== backslash || this.#readBackslash()) this.#copy();
    } while (buffer.current !== 0 && !isSpace(buffer.current));
    const end = buffer.pos;
    if (buffer.current !== 0 && glued) buffer.pos++;
    // The terminator falls on a `;` that follows a word without quotes, and hides the rest of the line.
    buffer.set(this.#target, 0);
    return end;
  }

  #readSingleQuoted(): void {
    const { buffer } = this;
    const opened = buffer.offsetOf(buffer.pos);
    buffer.pos++;
    while (buffer.current !== singleQuote) {
      if (buffer.current === 0) this.#continue(opened, "unterminated '");
      else this.#copy();
    }
    buffer.pos++;
  }

  #readDoubleQuoted(): void {
    const { buffer } = this;
    const opened = buffer.offsetOf(buffer.pos);
    buffer.pos++;
    while (buffer.current !== doubleQuote) {
      if (buffer.current === 0) this.#continue(opened, 'unterminated "');
      else if (buffer.current !== backslash || this.#readBackslash()) this.#copy();
    }
    buffer.pos++;
  }

  /** A value goes on in the next line. */
  #continue(opened: number, reason: string): void {
    this.buffer.fetch(this.buffer.pos);
    if (this.buffer.current === 0) this.buffer.fail(`${reason} at the end of the file`, opened);
  }

  /** Skips a backslash; false where it joins the next line and stands for nothing. */
  #readBackslash(): boolean {
    const { buffer } = this;
    buffer.pos++;
    const byte = buffer.current;
    const joins =
      byte === 0 ||
      byte === newline ||
      (byte === carriageReturn && buffer.at(buffer.pos + 1) === newline && buffer.at(buffer.pos + 2) === 0);
    if (joins) buffer.fetch(buffer.pos);
    return !joins;
  }

  #copy(): void {
    this.buffer.set(this.#target++, this.buffer.at(this.buffer.pos++));
  }
}
