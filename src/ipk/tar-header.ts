/**
 * One 512-byte tar header (docs/formats/ipk.md): POSIX ustar, GNU and the old form before both. Pure; what it
 * returns has a right checksum, a known type and numbers in range, and nothing else has been judged yet.
 */
import { strictTextOf } from '../base/index.ts';

/** The types that both opkgs know, by type flag; the three extension headers have types of their own. */
export type TarType =
  | 'file'
  | 'hardlink'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  | 'gnu-long-name'
  | 'gnu-long-link'
  | 'pax'
  | 'pax-global';

export interface TarHeader {
  readonly type: TarType;
  readonly name: string;
  readonly link: string;
  /** The low twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds; what lies before 1970 is 0. */
  readonly mtime: number;
  readonly size: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** The size of a header and the unit to which content is padded. */
export const tarBlockSize = 512;

const types: ReadonlyMap<string, TarType> = new Map([
  ['\0', 'file'],
  ['0', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'character-device'],
  ['4', 'block-device'],
  ['5', 'directory'],
  ['6', 'fifo'],
  ['L', 'gnu-long-name'],
  ['K', 'gnu-long-link'],
  ['x', 'pax'],
  ['g', 'pax-global'],
]);
const posixMagic = 'ustar\x0000';
const gnuMagic = 'ustar  \0';
const oldMagic = '\0'.repeat(8);
const maxId = 0xffff_fffe;

/** Why a block is no header: the fact for the message, and whether it is of a type that we refuse. */
export interface TarHeaderFault {
  readonly fault: string;
  readonly kind: 'malformed' | 'type' | 'name';
}

/** The header in the block, or what is wrong with it. */
export function parseTarHeader(block: Uint8Array): TarHeader | TarHeaderFault {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (!hasRightChecksum(bytes)) return malformed('a header has a wrong checksum');
  const magic = bytes.toString('latin1', 257, 265);
  if (magic !== posixMagic && magic !== gnuMagic && magic !== oldMagic)
    return malformed('a header has an unknown format');
  const flag = bytes.toString('latin1', 156, 157);
  const type = types.get(flag);
  if (type === undefined) return { fault: `an entry has the unknown type '${flag}'`, kind: 'type' };
  const own = textAt(bytes, 0, 100);
  const prefix = magic === posixMagic ? textAt(bytes, 345, 155) : '';
  const link = textAt(bytes, 157, 100);
  if (own === undefined || prefix === undefined || link === undefined)
    return { fault: 'a name is not UTF-8', kind: 'name' };
  const numbers = numbersOf(bytes);
  if (numbers === undefined) return malformed('a header holds a number that is none or out of range');
  const name = prefix === '' ? own : `${prefix}/${own}`;
  return { type, name, link, ...numbers };
}

function malformed(fault: string): TarHeaderFault {
  return { fault, kind: 'malformed' };
}

function numbersOf(bytes: Buffer): Omit<TarHeader, 'type' | 'name' | 'link'> | undefined {
  const mode = numberAt(bytes, 100, 8);
  const uid = numberAt(bytes, 108, 8);
  const gid = numberAt(bytes, 116, 8);
  const size = numberAt(bytes, 124, 12);
  const mtime = numberAt(bytes, 136, 12);
  const deviceMajor = numberAt(bytes, 329, 8);
  const deviceMinor = numberAt(bytes, 337, 8);
  if (mode === undefined || mode < 0 || uid === undefined || gid === undefined || mtime === undefined)
    return undefined;
  if (uid < 0 || uid > maxId || gid < 0 || gid > maxId) return undefined;
  if (size === undefined || size < 0 || deviceMajor === undefined || deviceMinor === undefined)
    return undefined;
  return { mode: mode & 0o7777, uid, gid, size, mtime: Math.max(mtime, 0), deviceMajor, deviceMinor };
}

/** The stored sum of all bytes, the sum's own field counted as spaces; some old writers summed signed bytes. */
function hasRightChecksum(block: Buffer): boolean {
  const stored = numberAt(block, 148, 8);
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let i = 0; i < tarBlockSize; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    if (byte > 0x7f) high++;
  }
  return stored === unsigned || stored === unsigned - high * 256;
}

/** Octal digits ended by NUL or space, or GNU's base-256 (first bit set). An empty field is 0. */
function numberAt(block: Buffer, offset: number, length: number): number | undefined {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) return base256At(block, offset, length);
  const match = /^ *([0-7]*)[ \0]*$/u.exec(block.toString('latin1', offset, offset + length));
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1] || '0', 8);
}

function base256At(block: Buffer, offset: number, length: number): number | undefined {
  const negative = (block[offset] ?? 0) === 0xff;
  let value = BigInt((block[offset] ?? 0) & 0x7f);
  for (let i = 1; i < length; i++) value = (value << 8n) | BigInt(block[offset + i] ?? 0);
  if (negative) value -= 1n << BigInt(8 * length - 1);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function textAt(block: Buffer, offset: number, length: number): string | undefined {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return strictTextOf(end === -1 ? field : field.subarray(0, end));
}
