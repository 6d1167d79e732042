/** The members of a tar stream, one after the other, in the memory of a few blocks. */
import { ParseError } from '../base/index.ts';
import { type RawEntry, rootLimits } from './entries.ts';
import { parsePax, parseTarHeader, paxNumber, type TarHeader, tarBlock, tarText } from './tar-header.ts';

/** A member; `content` must be read to its end or left alone before the next member is asked for. */
export interface TarMember {
  readonly entry: RawEntry;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Bytes of one extension header: names are at most 4096 bytes, the rest of a pax header is small. */
const maxExtension = 1 << 20;
/** Extension headers in a row for one member. */
const maxExtensions = 16;

interface Extension {
  name?: Uint8Array;
  linkName?: Uint8Array;
  pax: Map<string, Uint8Array>;
}

/**
 * Reads members until the archive's end. ParseError ROOTFS_INVALID for a damaged or truncated archive, for types that
 * no root holds (sparse files, continued volumes), and for sizes beyond `rootLimits`.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const input = new ByteReader(chunks);
  try {
    let extension: Extension = { pax: new Map() };
    let extensions = 0;
    for (;;) {
      const block = await input.readExactly(tarBlock, true);
      const header = block === undefined ? undefined : parseTarHeader(block);
      if (header === undefined) {
        if (input.consumed === 0 || extensions > 0) throw truncated();
        // To the very end: a gzip's own checksum comes last.
        await input.drain();
        return;
      }
      if (await readExtension(input, header, extension)) {
        extensions += 1;
        if (extensions > maxExtensions) throw invalid('too many extension headers in a row');
        continue;
      }
      const entry = entryOf(header, extension);
      const body = new MemberBody(input, entry.size);
      yield { entry, content: body };
      await body.skipRest();
      extension = { pax: new Map() };
      extensions = 0;
    }
  } finally {
    await input.close();
  }
}

/** Takes an extension header in; false where the header is a member's own. */
async function readExtension(input: ByteReader, header: TarHeader, extension: Extension): Promise<boolean> {
  if (!'xgLK'.includes(header.flag) || header.flag === '') return false;
  if (header.size < 0 || header.size > maxExtension) throw invalid('an extension header is too large');
  const padded = Math.ceil(header.size / tarBlock) * tarBlock;
  const bytes = (await input.readExactly(padded))?.subarray(0, header.size) ?? new Uint8Array();
  const text = () => Uint8Array.from(bytes.indexOf(0) < 0 ? bytes : bytes.subarray(0, bytes.indexOf(0)));
  if (header.flag === 'L') extension.name = text();
  else if (header.flag === 'K') extension.linkName = text();
  else if (header.flag === 'x') extension.pax = parsePax(Uint8Array.from(bytes));
  // A global header ('g') names the archive (git does); it cannot name members.
  return true;
}

const types: Readonly<Record<string, RawEntry['type']>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
};

function entryOf(header: TarHeader, extension: Extension): RawEntry {
  const { pax } = extension;
  if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) throw invalid('it holds sparse files');
  const path = tarText(pax.get('path') ?? extension.name ?? header.name);
  const listed = types[header.flag];
  if (listed === undefined) throw invalid(`'${path}' is of the unknown type '${header.flag}'`);
  const type = listed === 'file' && path.endsWith('/') ? 'directory' : listed;
  const size = type === 'file' ? (paxNumber(pax, 'size') ?? header.size) : 0;
  const uid = paxNumber(pax, 'uid') ?? header.uid;
  const gid = paxNumber(pax, 'gid') ?? header.gid;
  const isId = (id: number) => id >= 0 && id < 0xffff_ffff;
  if (size < 0 || size > rootLimits.fileSize || !isId(uid) || !isId(gid)) {
    throw invalid(`'${path}' has a size or owner beyond all bounds`);
  }
  return {
    path,
    type,
    uid,
    gid,
    mode: header.mode & 0o7777,
    mtime: paxNumber(pax, 'mtime') ?? header.mtime,
    size,
    target: tarText(pax.get('linkpath') ?? extension.linkName ?? header.linkName),
    xattrs: [],
  };
}

/** A member's bytes: an async iterable that can be read once, in part or not at all. */
class MemberBody implements AsyncIterable<Uint8Array> {
  private left: number;
  private padding: number;
  private readonly input: ByteReader;

  constructor(input: ByteReader, size: number) {
    this.input = input;
    this.left = size;
    this.padding = Math.ceil(size / tarBlock) * tarBlock - size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.left > 0) {
      const chunk = await this.input.readSome(this.left);
      this.left -= chunk.byteLength;
      yield chunk;
    }
  }

  async skipRest(): Promise<void> {
    for (let rest = this.left + this.padding; rest > 0; )
      rest -= (await this.input.readSome(rest)).byteLength;
    this.left = 0;
    this.padding = 0;
  }
}

class ByteReader {
  consumed = 0;
  private buffer: Uint8Array = new Uint8Array();
  private readonly iterator: AsyncIterator<Uint8Array>;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `limit`. */
  async readSome(limit: number): Promise<Uint8Array> {
    if (this.buffer.byteLength === 0 && !(await this.fill())) throw truncated();
    const chunk = this.buffer.subarray(0, limit);
    this.buffer = this.buffer.subarray(chunk.byteLength);
    this.consumed += chunk.byteLength;
    if (this.consumed > rootLimits.totalSize) throw invalid('it is too large');
    return chunk;
  }

  /** Exactly `length` bytes; undefined at a clean end where that is allowed. */
  async readExactly(length: number, endAllowed = false): Promise<Uint8Array | undefined> {
    if (this.buffer.byteLength === 0 && endAllowed && !(await this.fill())) return undefined;
    if (this.buffer.byteLength >= length) return this.readSome(length);
    const whole = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const chunk = await this.readSome(length - at);
      whole.set(chunk, at);
      at += chunk.byteLength;
    }
    return whole;
  }

  async drain(): Promise<void> {
    while (this.buffer.byteLength > 0 || (await this.fill())) await this.readSome(this.buffer.byteLength);
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }

  private async fill(): Promise<boolean> {
    while (this.buffer.byteLength === 0) {
      const next = await this.iterator.next();
      if (next.done === true) return false;
      this.buffer = next.value;
    }
    return true;
  }
}

function truncated(): ParseError {
  return new ParseError('ROOTFS_INVALID', 'tar archive: it ends too early', {
    hint: 'fetch or make the archive again',
  });
}

function invalid(message: string): ParseError {
  return new ParseError('ROOTFS_INVALID', `tar archive: ${message}`);
}
