/** What the object formats share: the fields of files and directories inside GVariants. Private to this room. */
import {
  type Checksum,
  compareBytes,
  hexOf,
  isOpkgOstreeError,
  ParseError,
  strictTextOf,
  utf8,
} from '../base/index.ts';
import { listOf, type VariantValue } from './gvariant.ts';

/** An extended attribute; the name without the NUL that the format puts after it. */
export interface Xattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/** What an object records of a file or directory besides its content; `mode` includes the S_IFMT bits. */
export interface Attributes {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly xattrs: readonly Xattr[];
}

/** S_IFMT and its values that can occur in objects. */
export const fileTypeMask = 0o170000;
export const typeRegular = 0o100000;
export const typeSymlink = 0o120000;
export const typeDirectory = 0o040000;

const checksumLength = 32;

/** True for a symlink's attributes. */
export function isSymlink(attributes: Attributes): boolean {
  return (attributes.mode & fileTypeMask) === typeSymlink;
}

/** Runs a decoder; any malformation becomes ParseError OSTREE_OBJECT_CORRUPT naming what was decoded. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (isOpkgOstreeError(error) && error.code === 'GVARIANT_INVALID') {
      throw new ParseError('OSTREE_OBJECT_CORRUPT', `not a ${what} object: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** OSTREE_OBJECT_CORRUPT with this message. */
export function corrupt(message: string): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', message);
}

/** uid, gid, mode and, at `xattrsAt`, the attributes of a decoded tuple. */
export function ownership(items: readonly VariantValue[], xattrsAt: number): Attributes {
  const number = (i: number) => {
    const value = items[i];
    return swap32(typeof value === 'number' ? value : 0);
  };
  return { uid: number(0), gid: number(1), mode: number(2), xattrs: decodeXattrs(items[xattrsAt]) };
}

/** The attributes of an `a(ayay)`, their order and names checked. */
export function decodeXattrs(value: VariantValue | undefined): Xattr[] {
  let previous: string | undefined;
  return listOf(value).map((entry) => {
    const [rawName, content] = listOf(entry);
    if (!(rawName instanceof Uint8Array) || !(content instanceof Uint8Array))
      throw corrupt('a broken attribute');
    const name = rawName.at(-1) === 0 ? strictTextOf(rawName.subarray(0, -1)) : undefined;
    if (name === undefined || name === '' || name.includes('\0'))
      throw corrupt('an attribute without a name');
    if (previous !== undefined && compareBytes(previous, name) >= 0)
      throw corrupt('attributes are not sorted');
    previous = name;
    return { name, value: content };
  });
}

/** The `a(ayay)` of attributes, sorted. */
export function xattrsValue(xattrs: readonly Xattr[]): VariantValue {
  if (xattrs.length === 0) return [];
  const sorted = [...xattrs].sort((a, b) => compareBytes(a.name, b.name));
  sorted.forEach((xattr, i) => {
    if (xattr.name === '' || xattr.name === sorted[i - 1]?.name || xattr.name.includes('\0')) {
      throw new ParseError('OSTREE_NAME_INVALID', `not a set of extended attributes: '${xattr.name}'`);
    }
  });
  return sorted.map((xattr) => [utf8(`${xattr.name}\0`), xattr.value]);
}

/** The value as text. */
export function textValue(value: VariantValue | undefined): string {
  if (typeof value === 'string') return value;
  throw corrupt('a text is missing');
}

/** The checksum in 32 bytes. */
export function checksumValue(value: VariantValue | undefined): Checksum {
  if (value instanceof Uint8Array && value.byteLength === checksumLength) return hexOf(value);
  throw corrupt('a checksum does not have 32 bytes');
}

/** A u32 with its bytes reversed. */
export function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

/** A u64 with its bytes reversed. */
export function swap64(value: bigint): bigint {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(value);
  return buffer.readBigUInt64LE();
}
