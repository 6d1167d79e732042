import type { UciPackage } from './model.ts';
import type { UciWord } from './words.ts';

/** One command of a file with the bytes that spell it. Offsets count from the file's begin. */
export interface UciStatement {
  readonly kind: 'package' | 'config' | 'option' | 'list';
  /** The keyword's first byte. */
  readonly start: number;
  /** Behind the last byte of the last word. */
  readonly end: number;
  /** The package's or the option's name, or the section's type. */
  readonly name: UciWord;
  /** The section's name, or the option's value; undefined where none stands. */
  readonly value: UciWord | undefined;
  /** The section that it opens or changes: an index of the package's sections; -1 for `package`. */
  readonly section: number;
}

/**
 * A stretch of the file that is read as one: a physical line with the lines that its quotes and backslashes
 * pull in. The lines of a document, in order, are the whole file.
 */
export interface UciLine {
  readonly start: number;
  readonly end: number;
  readonly statements: readonly UciStatement[];
  /** Where its comment begins. */
  readonly comment: number | undefined;
}

/** A parsed file: its bytes, their parts, and what they mean. */
export interface UciDocument {
  readonly bytes: Uint8Array;
  readonly lines: readonly UciLine[];
  readonly package: UciPackage;
}
