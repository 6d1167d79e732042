/**
 * Control paragraphs (docs/formats/ipk.md): `Field: value` lines, continued by lines that begin with a space or tab.
 * Parsing keeps every byte of every value and the fields' order, so that rendering gives the text back.
 */
import { ParseError } from '../base/index.ts';

/** One field. `raw` is all that follows the colon, continuation lines with their line breaks included. */
export interface ControlField {
  readonly name: string;
  readonly raw: string;
}

/** A paragraph's fields in their order; no name occurs twice. */
export interface ControlParagraph {
  readonly fields: readonly ControlField[];
}

/** Limits of one paragraph, in UTF-16 units: real ones stay below 20 KiB and 30 fields. */
const controlLimits = { paragraph: 1 << 20, line: 1 << 16, fields: 256, name: 128 } as const;

const namePattern = /^[!-9;-~]+$/u;

/** The one paragraph of a package's control file; ParseError CONTROL_INVALID for none, for two, or for a malformed line. */
export function parseControl(text: string): ControlParagraph {
  const paragraphs = parseParagraphs(text);
  const [first, second] = paragraphs;
  if (first === undefined) throw controlError('the control text is empty');
  if (second !== undefined) throw controlError('the control text holds more than one paragraph');
  return first;
}

/** Every paragraph of a text in which empty lines part them. ParseError CONTROL_INVALID for a malformed line. */
export function parseParagraphs(text: string): ControlParagraph[] {
  const paragraphs: ControlParagraph[] = [];
  let builder = new ParagraphBuilder();
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, end);
    if (line === '' || line === '\r') {
      if (!builder.isEmpty) paragraphs.push(builder.finish());
      builder = new ParagraphBuilder();
    } else {
      builder.add(line);
    }
    at = end + 1;
  }
  if (!builder.isEmpty) paragraphs.push(builder.finish());
  return paragraphs;
}

/** The paragraph as text, each field on its own lines, without an empty line at the end. */
export function renderControl(paragraph: ControlParagraph): string {
  let text = '';
  for (const field of paragraph.fields) text += `${field.name}:${field.raw}\n`;
  return text;
}

/** The field's value without the white space round it; undefined where there is no such field. Names are case-sensitive, as in opkg. */
export function getField(paragraph: ControlParagraph, name: string): string | undefined {
  return paragraph.fields.find((field) => field.name === name)?.raw.trim();
}

/** The paragraph with the field set to a value in the usual spelling (`Name: value`), in its place or at the end. */
export function setField(paragraph: ControlParagraph, name: string, value: string): ControlParagraph {
  const next = makeField(name, value);
  const at = paragraph.fields.findIndex((field) => field.name === name);
  return { fields: at === -1 ? [...paragraph.fields, next] : paragraph.fields.with(at, next) };
}

/**
 * A field in the usual spelling. Lines after the first must begin with a space and none may be empty, or
 * the value would end the paragraph: ParseError CONTROL_INVALID.
 */
export function makeField(name: string, value: string): ControlField {
  const raw = value === '' || value.startsWith('\n') ? value : ` ${value}`;
  if (!namePattern.test(name) || /\n(?![ \t])/u.test(raw))
    throw controlError(`the field '${name.slice(0, 80)}' cannot be written`);
  return { name, raw };
}

/** The error for control text that cannot be used. */
export function controlError(message: string): ParseError {
  return new ParseError('CONTROL_INVALID', message);
}

class ParagraphBuilder {
  readonly #fields: ControlField[] = [];
  readonly #seen = new Set<string>();
  #name: string | undefined;
  #raw = '';
  #size = 0;

  get isEmpty(): boolean {
    return this.#name === undefined;
  }

  add(line: string): void {
    this.#size += line.length + 1;
    if (line.length > controlLimits.line) throw controlError(`a line is longer than ${controlLimits.line}`);
    if (this.#size > controlLimits.paragraph)
      throw controlError(`a paragraph is larger than ${controlLimits.paragraph}`);
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (this.#name === undefined) throw controlError('a paragraph begins with a continuation line');
      this.#raw += `\n${line}`;
      return;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (name.length > controlLimits.name || !namePattern.test(name))
      throw controlError(`not a 'Field: value' line: '${line.slice(0, 80)}'`);
    if (this.#seen.has(name)) throw controlError(`the field '${name}' occurs twice in one paragraph`);
    if (this.#seen.size >= controlLimits.fields) throw controlError('a paragraph has too many fields');
    this.#flush();
    this.#seen.add(name);
    this.#name = name;
    this.#raw = line.slice(colon + 1);
  }

  finish(): ControlParagraph {
    this.#flush();
    return { fields: this.#fields };
  }

  #flush(): void {
    if (this.#name !== undefined) this.#fields.push({ name: this.#name, raw: this.#raw });
  }
}
