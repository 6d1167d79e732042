/**
 * Extended attributes through getfattr and setfattr: Node has no calls for them. Everything is batched, so that the
 * number of processes never grows with the number of files beyond what an argument list holds.
 * Their dump format (getfattr(1), `--dump --encoding=hex`): `# file: NAME`, then `name=0xHEX` lines, then an empty
 * line; in names a backslash, LF and CR (in attribute names `=` too) are written as `\` and three octal digits.
 */
import { compareBytes, ParseError, SystemError, utf8 } from '../base/index.ts';
import { lstat, readdirTyped } from './files.ts';
import { rememberedOwners } from './owners.ts';
import { expectSuccess, findProgram, type RunOptions, type RunResult, runSync } from './process.ts';

/** One attribute of one path; the path itself is meant where it is a symlink. */
export interface XattrEntry {
  readonly path: string;
  readonly name: string;
  readonly value: Uint8Array;
}

/** An attribute as it was read. */
export interface ReadXattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Bytes of paths handed to one process: far below any kernel's limit of an argument list. */
const argumentBudget = 96 * 1024;
const inputBudget = 8 << 20;
const timeout = 600_000;
const maxDump = 512 << 20;

/** Which directions work on this machine. Without `read`, bare repositories take files to have no attributes. */
export function xattrCapability(): { readonly read: boolean; readonly write: boolean } {
  if (rememberedOwners() !== undefined) return { read: true, write: true };
  return { read: findProgram('getfattr') !== undefined, write: findProgram('setfattr') !== undefined };
}

/** Sets all the attributes, each path's own (links are not followed). SystemError COMMAND_MISSING without setfattr. */
export function setXattrs(all: readonly XattrEntry[]): void {
  const owners = rememberedOwners();
  const entries =
    owners === undefined
      ? all
      : all.filter(({ path, name, value }) => !owners.setXattr(lstat(path), name, value));
  if (entries.length === 0) return;
  const setfattr = requireProgram('setfattr');
  let text = '';
  let current = '';
  const flush = () => {
    if (text === '') return;
    expectSuccess(setfattr, runSync(setfattr, ['-h', '--restore=-'], { input: utf8(text), timeout }));
    text = '';
    current = '';
  };
  for (const { path, name, value } of entries) {
    if (path !== current) text += `${text === '' ? '' : '\n'}# file: ${escaped(absolute(path), false)}\n`;
    text += `${escaped(name, true)}=0x${Buffer.from(value).toString('hex')}\n`;
    current = path;
    if (text.length > inputBudget) flush();
  }
  flush();
}

/**
 * The attributes of the paths, sorted by name; paths without any are absent. With `name`, only that attribute.
 * Paths are absolute. SystemError COMMAND_MISSING without getfattr.
 */
export function readXattrs(paths: Iterable<string>, name?: string): Map<string, ReadXattr[]> {
  const found = new Map<string, ReadXattr[]>();
  const args = ['-h', '--absolute-names', '-d', '-e', 'hex', '-m', name === undefined ? '-' : anchored(name)];
  let batch: string[] = [];
  let size = 0;
  const flush = () => {
    if (batch.length > 0) collectDump(runGetfattr([...args, '--', ...batch]), found);
    batch = [];
    size = 0;
  };
  const owners = rememberedOwners();
  for (const path of paths) {
    const remembered = owners?.xattrsOf(lstat(path));
    if (remembered !== undefined) {
      addRemembered(found, path, remembered, name);
      continue;
    }
    if (owners !== undefined && findProgram('getfattr') === undefined) continue;
    batch.push(absolute(path));
    size += Buffer.byteLength(path) + 1;
    if (size > argumentBudget) flush();
  }
  flush();
  return found;
}

/** The attributes of everything below (and at) the directory, by absolute path, read by one process. */
export function readTreeXattrs(dir: string): Map<string, ReadXattr[]> {
  if (rememberedOwners()?.xattrsOf(lstat(dir)) !== undefined) return readXattrs(pathsBelow(dir));
  const found = new Map<string, ReadXattr[]>();
  // -P keeps it from following links during the walk; -h reads a link's own attributes.
  collectDump(
    runGetfattr(['-R', '-P', '-h', '--absolute-names', '-d', '-e', 'hex', '-m', '-', '--', absolute(dir)]),
    found,
  );
  return found;
}

function addRemembered(
  found: Map<string, ReadXattr[]>,
  path: string,
  remembered: ReadonlyMap<string, Uint8Array>,
  name: string | undefined,
): void {
  const wanted = [...remembered].filter(([key]) => name === undefined || key === name);
  if (wanted.length === 0) return;
  const attributes = wanted.map(([key, value]) => ({ name: key, value }));
  found.set(
    path,
    attributes.sort((a, b) => compareBytes(a.name, b.name)),
  );
}

function* pathsBelow(path: string): Generator<string> {
  yield path;
  if (!lstat(path).isDirectory()) return;
  for (const { name } of readdirTyped(path)) yield* pathsBelow(`${path}/${name}`);
}

/** The attributes in a dump, by path. ParseError CONFIG_INVALID for text that getfattr does not write. */
export function parseXattrDump(text: string): Map<string, ReadXattr[]> {
  const found = new Map<string, ReadXattr[]>();
  let current: ReadXattr[] | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# file: ')) {
      current = [];
      found.set(unescaped(line.slice('# file: '.length)), current);
      continue;
    }
    if (current === undefined) throw malformed(line);
    current.push(parseAttribute(line));
  }
  for (const list of found.values()) list.sort((a, b) => compareBytes(a.name, b.name));
  return found;
}

function parseAttribute(line: string): ReadXattr {
  const equals = line.indexOf('=');
  if (equals === -1) return { name: unescaped(line), value: new Uint8Array(0) };
  const text = line.slice(equals + 1);
  const hex = text === '""' ? '' : text.slice(2);
  if ((text !== '""' && !text.startsWith('0x')) || !/^(?:[0-9a-fA-F]{2})*$/u.test(hex)) throw malformed(line);
  return { name: unescaped(line.slice(0, equals)), value: Buffer.from(hex, 'hex') };
}

function runGetfattr(args: readonly string[]): RunResult {
  const options: RunOptions = { timeout, maxOutput: maxDump };
  const getfattr = requireProgram('getfattr');
  return expectSuccess(getfattr, runSync(getfattr, args, options));
}

function collectDump(result: RunResult, into: Map<string, ReadXattr[]>): void {
  for (const [path, list] of parseXattrDump(result.stdout)) into.set(path, list);
}

function requireProgram(name: 'getfattr' | 'setfattr'): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw new SystemError('COMMAND_MISSING', `the program '${name}' is not installed`, {
    hint: "install the package 'attr'",
  });
}

function malformed(line: string): ParseError {
  return new ParseError(
    'CONFIG_INVALID',
    `getfattr wrote a line that cannot be read: '${line.slice(0, 80)}'`,
  );
}

/** Dumps name paths with a leading slash; a relative one would come back in another spelling. */
function absolute(path: string): string {
  if (path.startsWith('/') && !path.includes('\0')) return path;
  throw new SystemError('SYSTEM', `extended attributes need an absolute path, not '${path}'`);
}

function escaped(text: string, isName: boolean): string {
  const special = isName ? /[\\\n\r=]/gu : /[\\\n\r]/gu;
  return text.replace(special, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/gu, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function anchored(name: string): string {
  return `^${name.replace(/[.\\[\]{}()*+?^$|]/gu, '\\$&')}$`;
}
