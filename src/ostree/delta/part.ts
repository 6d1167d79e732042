/** A part: a byte for its compression, then `(a(uuu)aa(ayay)ayay)`: modes, attribute sets, blob, operations. */
import { decodeVariant, listOf } from '../gvariant.ts';
import { offsetWidth } from '../gvariant-writer.ts';
import { decodeXattrs, swap32, type Xattr } from '../object-fields.ts';
import { decodeXz } from '../xz/index.ts';
import { decodingDelta, invalidDelta } from './errors.ts';

const uncompressed = 0x00;
export const xzCompressed = 0x78;
const payloadType = '(a(uuu)aa(ayay)ayay)';
const modeLength = 12;
const maxModes = 65_536;
const maxXattrBytes = 16 << 20;

export interface DeltaMode {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** A part's content, its byte arrays sharing the memory that it was decoded into. */
export interface DeltaPart {
  readonly modes: readonly DeltaMode[];
  readonly xattrs: readonly (readonly Xattr[])[];
  readonly blob: Uint8Array;
  readonly operations: Uint8Array;
}

/**
 * The part's content; ParseError DELTA_INVALID, XZ_INVALID, XZ_UNSUPPORTED. `limit` bounds the bytes that it may
 * take when it is decompressed.
 */
export function openPart(compression: number, payload: Uint8Array, limit: number): DeltaPart {
  const content = decompress(compression, payload, limit);
  checkTables(content);
  return decodingDelta('a part', () => {
    const [modes, xattrs, blob, operations] = listOf(decodeVariant(payloadType, content));
    if (!(blob instanceof Uint8Array) || !(operations instanceof Uint8Array))
      throw invalidDelta('a part without content');
    return {
      modes: listOf(modes).map((entry) => {
        const [uid, gid, mode] = listOf(entry);
        return { uid: bigEndian(uid), gid: bigEndian(gid), mode: bigEndian(mode) };
      }),
      xattrs: listOf(xattrs).map((set) => decodeXattrs(set)),
      blob,
      operations,
    };
  });
}

function decompress(compression: number, payload: Uint8Array, limit: number): Uint8Array {
  if (compression === xzCompressed) return decodeXz(payload, { maxOutput: limit });
  if (compression !== uncompressed) throw invalidDelta(`a part in the unknown compression ${compression}`);
  if (payload.length > limit) throw invalidDelta(`a part of more than ${limit} bytes`);
  return payload;
}

/** Each entry of the tables costs many times its bytes once it is decoded, so their size is looked at before. */
function checkTables(content: Uint8Array): void {
  const width = offsetWidth(content.length, 0);
  if (width > 4 || content.length < 3 * width) throw invalidDelta('a part without content');
  const view = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const modesEnd = view.readUIntLE(content.length - width, width);
  const xattrsEnd = view.readUIntLE(content.length - 2 * width, width);
  if (modesEnd > maxModes * modeLength || xattrsEnd - modesEnd > maxXattrBytes)
    throw invalidDelta('a part with impossibly many modes or attributes');
}

function bigEndian(value: unknown): number {
  return swap32(typeof value === 'number' ? value : 0);
}
