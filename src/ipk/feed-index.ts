/** A feed's index as it is searched: by its table, with each entry read from the index itself when it is asked for. */
import { gunzipSync } from 'node:zlib';
import { type PackageName, ParseError } from '../base/index.ts';
import type { AvailablePackage, PackageLookup } from '../packages/index.ts';
import { compressionOf } from './decompress.ts';
import type { IndexRow, IndexTable } from './index-table.ts';
import { entryReader, type IndexFeed, maxIndexText } from './packages-index.ts';

const lineFeed = 0x0a;
/** Larger than what zlib takes by itself: an index comes out in a few pieces, not in hundreds. */
const unpackChunk = 1 << 20;

export class FeedIndex implements PackageLookup {
  readonly feed: IndexFeed;
  readonly #table: IndexTable;
  readonly #served: () => Uint8Array;
  readonly #byName = new Map<PackageName, number>();
  readonly #packages = new Map<number, AvailablePackage>();
  readonly #read: (paragraph: string) => AvailablePackage | undefined;
  #text: Buffer | undefined;

  /** `served` gives the index that the table was made for, as it came from the feed; called when first needed. */
  constructor(feed: IndexFeed, table: IndexTable, served: () => Uint8Array) {
    this.feed = feed;
    this.#table = table;
    this.#served = served;
    this.#read = entryReader(feed);
    for (const [at, { name }] of table.rows.entries()) {
      if (!this.#byName.has(name)) this.#byName.set(name, at);
    }
  }

  /** Every usable entry, sorted by name. */
  get rows(): readonly IndexRow[] {
    return this.#table.rows;
  }

  /** Why the other entries cannot be used. */
  get skipped(): readonly string[] {
    return this.#table.skipped;
  }

  names(): Iterable<PackageName> {
    return [...this.#byName.keys(), ...this.#table.answers.keys()];
  }

  /** The entries of that very name, in the order of the index. */
  named(name: PackageName): readonly AvailablePackage[] {
    return this.#rowsNamed(name).map((at) => this.#package(at));
  }

  answering(name: PackageName): readonly AvailablePackage[] {
    const others = this.#table.answers.get(name) ?? [];
    return [...this.#rowsNamed(name), ...others].map((at) => this.#package(at));
  }

  /** Every entry as a package, sorted by name: a full parse. */
  *packages(): Iterable<AvailablePackage> {
    for (const at of this.rows.keys()) yield this.#package(at);
  }

  /** The entry's control text as the feed has it, all fields, without a line break at its end. */
  paragraph(row: IndexRow): string {
    return this.#textAt(row).toString('utf8', row.start, row.end);
  }

  /** The entry's Description, its further lines without the space that marks them; '' where it has none. */
  description(row: IndexRow): string {
    const text = this.#textAt(row);
    // Ten thousand of these make a list, so what comes before is not decoded.
    const isFirst = descriptionField.compare(text, row.start, row.start + descriptionField.byteLength) === 0;
    const found = isFirst ? row.start - 1 : text.indexOf(descriptionLine, row.start);
    if (!isFirst && (found === -1 || found >= row.end)) return '';
    const start = found + descriptionLine.byteLength;
    let end = start;
    for (;;) {
      end = lineEnd(text, end, row.end);
      if (end >= row.end || !isBlank(text[end + 1])) break;
      end++;
    }
    const value = text.toString('utf8', start, end).trim();
    return value.includes('\n') ? value.replaceAll('\n ', '\n') : value;
  }

  /** The uncompressed index, in which the row's place is that of a whole paragraph. */
  #textAt(row: IndexRow): Buffer {
    const text = this.#unpacked();
    const begins = row.start === 0 || text[row.start - 1] === lineFeed;
    const ends = row.end === text.byteLength || text[row.end] === lineFeed;
    if (!begins || !ends) throw this.#misfit();
    return text;
  }

  #rowsNamed(name: PackageName): number[] {
    const found: number[] = [];
    for (let at = this.#byName.get(name); at !== undefined && this.rows[at]?.name === name; at++)
      found.push(at);
    return found;
  }

  #package(at: number): AvailablePackage {
    const known = this.#packages.get(at);
    if (known !== undefined) return known;
    const row = this.rows[at];
    if (row === undefined) throw this.#misfit();
    const found = this.#read(this.paragraph(row));
    // The table only points; what it points at says what it is.
    const fits =
      found?.name === row.name && found.version === row.version && found.architecture === row.architecture;
    if (found === undefined || !fits) throw this.#misfit();
    this.#packages.set(at, found);
    return found;
  }

  #unpacked(): Buffer {
    this.#text ??= unpackIndexSync(this.#served());
    if (this.#text.byteLength !== this.#table.indexSize) throw this.#misfit();
    return this.#text;
  }

  #misfit(): ParseError {
    const name = this.feed.name;
    return new ParseError('INDEX_TABLE_INVALID', `the table of feed ${name} does not fit its index`, {
      hint: "'opkg-ostree update' makes it anew",
    });
  }
}

const descriptionField = Buffer.from('Description:');
const descriptionLine = Buffer.from('\nDescription:');

/** Where the line that `from` lies in ends, at most `limit`. */
function lineEnd(text: Buffer, from: number, limit: number): number {
  const found = text.indexOf(lineFeed, from);
  return found === -1 || found > limit ? limit : found;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** The uncompressed bytes of an index that is in memory, bounded. ParseError IPK_TOO_LARGE, IPK_MALFORMED. */
export function unpackIndexSync(served: Uint8Array): Buffer {
  const buffer = Buffer.from(served.buffer, served.byteOffset, served.byteLength);
  if (compressionOf(buffer.subarray(0, 2)) !== 'gzip') {
    if (buffer.byteLength <= maxIndexText) return buffer;
    throw new ParseError('IPK_TOO_LARGE', 'the index is too large');
  }
  try {
    return gunzipSync(buffer, { maxOutputLength: maxIndexText, chunkSize: unpackChunk });
  } catch (cause) {
    const isLarge = cause instanceof RangeError;
    const fact = isLarge ? 'the index is too large' : 'the index is not whole gzip';
    throw new ParseError(isLarge ? 'IPK_TOO_LARGE' : 'IPK_MALFORMED', fact, { cause });
  }
}
