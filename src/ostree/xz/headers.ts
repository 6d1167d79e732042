/** Headers, index and footer of the .xz container (The .xz File Format 1.2.1, sections 2 to 5). */
import { crc32 } from 'node:zlib';
import { equalBytes } from '../../base/index.ts';
import type { ByteSource, Step } from './byte-source.ts';
import { invalidXz, unsupportedXz } from './errors.ts';

export const streamHeaderSize = 12;
export const headerMagic = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);
const footerMagic = Uint8Array.of(0x59, 0x5a);
const filterLzma2 = 0x21;
const filterDelta = 0x03;
const reservedFilters = 0x40;
const sizesReserved = 0x3c;
const hasPackedSize = 0x40;
const hasSize = 0x80;
const maxFilters = 4;
const maxVariableBytes = 9;

/** What a block header says. Sizes are bytes, absent where the header leaves them out. */
export interface BlockHeader {
  /** LZMA2's dictionary in bytes. */
  readonly dictionary: number;
  /** Distances of the delta filters that the encoder applied, in its order. */
  readonly deltas: readonly number[];
  readonly packedSize: number | undefined;
  readonly size: number | undefined;
}

/** The id of the integrity check in a stream header; ParseError XZ_INVALID. */
export function parseStreamHeader(bytes: Uint8Array): number {
  if (!equalBytes(bytes.subarray(0, 6), headerMagic)) throw invalidXz('no .xz header');
  const flags = bytes.subarray(6, 8);
  if (crc32(flags) !== uint32At(bytes, 8)) throw invalidXz('the stream header is damaged');
  return checkIdOf(flags);
}

/** What a stream footer says; ParseError XZ_INVALID. */
export function parseStreamFooter(bytes: Uint8Array): {
  readonly check: number;
  readonly indexSize: number;
} {
  if (!equalBytes(bytes.subarray(10, 12), footerMagic)) throw invalidXz('no stream footer');
  if (crc32(bytes.subarray(4, 10)) !== uint32At(bytes, 0)) throw invalidXz('the stream footer is damaged');
  return { check: checkIdOf(bytes.subarray(8, 10)), indexSize: (uint32At(bytes, 4) + 1) * 4 };
}

/** A whole block header with its first byte and CRC; ParseError XZ_INVALID, XZ_UNSUPPORTED. */
export function parseBlockHeader(bytes: Uint8Array): BlockHeader {
  const end = bytes.length - 4;
  if (crc32(bytes.subarray(0, end)) !== uint32At(bytes, end)) throw invalidXz('a block header is damaged');
  const reader = new HeaderReader(bytes.subarray(1, end));
  const flags = reader.byte();
  if ((flags & sizesReserved) !== 0) throw unsupportedXz('a block header of a later version');
  const packedSize = (flags & hasPackedSize) === 0 ? undefined : reader.variable();
  const size = (flags & hasSize) === 0 ? undefined : reader.variable();
  if (packedSize === 0) throw invalidXz('a block of no bytes');
  const deltas: number[] = [];
  let dictionary: number | undefined;
  const count = Math.min((flags & 3) + 1, maxFilters);
  for (let i = 0; i < count; i++) {
    const id = reader.variable();
    const properties = reader.take(reader.variable());
    const last = i === count - 1;
    if (id === filterLzma2 && last) dictionary = dictionarySize(properties);
    else if (id === filterDelta && !last) deltas.push(deltaDistance(properties));
    else if (id === filterLzma2 || id === filterDelta) throw invalidXz('filters in an impossible order');
    else if (id >= 2 ** 62) throw invalidXz('a filter id beyond the format');
    else throw unsupportedXz(`the filter ${id}${id < reservedFilters ? '' : ' of somebody else'} is needed`);
  }
  reader.zeros();
  if (dictionary === undefined) throw invalidXz('a block without LZMA2');
  return { dictionary, deltas, packedSize, size };
}

/** A number of up to 63 bits from the source; ParseError XZ_INVALID above 2^53. `seen` gets its bytes. */
export function* readVariable(source: ByteSource, seen: (byte: number) => void): Step<number> {
  let value = 0;
  for (let i = 0; ; i++) {
    const byte = yield* source.byte();
    seen(byte);
    value = addVariable(value, byte, i);
    if ((byte & 0x80) === 0) return value;
  }
}

function addVariable(value: number, byte: number, index: number): number {
  if (index >= maxVariableBytes || (byte === 0 && index > 0)) throw invalidXz('a number is not well formed');
  const sum = value + (byte & 0x7f) * 2 ** (7 * index);
  if (sum > Number.MAX_SAFE_INTEGER) throw invalidXz('a number is impossibly large');
  return sum;
}

function uint32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
}

function checkIdOf(flags: Uint8Array): number {
  const [zero = 0, check = 0] = flags;
  if (zero !== 0 || check > 0x0f) throw unsupportedXz('stream flags of a later version');
  return check;
}

function dictionarySize(properties: Uint8Array): number {
  const bits = properties[0] ?? 0;
  if (properties.length !== 1 || bits > 40) throw invalidXz('an impossible dictionary size');
  return bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
}

function deltaDistance(properties: Uint8Array): number {
  if (properties.length !== 1) throw invalidXz('an impossible delta distance');
  return (properties[0] ?? 0) + 1;
}

class HeaderReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw invalidXz('a block header ends early');
    this.#at += 1;
    return byte;
  }

  variable(): number {
    let value = 0;
    for (let i = 0; ; i++) {
      const byte = this.byte();
      value = addVariable(value, byte, i);
      if ((byte & 0x80) === 0) return value;
    }
  }

  take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw invalidXz('a block header ends early');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  zeros(): void {
    if (this.#bytes.subarray(this.#at).some((byte) => byte !== 0))
      throw invalidXz('a block header ends with bytes of no meaning');
  }
}
