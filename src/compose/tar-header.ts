/**
 * One 512-byte tar header: ustar (POSIX.1-1988), with GNU's base-256 numbers, and the records of a pax extended header
 * (POSIX.1-2001). Pure; every field is checked, since an archive may come from anywhere.
 */
import { ParseError, strictTextOf } from '../base/index.ts';

export const tarBlock = 512;

/** A header's own fields; names are not yet replaced by those of an extension. */
export interface TarHeader {
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** The type flag's character. */
  readonly flag: string;
}

const octal = /^[ ]*([0-7]*)[ \0]*$/u;

/** The header in a block, undefined for a block of zeros (the archive's end); ParseError ROOTFS_INVALID otherwise. */
export function parseTarHeader(block: Uint8Array): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  const sum = number(block, 148, 8);
  if (sum !== checksumOf(block, false) && sum !== checksumOf(block, true))
    throw invalid('a header is damaged');
  const isUstar = Buffer.from(block.subarray(257, 262)).toString('latin1') === 'ustar';
  // Old GNU archives ("ustar  ") keep times where POSIX has the name's prefix.
  const prefix = isUstar && block[262] === 0 ? cString(block, 345, 155) : new Uint8Array();
  const name = cString(block, 0, 100);
  return {
    name: prefix.byteLength === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    linkName: cString(block, 157, 100),
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12),
    flag: String.fromCharCode(block[156] ?? 0),
  };
}

/** The records of a pax header, `LENGTH KEY=VALUE\n` each; a later one of the same key wins. */
export function parsePax(bytes: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number.parseInt(Buffer.from(bytes.subarray(at, space)).toString('latin1'), 10);
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    const isWhole =
      space > at && space - at <= 10 && equals > space && equals < end && end <= bytes.byteLength;
    if (!isWhole || bytes[end - 1] !== 0x0a) throw invalid('a pax record is damaged');
    const key = Buffer.from(bytes.subarray(space + 1, equals)).toString('latin1');
    records.set(key, bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** A pax number: decimal, for times with a fraction that is dropped; undefined where the record is absent. */
export function paxNumber(records: ReadonlyMap<string, Uint8Array>, key: string): number | undefined {
  const value = records.get(key);
  if (value === undefined) return undefined;
  const text = Buffer.from(value).toString('latin1');
  const whole = /^(-?\d{1,15})(?:\.\d*)?$/u.exec(text)?.[1];
  if (whole === undefined) throw invalid(`the pax record '${key}' holds no number`);
  return text.startsWith('-') && text.includes('.') ? Math.floor(Number(text)) : Number(whole);
}

/** A name's bytes as text; ParseError ROOTFS_INVALID where they are not UTF-8: no commit could hold such a name. */
export function tarText(bytes: Uint8Array): string {
  const text = strictTextOf(bytes);
  if (text === undefined) throw invalid(`a name is not UTF-8: '${Buffer.from(bytes).toString('latin1')}'`);
  return text;
}

function number(block: Uint8Array, offset: number, length: number): number {
  const first = block[offset] ?? 0;
  if (first >= 0x80) return base256(block.subarray(offset, offset + length));
  const digits = octal.exec(Buffer.from(block.subarray(offset, offset + length)).toString('latin1'))?.[1];
  if (digits === undefined) throw invalid('a header holds a field that is no number');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/** GNU's binary numbers: the top bit marks them, the next is the sign of two's complement. */
function base256(bytes: Uint8Array): number {
  const isNegative = ((bytes[0] ?? 0) & 0x40) !== 0;
  let value = BigInt((bytes[0] ?? 0) & 0x7f);
  if (isNegative) value -= 0x80n;
  for (const byte of bytes.subarray(1)) value = value * 256n + BigInt(byte);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw invalid('a header holds a number beyond all bounds');
  return result;
}

/** The field itself counts as blanks; some old programs summed signed bytes. */
function checksumOf(block: Uint8Array, isSigned: boolean): number {
  let sum = 0;
  for (let index = 0; index < tarBlock; index += 1) {
    const byte = index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
    sum += isSigned && byte >= 0x80 ? byte - 256 : byte;
  }
  return sum;
}

function cString(block: Uint8Array, offset: number, length: number): Uint8Array {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  // A copy: the block is a window on a buffer that the reader moves.
  return Uint8Array.from(end < 0 ? field : field.subarray(0, end));
}

function invalid(message: string): ParseError {
  return new ParseError('ROOTFS_INVALID', `tar archive: ${message}`);
}
