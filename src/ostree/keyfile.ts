/**
 * GLib's key files (`[group]`, `key=value`, `#` comments), read and written without loss: lines that nobody changed
 * keep their bytes, unknown groups, keys and comments survive. Used for `config`, origin files and remotes.
 */
import { ConfigError } from '../base/index.ts';

type Line =
  | { kind: 'other'; text: string }
  | { kind: 'group'; text: string; name: string }
  | { kind: 'key'; text: string; name: string; raw: string };

const maxLength = 1 << 20;
const unescapes: Readonly<Record<string, string>> = {
  s: ' ',
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  ';': ';',
};

/** A key file in memory. Values are texts; escapes (`\s \n \t \r \\`) are resolved on the way. */
export class KeyFile {
  readonly #lines: Line[];

  constructor(lines: Line[] = []) {
    this.#lines = lines;
  }

  /** The value, or undefined; the last one where a key is repeated. */
  get(group: string, key: string): string | undefined {
    const raw = this.getRaw(group, key);
    return raw === undefined ? undefined : unescapeText(raw);
  }

  /** The value as it stands in the file, escapes and all. */
  getRaw(group: string, key: string): string | undefined {
    const line = this.#lines[this.#find(group, key)];
    return line?.kind === 'key' ? line.raw : undefined;
  }

  /** The value's items, separated by `;` (`\;` is a semicolon of an item); undefined where there is no such key. */
  getList(group: string, key: string): string[] | undefined {
    const raw = this.getRaw(group, key);
    if (raw === undefined) return undefined;
    const items = raw.match(/(?:\\[\s\S]|[^;\\])*(?:;|$)/gu) ?? [];
    const texts = items.map((item) => unescapeText(item.endsWith(';') ? item.slice(0, -1) : item));
    while (texts.at(-1) === '') texts.pop();
    return texts;
  }

  /** The truth value (`true` `1`, `false` `0`); `fallback` where absent; ConfigError CONFIG_INVALID otherwise. */
  getBoolean(group: string, key: string, fallback: boolean): boolean {
    const text = this.get(group, key)?.trim();
    if (text === undefined) return fallback;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw new ConfigError('CONFIG_INVALID', `[${group}] ${key}: '${text}' is neither true nor false`);
  }

  /** The whole number; `fallback` where absent; ConfigError CONFIG_INVALID otherwise. */
  getInteger(group: string, key: string, fallback: number): number {
    const text = this.get(group, key)?.trim();
    if (text === undefined) return fallback;
    if (/^[+-]?\d{1,15}$/u.test(text)) return Number(text);
    throw new ConfigError('CONFIG_INVALID', `[${group}] ${key}: '${text}' is not a whole number`);
  }

  /** Sets a key, in place where it exists, else at the end of its group (made at the end if missing). */
  set(group: string, key: string, value: string | readonly string[] | boolean | number): void {
    if (/[[\]\n\r]/u.test(group) || /[=\n\r[\]]/u.test(key) || key.trim() !== key || key === '') {
      throw new ConfigError('CONFIG_INVALID', `not a key file name: [${group}] ${key}`);
    }
    const raw = escapeValue(value);
    const line: Line = { kind: 'key', text: `${key}=${raw}`, name: key, raw };
    const at = this.#find(group, key);
    if (at !== -1) this.#lines[at] = line;
    else this.#lines.splice(this.#groupEnd(group), 0, line);
  }

  /** Removes every occurrence of the key; true when there was one. */
  remove(group: string, key: string): boolean {
    return this.#drop((name, line) => name === group && line.kind === 'key' && line.name === key);
  }

  /** Removes the group with all that is in it; true when there was one. */
  removeGroup(group: string): boolean {
    return this.#drop((name) => name === group);
  }

  /** The groups' names in order, each once. */
  groups(): string[] {
    return [...new Set(this.#lines.flatMap((line) => (line.kind === 'group' ? [line.name] : [])))];
  }

  /** The group's keys in order, each once. */
  keys(group: string): string[] {
    const keys = new Set<string>();
    this.#each((name, line) => {
      if (name === group && line.kind === 'key') keys.add(line.name);
    });
    return [...keys];
  }

  /** The file's text. */
  render(): string {
    return this.#lines.map((line) => `${line.text}\n`).join('');
  }

  #each(visit: (group: string | undefined, line: Line, index: number) => void): void {
    let group: string | undefined;
    this.#lines.forEach((line, index) => {
      if (line.kind === 'group') group = line.name;
      visit(group, line, index);
    });
  }

  #drop(unwanted: (group: string | undefined, line: Line) => boolean): boolean {
    const indexes: number[] = [];
    this.#each((group, line, index) => {
      if (unwanted(group, line)) indexes.push(index);
    });
    for (const index of indexes.reverse()) this.#lines.splice(index, 1);
    return indexes.length > 0;
  }

  #find(group: string, key: string): number {
    let found = -1;
    this.#each((name, line, index) => {
      if (name === group && line.kind === 'key' && line.name === key) found = index;
    });
    return found;
  }

  /** Where a new key of the group goes: after its last line that is not empty. */
  #groupEnd(group: string): number {
    let last = -1;
    this.#each((name, line, index) => {
      if (name === group && line.text.trim() !== '') last = index;
    });
    if (last !== -1) return last + 1;
    const end = this.#lines.at(-1);
    if (end !== undefined && end.text.trim() !== '') this.#lines.push({ kind: 'other', text: '' });
    this.#lines.push({ kind: 'group', text: `[${group}]`, name: group });
    return this.#lines.length;
  }
}

/** The key file of a text; ConfigError CONFIG_INVALID naming the line that is neither group, key nor comment. */
export function parseKeyFile(text: string): KeyFile {
  if (text.length > maxLength) throw new ConfigError('CONFIG_INVALID', 'the key file is too large');
  const rows = text.split('\n');
  if (rows.at(-1) === '') rows.pop();
  let inGroup = false;
  const lines = rows.map((row, index): Line => {
    const line = parseLine(row);
    if (line === undefined || (line.kind === 'key' && !inGroup)) {
      throw new ConfigError('CONFIG_INVALID', `line ${index + 1} of the key file: '${row.slice(0, 80)}'`);
    }
    if (line.kind === 'group') inGroup = true;
    return line;
  });
  return new KeyFile(lines);
}

function parseLine(row: string): Line | undefined {
  const trimmed = row.trim();
  if (trimmed === '' || trimmed.startsWith('#')) return { kind: 'other', text: row };
  if (trimmed.startsWith('[')) {
    const name = trimmed.slice(1, -1);
    if (!trimmed.endsWith(']') || name === '' || /[[\]]/u.test(name)) return undefined;
    return { kind: 'group', text: row, name };
  }
  const equals = row.indexOf('=');
  const name = row.slice(0, equals).trim();
  if (equals === -1 || name === '') return undefined;
  return { kind: 'key', text: row, name, raw: row.slice(equals + 1).trimStart() };
}

/** Unknown escapes stay as they are: a stranger's file must be readable even where GLib would complain. */
function unescapeText(raw: string): string {
  return raw.replace(/\\([\s\S])/gu, (all, c: string) => unescapes[c] ?? all);
}

function escapeValue(value: string | readonly string[] | boolean | number): string {
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeText(value);
  return value.map((item) => `${escapeText(item).replaceAll(';', '\\;')};`).join('');
}

function escapeText(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replace(/^ +/u, (spaces) => '\\s'.repeat(spaces.length));
}
