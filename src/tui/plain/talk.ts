/** Prompts and answers, one line each. */
import { type LineReader, writeOutput } from '../../sys/index.ts';
import { type Charset, clean } from '../text.ts';

/** Items of one page of choices. */
const pageSize = 20;

export class Talk {
  readonly charset: Charset;
  readonly #lines: LineReader;
  #over = false;

  constructor(lines: LineReader, charset: Charset) {
    this.#lines = lines;
    this.charset = charset;
  }

  /** True when the input has ended: every further question has no answer. */
  get over(): boolean {
    return this.#over;
  }

  /** Writes lines; what they hold of control sequences is left out. */
  say(...lines: readonly string[]): void {
    for (const text of lines) writeOutput(`${clean(text, this.charset)}\n`);
  }

  /** Asks for a line; '' for an empty one, and at the end of the input. */
  async ask(question: string): Promise<string> {
    if (this.#over) return '';
    writeOutput(`${clean(question, this.charset)}: `);
    const answer = await this.#lines.next();
    if (answer === undefined) {
      this.#over = true;
      writeOutput('\n');
      return '';
    }
    return clean(answer, this.charset).trim();
  }

  /** Asks a question whose default is No. */
  async agree(question: string): Promise<boolean> {
    return /^y(?:es)?$/iu.test(await this.ask(`${question} [y/N]`));
  }

  /** Lets the user choose one of the items by its number; undefined for none. Long lists come in pages. */
  async choose(question: string, items: readonly string[]): Promise<number | undefined> {
    let from = 0;
    for (;;) {
      const page = items.slice(from, from + pageSize);
      this.say(...page.map((item, index) => `${String(from + index + 1).padStart(3)}. ${item}`));
      const more = from + pageSize < items.length;
      const answer = await this.ask(more ? `${question} (of ${items.length}; m shows more)` : question);
      if (more && answer === 'm') {
        from += pageSize;
        continue;
      }
      if (answer === '' || answer === '0') return undefined;
      const number = /^\d{1,6}$/u.test(answer) ? Number(answer) : Number.NaN;
      if (number >= 1 && number <= items.length) return number - 1;
      this.say(`'${answer}' is none of these numbers.`);
    }
  }
}
