import { ParseError } from '../base/index.ts';
import { PackageBuilder, type RepeatedOption } from './builder.ts';
import type { UciDocument, UciLine, UciStatement } from './document.ts';
import { LineBuffer } from './line-buffer.ts';
import { isUciName, isUciPackageWord, isUciType } from './names.ts';
import { PlainLines } from './plain-lines.ts';
import { type UciWord, WordReader } from './words.ts';

/** Larger than any configuration; a bigger file is refused before it is read. */
const fileLimit = 8 * 1024 * 1024;

export interface ParseOptions {
  /** What errors call the file. */
  readonly name?: string;
  /** See RepeatedOption; `moves` unless given. */
  readonly repeated?: RepeatedOption;
}

/**
 * The file as its lines, statements and package. Accepts what `uci` with its default `-s` accepts; else
 * ParseError UCI_INVALID with `details` {file, line, column, offset, reason}. Grammar: docs/formats/uci.md.
 */
export function parseUci(bytes: Uint8Array, options: ParseOptions = {}): UciDocument {
  const name = options.name ?? 'uci';
  if (bytes.length > fileLimit)
    throw new ParseError('UCI_INVALID', `${name}: larger than ${fileLimit} bytes`, {
      details: { file: name, reason: 'too large' },
    });
  return new Parser(bytes, name, options.repeated ?? 'moves').parse();
}

const keywords: Readonly<Record<string, UciStatement['kind']>> = {
  p: 'package',
  package: 'package',
  c: 'config',
  config: 'config',
  o: 'option',
  option: 'option',
  l: 'list',
  list: 'list',
};

const noStatements: readonly UciStatement[] = [];

class Parser {
  readonly #buffer: LineBuffer;
  readonly #words: WordReader;
  readonly #builder: PackageBuilder;
  readonly #plain: PlainLines | undefined;
  readonly #lines: UciLine[] = [];
  #section = -1;

  constructor(bytes: Uint8Array, name: string, repeated: RepeatedOption) {
    this.#buffer = new LineBuffer(bytes, name);
    this.#words = new WordReader(this.#buffer);
    this.#builder = new PackageBuilder(repeated);
    this.#plain = bytes.includes(0) ? undefined : new PlainLines(bytes);
  }

  parse(): UciDocument {
    const buffer = this.#buffer;
    while (!buffer.ended) {
      const start = buffer.nextOffset;
      if (this.#readPlain(start)) continue;
      buffer.pos = 0;
      this.#words.comment = undefined;
      buffer.fetch(0);
      const statements = this.#readLine();
      if (buffer.nextOffset > start)
        this.#lines.push({ start, end: buffer.nextOffset, statements, comment: this.#words.comment });
    }
    return { bytes: buffer.source, lines: this.#lines, package: this.#builder.build() };
  }

  /** The line at `start` where it is one that has nothing special; false leaves it to `#readLine`. */
  #readPlain(start: number): boolean {
    const plain = this.#plain;
    const found = plain?.read(start);
    if (plain === undefined || found === undefined) return false;
    const { end, comment } = plain;
    if (found === 'empty') {
      this.#lines.push({ start, end, statements: noStatements, comment });
    } else {
      const section = this.#applyPlain(plain);
      if (section === undefined) return false;
      const { kind, name, value } = plain;
      const statement = { kind, start: plain.start, end: (value ?? name).end, name, value, section };
      this.#lines.push({ start, end, statements: [statement], comment });
    }
    this.#buffer.skipTo(end);
    return true;
  }

  /** The statement's section, or undefined for one that is an error. */
  #applyPlain({ kind, name, value }: PlainLines): number | undefined {
    const text = value?.text ?? '';
    if (kind === 'config') {
      if (text !== '' && !isUciName(text)) return undefined;
      if (text !== '' && (this.#builder.typeOf(text) ?? name.text) !== name.text) return undefined;
      this.#section = this.#builder.open(name.text, text === '' ? undefined : text);
      return this.#section;
    }
    if (this.#section < 0 || name.text.includes('-')) return undefined;
    if (kind === 'list') this.#builder.add(this.#section, name.text, text);
    else this.#builder.set(this.#section, name.text, text);
    return this.#section;
  }

  #readLine(): UciStatement[] {
    const statements: UciStatement[] = [];
    this.#words.skipSpace();
    for (;;) {
      const word = this.#words.keyword();
      if (word === undefined || word.text.startsWith('#')) return statements;
      const kind = Object.hasOwn(keywords, word.text) ? keywords[word.text] : undefined;
      if (kind === undefined) this.#fail('invalid command', word.start);
      if (kind === 'package') statements.push(this.#readPackage(word));
      else if (kind === 'config') statements.push(this.#readConfig(word));
      else statements.push(this.#readOption(word, kind));
    }
  }

  /** A loaded file is one package, so that its `package` lines are checked and mean nothing. */
  #readPackage(keyword: UciWord): UciStatement {
    const name = this.#required();
    if (!isUciPackageWord(name.text)) this.#fail('invalid character in the package name', name.start);
    this.#assertEnd();
    return { kind: 'package', start: keyword.start, end: name.end, name, value: undefined, section: -1 };
  }

  #readConfig(keyword: UciWord): UciStatement {
    const type = this.#required();
    if (!isUciType(type.text)) this.#fail('invalid character in the section type', type.start);
    const name = this.#words.next();
    const isNamed = name.text !== '';
    if (isNamed) this.#checkName(name);
    this.#assertEnd();
    if (isNamed && (this.#builder.typeOf(name.text) ?? type.text) !== type.text)
      this.#fail(`section '${name.text}' exists with another type`, keyword.start);
    this.#section = this.#builder.open(type.text, isNamed ? name.text : undefined);
    const value = name.end > name.start ? name : undefined;
    return this.#statement('config', keyword, type, value);
  }

  #readOption(keyword: UciWord, kind: 'option' | 'list'): UciStatement {
    if (this.#section < 0) this.#fail(`${kind} before the first section`, keyword.start);
    const name = this.#required();
    this.#checkName(name);
    const word = this.#words.next();
    this.#assertEnd();
    if (kind === 'list') this.#builder.add(this.#section, name.text, word.text);
    else this.#builder.set(this.#section, name.text, word.text);
    const value = word.end > word.start ? word : undefined;
    return this.#statement(kind, keyword, name, value);
  }

  #statement(
    kind: UciStatement['kind'],
    keyword: UciWord,
    name: UciWord,
    value: UciWord | undefined,
  ): UciStatement {
    return { kind, start: keyword.start, end: (value ?? name).end, name, value, section: this.#section };
  }

  #required(): UciWord {
    const word = this.#words.next();
    if (word.text === '') this.#fail('insufficient arguments', word.start);
    return word;
  }

  #checkName(word: UciWord): void {
    if (!isUciName(word.text)) this.#fail('invalid character in a name', word.start);
  }

  #assertEnd(): void {
    const extra = this.#words.next();
    if (extra.text !== '') this.#fail('too many arguments', extra.start);
  }

  #fail(reason: string, offset: number): never {
    this.#buffer.fail(reason, offset);
  }
}
