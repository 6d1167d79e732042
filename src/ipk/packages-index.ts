/**
 * A feed's index, `Packages` or `Packages.gz` (docs/formats/ipk.md), read as a stream. A real set of feeds holds
 * thousands of entries and is read at every command, so paragraphs are cut out as bytes and only the
 * fields that a package record needs are looked at.
 */
import { isChecksum, isOpkgOstreeError, ParseError } from '../base/index.ts';
import type { AvailablePackage } from '../packages/index.ts';
import { ByteSource, type ByteStream } from './byte-source.ts';
import { compressionOf, gunzip } from './decompress.ts';
import { type FieldReader, parseCount, recordFrom } from './record.ts';
import type { RelationCache } from './relations.ts';

/** The feed that an index belongs to: the `Filename`s are relative to its address. */
export interface IndexFeed {
  readonly name: string;
  readonly url: string;
}

export interface IndexOptions {
  /** Told of every entry that cannot be used, with the reason; one bad entry does not spoil a feed. */
  readonly onSkipped?: (reason: string) => void;
}

/** Limits of an index: OpenWrt's largest is 1 MiB, its largest entry 4 KiB, and it has no entry that cannot be used. */
const indexLimits = {
  total: 1 << 26,
  paragraph: 1 << 18,
  line: 1 << 16,
  entries: 500_000,
  unusable: 10_000,
} as const;

/** Bytes of an uncompressed index. */
export const maxIndexText = indexLimits.total;

const newline = 0x0a;
const blankLine = Buffer.from('\n\n');

/**
 * The packages of the index in its order. Entries without Package are left out, as opkg does. ParseError: IPK_TOO_LARGE
 * beyond a limit, IPK_TRUNCATED or IPK_MALFORMED for damaged gzip.
 */
export async function* readIndex(
  stream: ByteStream,
  feed: IndexFeed,
  options: IndexOptions = {},
): AsyncGenerator<AvailablePackage, undefined> {
  const parser = new IndexParser(feed, options);
  // Loops, for `yield*` over an array costs three promises an item more (measured).
  for await (const piece of unpackIndex(stream)) for (const found of parser.push(piece)) yield found;
  for (const found of parser.finish()) yield found;
}

/** As `readIndex`, for an uncompressed index that is in memory. */
export function parseIndex(
  bytes: Uint8Array,
  feed: IndexFeed,
  options: IndexOptions = {},
): AvailablePackage[] {
  const parser = new IndexParser(feed, options);
  return [...parser.push(bytes), ...parser.finish()];
}

/**
 * Reads one entry's paragraph after the other, as they were cut out of the feed's index; undefined for one that is
 * left out or cannot be used. What many entries share is parsed once for all that the reader is given.
 */
export function entryReader(
  feed: IndexFeed,
  options: IndexOptions = {},
): (paragraph: string) => AvailablePackage | undefined {
  const parser = new IndexParser(feed, options);
  return (paragraph) => parser.read(paragraph)[0];
}

/** The index's uncompressed bytes, bounded; these are what a signature is over. */
export async function* unpackIndex(stream: ByteStream): AsyncGenerator<Uint8Array, undefined> {
  const source = new ByteSource(stream);
  const isGzip = compressionOf(await source.peek(2)) === 'gzip';
  let total = 0;
  for await (const piece of isGzip ? gunzip(source.rest(), 'the index') : source.rest()) {
    total += piece.byteLength;
    if (total > indexLimits.total) throw tooLargeIndex(`larger than ${indexLimits.total} bytes`);
    yield piece;
  }
}

/** The address of a package: the feed's, and the file name with every character encoded that is not plain (`+` too), in lower-case hex as opkg does. */
export function packageUrl(feedUrl: string, fileName: string): string {
  const encoded = fileName.replace(/[^A-Za-z0-9_./~-]+/gu, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `${feedUrl}/${encoded}`;
}

class IndexParser {
  readonly #feed: IndexFeed;
  readonly #options: IndexOptions;
  readonly #cache: RelationCache = new Map();
  #rest: Buffer = Buffer.alloc(0);
  #entries = 0;
  #unusable = 0;

  constructor(feed: IndexFeed, options: IndexOptions) {
    this.#feed = feed;
    this.#options = options;
  }

  push(piece: Uint8Array): AvailablePackage[] {
    const fresh = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const bytes = this.#rest.byteLength === 0 ? fresh : Buffer.concat([this.#rest, fresh]);
    const end = bytes.lastIndexOf(blankLine);
    // A copy: the piece's memory belongs to whoever made it.
    this.#rest = Buffer.from(end === -1 ? bytes : bytes.subarray(end + 2));
    if (this.#rest.byteLength > indexLimits.paragraph) throw tooLargeIndex('with an entry that does not end');
    return end === -1 ? [] : this.read(bytes.toString('utf8', 0, end + 1));
  }

  finish(): AvailablePackage[] {
    const rest = this.#rest.toString('utf8');
    this.#rest = Buffer.alloc(0);
    return this.read(rest);
  }

  /** The packages of whole paragraphs: no character is cut. */
  read(text: string): AvailablePackage[] {
    const packages: AvailablePackage[] = [];
    // One array for all: what is kept of it is copied out before it is cleared.
    const fields: Fields = new Array<string | undefined>(wanted.length).fill(undefined);
    let start = 0;
    for (let at = 0; at < text.length; ) {
      if (text.charCodeAt(at) === newline) {
        // Megabytes of empty lines must cost no more than looking at them.
        if (at > start) {
          this.#add(fields, packages);
          fields.fill(undefined);
        }
        at++;
        start = at;
        continue;
      }
      at = scanField(text, at, fields) + 1;
      if (at - start > indexLimits.paragraph) throw tooLargeIndex('with an entry that is too large');
    }
    this.#add(fields, packages);
    return packages;
  }

  #add(fields: Fields, packages: AvailablePackage[]): void {
    if (fields[packageSlot] === undefined) return;
    this.#entries++;
    if (this.#entries > indexLimits.entries)
      throw tooLargeIndex(`of more than ${indexLimits.entries} entries`);
    try {
      packages.push(this.#packageFrom((name) => fields[slots.get(name) ?? slots.size]));
    } catch (error) {
      if (!isOpkgOstreeError(error)) throw error;
      // Each costs an error with its trace, and nothing that is mostly nonsense is a feed.
      if (++this.#unusable > indexLimits.unusable)
        throw tooLargeIndex(`of more than ${indexLimits.unusable} entries that cannot be used`);
      this.#options.onSkipped?.(error.message);
    }
  }

  #packageFrom(field: FieldReader): AvailablePackage {
    const record = recordFrom(field, { cache: this.#cache });
    const fileName = field('Filename') ?? '';
    const size = parseCount(field('Size'));
    const sha256 = (field('SHA256sum') ?? '').toLowerCase();
    const lacks = (what: string) =>
      new ParseError('CONTROL_INVALID', `package ${record.name} has no usable ${what}`);
    if (!isSafeFileName(fileName)) throw lacks('Filename');
    if (size === undefined) throw lacks('Size');
    if (!isChecksum(sha256)) throw lacks('SHA256sum');
    const url = packageUrl(this.#feed.url, fileName);
    // Assigning is several times faster than spreading a record of this many fields (measured).
    return Object.assign(record, {
      origin: { kind: 'feed', feed: this.#feed.name, url } as const,
      size,
      sha256,
    });
  }
}

/** Fields that a record is made of; all others are passed over unread. */
const wanted: readonly string[] = [
  'Package',
  'Version',
  'Depends',
  'Pre-Depends',
  'Recommends',
  'Suggests',
  'Provides',
  'Conflicts',
  'Replaces',
  'Alternatives',
  'Architecture',
  'ABIVersion',
  'Essential',
  'Installed-Size',
  'Section',
  'Description',
  'Filename',
  'Size',
  'SHA256sum',
];
const slots: ReadonlyMap<string, number> = new Map(wanted.map((name, slot) => [name, slot]));
const packageSlot = 0;
/** The wanted fields by the character code that they begin with. */
const byFirst: ReadonlyMap<number, readonly { readonly start: string; readonly slot: number }[]> = new Map(
  [...new Set(wanted.map((name) => name.charCodeAt(0)))].map((code) => [
    code,
    wanted.flatMap((name, slot) => (name.charCodeAt(0) === code ? [{ start: `${name}:`, slot }] : [])),
  ]),
);

/** The values of the wanted fields of one paragraph, each at its slot. */
type Fields = (string | undefined)[];

/** Puts the field that begins at `at` into its slot, trimmed; the first of a repeated one counts. Returns where its last line ends. */
function scanField(text: string, at: number, fields: Fields): number {
  let end = lineEnd(text, at);
  while (isContinued(text, end)) end = lineEnd(text, end + 1);
  for (const { start, slot } of byFirst.get(text.charCodeAt(at)) ?? []) {
    if (!text.startsWith(start, at)) continue;
    fields[slot] ??= text.slice(at + start.length, end).trim();
    break;
  }
  return end;
}

function lineEnd(text: string, from: number): number {
  const found = text.indexOf('\n', from);
  const end = found === -1 ? text.length : found;
  if (end - from > indexLimits.line) throw tooLargeIndex('with a line that is too long');
  return end;
}

function isContinued(text: string, end: number): boolean {
  const next = text.charCodeAt(end + 1);
  return next === 0x20 || next === 0x09;
}

/** A path below the feed's address: relative, without `..`, without anything that could begin another address. */
function isSafeFileName(name: string): boolean {
  if (name === '' || name.length > 1024 || name.startsWith('/') || /[\u0000-\u001f\u007f]/u.test(name))
    return false;
  return !name.split('/').includes('..');
}

function tooLargeIndex(fact: string): ParseError {
  return new ParseError('IPK_TOO_LARGE', `the index is one ${fact}`);
}
