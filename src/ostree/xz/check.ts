/** The integrity checks that a block's content may carry (xz-file-format 3.4). */
import { crc32 } from 'node:zlib';
import { equalBytes, sha256 } from '../../base/index.ts';
import { unsupportedXz } from './errors.ts';

/** A check in progress over a block's content. */
export interface ContentCheck {
  /** Bytes that the check takes after the block. */
  readonly size: number;
  update(bytes: Uint8Array): void;
  /** True when what was given has the stored check. */
  matches(stored: Uint8Array): boolean;
}

const checkNone = 0x0;
const checkCrc32 = 0x1;
const checkCrc64 = 0x4;
const checkSha256 = 0xa;

/** The check with this id from the stream flags; ParseError XZ_UNSUPPORTED for the reserved ids. */
export function startCheck(id: number): ContentCheck {
  switch (id) {
    case checkNone:
      return { size: 0, update: () => undefined, matches: () => true };
    case checkCrc32:
      return crc32Check();
    case checkCrc64:
      return crc64Check();
    case checkSha256:
      return sha256Check();
    default:
      throw unsupportedXz(`the integrity check ${id} is not known`);
  }
}

function crc32Check(): ContentCheck {
  let value = 0;
  return {
    size: 4,
    update(bytes) {
      value = crc32(bytes, value);
    },
    matches: (stored) => viewOf(stored).getUint32(0, true) === value,
  };
}

function crc64Check(): ContentCheck {
  const state = new Int32Array([-1, -1]);
  return {
    size: 8,
    update: (bytes) => updateCrc64(state, bytes),
    matches: (stored) =>
      viewOf(stored).getInt32(0, true) === ~(state[0] ?? 0) &&
      viewOf(stored).getInt32(4, true) === ~(state[1] ?? 0),
  };
}

function sha256Check(): ContentCheck {
  const hash = sha256();
  return {
    size: 32,
    update(bytes) {
      hash.update(bytes);
    },
    matches: (stored) => equalBytes(hash.digest(), stored),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** ECMA-182, reflected; JavaScript has no fast 64-bit integers, so each half has its own table. */
const polynomialLow = 0xd7870f42;
const polynomialHigh = 0xc96c5795;
let tables: { readonly low: Int32Array; readonly high: Int32Array } | undefined;

function crc64Tables(): { readonly low: Int32Array; readonly high: Int32Array } {
  if (tables !== undefined) return tables;
  const low = new Int32Array(256);
  const high = new Int32Array(256);
  for (let n = 0; n < 256; n++) {
    let l = n;
    let h = 0;
    for (let k = 0; k < 8; k++) {
      const odd = (l & 1) !== 0;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        l ^= polynomialLow;
        h ^= polynomialHigh;
      }
    }
    low[n] = l;
    high[n] = h;
  }
  tables = { low, high };
  return tables;
}

function updateCrc64(state: Int32Array, bytes: Uint8Array): void {
  const { low, high } = crc64Tables();
  let l = state[0] ?? 0;
  let h = state[1] ?? 0;
  for (let i = 0; i < bytes.length; i++) {
    const index = (l ^ (bytes[i] ?? 0)) & 0xff;
    l = ((l >>> 8) | (h << 24)) ^ (low[index] ?? 0);
    h = (h >>> 8) ^ (high[index] ?? 0);
  }
  state[0] = l;
  state[1] = h;
}
