/**
 * passwd, group and shadow, line by line: what is not touched keeps its bytes. Accounts are added as OpenWrt's
 * `default_postinst` (lib/functions.sh, add_group_and_user) adds them with a root set, with one difference: ids
 * that nobody fixed do not count up from 32768 in the order of installation, they come from a hash of the name.
 */
import { ParseError, sha256, utf8 } from '../base/index.ts';

/** One file's lines without their newlines; `terminated` tells whether the last one had a newline. */
export interface AccountFile {
  readonly lines: readonly string[];
  readonly terminated: boolean;
}

/** The three files of a tree. */
export interface Accounts {
  readonly passwd: AccountFile;
  readonly group: AccountFile;
  readonly shadow: AccountFile;
}

/** A user or group of `Require-User`; `id` where the package fixes it. */
export interface RequiredName {
  readonly name: string;
  readonly id?: number;
}

/** One word of `Require-User`: `user[=uid]:group[=gid][:extra[=gid],...]`, parts may be empty. */
export interface RequiredAccount {
  readonly user?: RequiredName;
  readonly group?: RequiredName;
  readonly extra: readonly RequiredName[];
}

/** The range of ids that are not fixed: above OpenWrt's fixed ones, below `nobody` and the 16-bit edge. */
export const dynamicIds = { first: 32768, last: 65533 } as const;

const namePattern = /^[a-z_][a-z0-9_.-]{0,30}\$?$/iu;
const maxWords = 64;
const maxExtra = 64;
/** 2^32-1 means "no id" to chown. */
const maxId = 0xffff_fffe;

/** The file's lines; `render` of the result is `text` again. */
export function parseAccountFile(text: string): AccountFile {
  if (text === '') return { lines: [], terminated: true };
  const terminated = text.endsWith('\n');
  return { lines: (terminated ? text.slice(0, -1) : text).split('\n'), terminated };
}

/** The file's text. */
export function renderAccountFile(file: AccountFile): string {
  return file.lines.join('\n') + (file.terminated && file.lines.length > 0 ? '\n' : '');
}

/** The fields of the line whose first field is `name`, or undefined. */
export function findAccount(file: AccountFile, name: string): readonly string[] | undefined {
  const line = file.lines.find((l) => l.startsWith(`${name}:`));
  return line?.split(':');
}

/** The file with a line more; a missing last newline is made up for first. */
export function appendAccount(file: AccountFile, line: string): AccountFile {
  return { lines: [...file.lines, line], terminated: true };
}

/** The id in field 2 of every line that has one: uids of passwd, gids of group. */
export function accountIds(file: AccountFile): Map<number, string> {
  const ids = new Map<number, string>();
  for (const line of file.lines) {
    const [name = '', , id = ''] = line.split(':');
    if (/^\d{1,10}$/u.test(id) && !ids.has(Number(id))) ids.set(Number(id), name);
  }
  return ids;
}

/** The words of a `Require-User` field. ParseError CONTROL_INVALID for a bad name or id, or for too many of them. */
export function parseRequireUser(text: string): RequiredAccount[] {
  const words = text.split(/[ \t\n]+/u).filter((word) => word !== '');
  if (words.length > maxWords) throw invalid(`${words.length} words`);
  return words.map(parseWord);
}

/**
 * The id for a name that has none: a hash of the name, then the next id up that is not in `taken`, round the range.
 * Undefined where the range is full.
 */
export function probeId(name: string, taken: { has(id: number): boolean }): number | undefined {
  const digest = sha256().update(utf8(name)).digest();
  const size = dynamicIds.last - dynamicIds.first + 1;
  const start = new DataView(digest.buffer, digest.byteOffset).getUint32(0) % size;
  for (let step = 0; step < size; step++) {
    const id = dynamicIds.first + ((start + step) % size);
    if (!taken.has(id)) return id;
  }
  return undefined;
}

/** The group file with `user` among the members of `group`; unchanged where it is one, or there is no such group. */
export function addGroupMember(file: AccountFile, group: string, user: string): AccountFile {
  const lines = file.lines.map((line) => {
    if (!line.startsWith(`${group}:`)) return line;
    const fields = line.split(':');
    const members = (fields[3] ?? '').split(',').filter((m) => m !== '');
    if (fields.length < 4 || members.includes(user)) return line;
    return [...fields.slice(0, 3), [...members, user].join(','), ...fields.slice(4)].join(':');
  });
  return { lines, terminated: file.terminated };
}

function parseWord(word: string): RequiredAccount {
  const parts = word.split(':');
  const [user = '', group = '', extra = ''] = parts;
  const names = extra.split(',').filter((part) => part !== '');
  if (parts.length > 3 || names.length > maxExtra) throw invalid(word);
  return {
    ...(user === '' ? {} : { user: parseName(user) }),
    ...(group === '' ? {} : { group: parseName(group) }),
    extra: names.map(parseName),
  };
}

function parseName(part: string): RequiredName {
  const [name = '', id, ...rest] = part.split('=');
  if (!namePattern.test(name) || rest.length > 0) throw invalid(part);
  if (id === undefined || id === '') return { name };
  if (!/^\d{1,10}$/u.test(id) || Number(id) > maxId) throw invalid(part);
  return { name, id: Number(id) };
}

function invalid(text: string): ParseError {
  return new ParseError('CONTROL_INVALID', `not a valid Require-User: '${text.slice(0, 80)}'`, {
    hint: "the form is 'user[=uid]:group[=gid][:extra[=gid],...]'",
  });
}
