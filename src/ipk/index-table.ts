/**
 * The table of a feed's index (docs/formats/index-cache.md): where each entry lies in the uncompressed index, what it
 * is called and what it provides. It is made once for an index, and never believed: it is checked when it is read, and
 * whatever is installed is read from the index itself at the place that the table names.
 *
 * ```
 * header   96 bytes: magic, counts and lengths, digest of the index, digest of what follows
 * places   start and end of each entry, u32 little-endian
 * names    name TAB version TAB architecture, a line an entry, sorted by name
 * answers  name TAB row,row...: who answers to a name that is not its own
 * skipped  a line for each entry that cannot be used, with the reason
 * ```
 */
import {
  type Checksum,
  compareBytes,
  concat,
  equalBytes,
  fromHex,
  isPackageName,
  type PackageName,
  ParseError,
  printable,
  sha256,
  utf8,
} from '../base/index.ts';
import { suppliesOf } from '../packages/index.ts';
import { entryReader } from './packages-index.ts';

/** One entry of an index: what it is, and its bytes' place in the uncompressed index. */
export interface IndexRow {
  readonly name: PackageName;
  readonly version: string;
  readonly architecture: string;
  readonly start: number;
  readonly end: number;
}

export interface IndexTable {
  /** Sorted by name; entries of one name in the order of the index. */
  readonly rows: readonly IndexRow[];
  /** Names that are not a package's own, and the rows of those that answer to them. */
  readonly answers: ReadonlyMap<PackageName, readonly number[]>;
  /** Why entries cannot be used. */
  readonly skipped: readonly string[];
  /** Bytes of the uncompressed index. */
  readonly indexSize: number;
}

const magic = utf8('OPOSTIDX');
const formatVersion = 1;
const headerSize = 96;
const maxRows = 500_000;
/** Reasons that are kept; an index of nothing but nonsense must not make a table larger than itself. */
const maxSkipped = 1000;
const blankLine = Buffer.from('\n\n');
const newline = 0x0a;

/** The table of an uncompressed index. ParseError IPK_TOO_LARGE beyond a limit of indices. */
export function makeIndexTable(index: Uint8Array): IndexTable {
  const skipped: string[] = [];
  const note = (reason: string) => {
    if (skipped.length < maxSkipped) skipped.push(printable(reason).replaceAll(/\s+/gu, ' '));
  };
  const read = entryReader({ name: '', url: '' }, { onSkipped: note });
  const found: { row: IndexRow; others: readonly PackageName[] }[] = [];
  for (const { start, end } of paragraphsOf(index)) {
    const entry = read(bufferOf(index).toString('utf8', start, end));
    if (entry === undefined) continue;
    const { name, version, architecture } = entry;
    const others = suppliesOf(entry).flatMap((supply) => (supply.name === name ? [] : [supply.name]));
    found.push({ row: { name, version, architecture, start, end }, others });
  }
  found.sort((a, b) => compareBytes(a.row.name, b.row.name) || a.row.start - b.row.start);
  const answers = new Map<PackageName, number[]>();
  for (const [at, { others }] of found.entries()) {
    for (const name of others) {
      const list = answers.get(name);
      if (list === undefined) answers.set(name, [at]);
      else list.push(at);
    }
  }
  return { rows: found.map(({ row }) => row), answers, skipped, indexSize: index.byteLength };
}

/** The bytes of the table; `digest` is that of the index as it was served. */
export function renderIndexTable(table: IndexTable, digest: Checksum): Uint8Array {
  const { rows, answers, skipped } = table;
  const places = Buffer.alloc(rows.length * 8);
  for (const [at, { start, end }] of rows.entries()) {
    places.writeUInt32LE(start, at * 8);
    places.writeUInt32LE(end, at * 8 + 4);
  }
  const names = lines(rows.map((row) => `${row.name}\t${row.version}\t${row.architecture}`));
  const others = [...answers].sort(([a], [b]) => compareBytes(a, b));
  const supplied = lines(others.map(([name, list]) => `${name}\t${list.join(',')}`));
  const reasons = lines(skipped);
  const body = concat([places, names, supplied, reasons]);
  const header = Buffer.alloc(headerSize);
  header.set(magic, 0);
  header.writeUInt32LE(formatVersion, 8);
  header.writeUInt32LE(rows.length, 12);
  for (const [at, part] of [names, supplied, reasons].entries())
    header.writeUInt32LE(part.byteLength, 16 + at * 4);
  header.writeUInt32LE(table.indexSize, 28);
  header.set(fromHex(digest), 32);
  header.set(sha256().update(body).digest(), 64);
  return concat([header, body]);
}

/**
 * The table in the bytes, which must be that of the index with this digest. ParseError INDEX_TABLE_INVALID for
 * anything that is cut, changed, of another index or not as `renderIndexTable` writes it.
 */
export function parseIndexTable(bytes: Uint8Array, digest: Checksum): IndexTable {
  const buffer = bufferOf(bytes);
  if (buffer.byteLength < headerSize || !equalBytes(buffer.subarray(0, 8), magic))
    throw invalid('has no header');
  if (buffer.readUInt32LE(8) !== formatVersion) throw invalid('is of another version');
  if (!equalBytes(buffer.subarray(32, 64), fromHex(digest))) throw invalid('belongs to another index');
  const count = buffer.readUInt32LE(12);
  const sizes = [16, 20, 24].map((at) => buffer.readUInt32LE(at));
  const expected = sizes.reduce((sum, size) => sum + size, headerSize + count * 8);
  if (count > maxRows || expected !== buffer.byteLength) throw invalid('has another length than it says');
  const body = buffer.subarray(headerSize);
  if (!equalBytes(sha256().update(body).digest(), buffer.subarray(64, 96))) throw invalid('was changed');
  const indexSize = buffer.readUInt32LE(28);
  const [names, supplied, skipped] = sections(body.subarray(count * 8), sizes);
  const rows = parseRows(body, names ?? '', count, indexSize);
  return {
    rows,
    answers: parseAnswers(supplied ?? '', count),
    skipped: linesOf(skipped ?? ''),
    indexSize,
  };
}

function parseRows(places: Buffer, names: string, count: number, indexSize: number): IndexRow[] {
  const texts = linesOf(names);
  if (texts.length !== count) throw invalid('names another number of entries than it says');
  let before = '';
  return texts.map((text, at) => {
    const [name = '', version = '', architecture = '', ...rest] = text.split('\t');
    const start = places.readUInt32LE(at * 8);
    const end = places.readUInt32LE(at * 8 + 4);
    if (!isPackageName(name) || version === '' || rest.length > 0 || compareBytes(before, name) > 0)
      throw invalid('has names that are none, or unsorted');
    if (start >= end || end > indexSize) throw invalid('names a place outside the index');
    before = name;
    return { name, version, architecture, start, end };
  });
}

function parseAnswers(text: string, count: number): Map<PackageName, number[]> {
  const answers = new Map<PackageName, number[]>();
  for (const line of linesOf(text)) {
    const [name = '', list = ''] = line.split('\t');
    const rows = list.split(',').map((item) => (/^\d{1,6}$/u.test(item) ? Number(item) : count));
    if (!isPackageName(name) || rows.some((row) => row >= count)) throw invalid('lets nothing answer');
    answers.set(name, rows);
  }
  return answers;
}

function sections(body: Buffer, sizes: readonly number[]): string[] {
  let at = 0;
  return sizes.map((size) => {
    at += size;
    return body.toString('utf8', at - size, at);
  });
}

/** Start and end of each paragraph, without the line break at its end. */
function* paragraphsOf(index: Uint8Array): Iterable<{ start: number; end: number }> {
  const buffer = bufferOf(index);
  for (let at = 0; at < buffer.byteLength; ) {
    if (buffer[at] === newline) {
      at++;
      continue;
    }
    const found = buffer.indexOf(blankLine, at);
    const end = found === -1 ? buffer.byteLength : found;
    yield { start: at, end };
    at = end + 1;
  }
}

function lines(texts: readonly string[]): Uint8Array {
  return utf8(texts.map((text) => `${text}\n`).join(''));
}

function linesOf(text: string): string[] {
  const all = text.split('\n');
  if (all.pop() !== '') throw invalid('ends in the middle of a line');
  return all;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function invalid(fact: string): ParseError {
  return new ParseError('INDEX_TABLE_INVALID', `the table of an index ${fact}`, {
    hint: "'opkg-ostree update' makes it anew",
  });
}
