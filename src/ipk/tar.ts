/**
 * A streaming tar reader that trusts nothing (docs/adr: own tar reader). It yields entries in order with their
 * content as a stream; content that is not read is skipped. Names are as stored: the caller judges them.
 */
import { type ErrorCode, InternalError, ParseError, strictTextOf } from '../base/index.ts';
import { ByteSource, type ByteStream } from './byte-source.ts';
import { parseTarHeader, type TarHeader, type TarType, tarBlockSize } from './tar-header.ts';
import { applyPax, type PaxRecords, parsePax } from './tar-pax.ts';

/** A member that is no extension header. */
export interface TarEntry extends Omit<TarHeader, 'type'> {
  readonly type: Exclude<TarType, 'gnu-long-name' | 'gnu-long-link' | 'pax' | 'pax-global'>;
  /** The PAX records of this entry, extended attributes among them; none is dropped. */
  readonly pax: PaxRecords;
  /** A file's bytes, to be read before the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface TarOptions {
  readonly maxEntries: number;
  /** Bytes of all content together. */
  readonly maxTotal: number;
  /** What the archive is called in messages. */
  readonly what?: string;
  /** The codes of errors about the archive; those of packages where absent. */
  readonly codes?: Partial<Record<'malformed' | 'truncated' | 'tooLarge' | 'type' | 'name', ErrorCode>>;
}

/** Longest name or link text, and largest PAX header; Linux takes paths of 4,096 bytes and attributes of 64 KiB. */
const maxLongName = 4097;
const maxPax = 1 << 18;
const noPax: PaxRecords = new Map();

/**
 * The archive's entries. Throws ParseError (codes as in `options`) for a wrong checksum, an unknown type, an entry
 * of a type that has no content claiming some, an end without a zero block, and anything but zeros after it.
 */
export async function* readTar(stream: ByteStream, options: TarOptions): AsyncGenerator<TarEntry, undefined> {
  const reader = new TarReader(new ByteSource(stream), options);
  try {
    for (;;) {
      const entry = await reader.next();
      if (entry === undefined) return;
      yield entry;
    }
  } finally {
    await reader.close();
  }
}

/** What extension headers said about the entry that follows them. */
interface Extensions {
  name?: string;
  link?: string;
  pax?: PaxRecords;
}

class TarReader {
  readonly #source: ByteSource;
  readonly #options: TarOptions;
  readonly #what: string;
  #remaining = 0;
  #padding = 0;
  #entries = 0;
  #total = 0;

  constructor(source: ByteSource, options: TarOptions) {
    this.#source = source;
    this.#options = options;
    this.#what = options.what ?? 'the archive';
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async next(): Promise<TarEntry | undefined> {
    await this.#finishEntry();
    const extensions: Extensions = {};
    for (;;) {
      const header = await this.#readHeader();
      if (header === undefined) {
        if (Object.keys(extensions).length > 0)
          throw this.#error('malformed', 'ends after an extension header');
        return undefined;
      }
      if (!(await this.#readExtension(header, extensions))) return this.#makeEntry(header, extensions);
    }
  }

  /** True where the header was an extension; what it says is added to `extensions`. */
  async #readExtension(header: TarHeader, extensions: Extensions): Promise<boolean> {
    switch (header.type) {
      case 'gnu-long-name':
      case 'gnu-long-link': {
        const key = header.type === 'gnu-long-name' ? 'name' : 'link';
        if (extensions[key] !== undefined) throw this.#error('malformed', 'gives one entry two long names');
        extensions[key] = await this.#readLongName(header.size);
        return true;
      }
      case 'pax': {
        if (extensions.pax !== undefined) throw this.#error('malformed', 'gives one entry two PAX headers');
        extensions.pax = await this.#readPax(header.size);
        return true;
      }
      case 'pax-global': {
        const keys = [...(await this.#readPax(header.size)).keys()];
        // A global record would silently change every later entry; git writes a comment, which changes nothing.
        if (keys.some((key) => key !== 'comment')) throw this.#error('type', 'has a global PAX header');
        return true;
      }
      default:
        return false;
    }
  }

  #makeEntry(header: TarHeader, extensions: Extensions): TarEntry {
    let { type } = header;
    if (type === 'gnu-long-name' || type === 'gnu-long-link' || type === 'pax' || type === 'pax-global')
      throw this.#error('malformed', 'has an extension header out of place');
    const named = { ...header, name: extensions.name ?? header.name, link: extensions.link ?? header.link };
    const pax = extensions.pax ?? noPax;
    const applied = applyPax(named, pax);
    if (applied === undefined) throw this.#error('malformed', 'has a malformed PAX header');
    const { size } = applied;
    // Before POSIX a directory was a file with a slash at the end of its name.
    if (type === 'file' && applied.name.endsWith('/')) type = 'directory';
    if (type !== 'file' && size !== 0) throw this.#error('malformed', `has a ${type} with content`);
    this.#total += size;
    if (this.#total > this.#options.maxTotal)
      throw this.#error('tooLarge', `unpacks to more than ${this.#options.maxTotal} bytes`);
    this.#remaining = size;
    this.#padding = paddingOf(size);
    return { ...applied, type, pax, content: this.#contentOf(this.#entries) };
  }

  /** The current entry's bytes. What a reader leaves unread, by stopping early too, `#finishEntry` skips. */
  async *#contentOf(entry: number): AsyncGenerator<Uint8Array, undefined> {
    while (this.#remaining > 0) {
      if (entry !== this.#entries) throw new InternalError('an entry is read after the next was asked for');
      yield await this.#readContent();
    }
  }

  async #readContent(): Promise<Uint8Array> {
    const piece = await this.#source.some(this.#remaining);
    if (piece === undefined) throw this.#error('truncated', 'is cut short inside a file');
    this.#remaining -= piece.byteLength;
    return piece;
  }

  async #finishEntry(): Promise<void> {
    while (this.#remaining > 0) await this.#readContent();
    await this.#skipPadding(this.#padding);
    this.#padding = 0;
  }

  async #skipPadding(size: number): Promise<void> {
    const padding = await this.#source.take(size);
    if (padding.byteLength < size) throw this.#error('truncated', 'is cut short after a file');
  }

  async #readHeader(): Promise<TarHeader | undefined> {
    const block = await this.#source.take(tarBlockSize);
    if (block.byteLength < tarBlockSize) throw this.#error('truncated', 'is cut short: it has no end mark');
    if (isZero(block)) {
      await this.#expectZeros();
      return undefined;
    }
    this.#entries++;
    if (this.#entries > this.#options.maxEntries)
      throw this.#error('tooLarge', `has more than ${this.#options.maxEntries} entries`);
    const header = parseTarHeader(block);
    if ('fault' in header) throw this.#error(header.kind, `cannot be used: ${header.fault}`);
    return header;
  }

  /** After the end mark nothing but zeros may come: hidden members would be seen by one reader and not by another. */
  async #expectZeros(): Promise<void> {
    for await (const piece of this.#source.rest()) {
      if (!isZero(piece)) throw this.#error('malformed', 'goes on after its end mark');
    }
  }

  async #readLongName(size: number): Promise<string> {
    if (size > maxLongName) throw this.#error('name', 'has a name that is too long');
    const bytes = await this.#readPadded(size);
    const end = bytes.indexOf(0);
    const text = strictTextOf(end === -1 ? bytes : bytes.subarray(0, end));
    if (text === undefined) throw this.#error('name', 'has a name that is not UTF-8');
    if (text === '' || (end !== -1 && !isZero(bytes.subarray(end))))
      throw this.#error('malformed', 'has a malformed long name');
    return text;
  }

  async #readPax(size: number): Promise<PaxRecords> {
    if (size > maxPax) throw this.#error('tooLarge', 'has a PAX header that is too large');
    const records = parsePax(await this.#readPadded(size));
    if (records === undefined) throw this.#error('malformed', 'has a malformed PAX header');
    return records;
  }

  async #readPadded(size: number): Promise<Uint8Array> {
    const bytes = await this.#source.take(size);
    if (bytes.byteLength < size) throw this.#error('truncated', 'is cut short inside a header');
    await this.#skipPadding(paddingOf(size));
    return bytes;
  }

  #error(kind: 'malformed' | 'truncated' | 'tooLarge' | 'type' | 'name', fact: string): ParseError {
    return new ParseError(this.#options.codes?.[kind] ?? ipkCodes[kind], `${this.#what} ${fact}`);
  }
}

const ipkCodes = {
  malformed: 'IPK_MALFORMED',
  truncated: 'IPK_TRUNCATED',
  tooLarge: 'IPK_TOO_LARGE',
  type: 'IPK_UNSAFE_ENTRY',
  name: 'IPK_UNSAFE_PATH',
} as const;

function paddingOf(size: number): number {
  return (tarBlockSize - (size % tarBlockSize)) % tarBlockSize;
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}
