/** File objects: the framed header under their checksum, the header of archive's `.filez`, bare-user's attribute. */
import { type Checksum, concat, sha256Hex, textOf, utf8 } from '../base/index.ts';
import { decodeVariant, encodeVariant, listOf, type VariantValue } from './gvariant.ts';
import {
  type Attributes,
  corrupt,
  decoding,
  fileTypeMask,
  isSymlink,
  ownership,
  swap32,
  swap64,
  textValue,
  typeRegular,
  typeSymlink,
  xattrsValue,
} from './object-fields.ts';

/** Far above what Linux lets a file's attributes take (64 KiB of names, 64 KiB a value). */
const maxHeaderLength = 16 << 20;

/** The bytes that precede a file's content in its checksum: length, padding, `(uuuusa(ayay))`. */
export function encodeFileHeader(a: Attributes, target = ''): Uint8Array {
  return framed(
    encodeVariant('(uuuusa(ayay))', [
      swap32(a.uid),
      swap32(a.gid),
      swap32(a.mode),
      0,
      target,
      xattrsValue(a.xattrs),
    ]),
  );
}

/** The bytes before the raw deflate stream of a `.filez`; `size` is the content's, 0 for a symlink. */
export function encodeArchiveHeader(a: Attributes, size: number, target = ''): Uint8Array {
  return framed(
    encodeVariant('(tuuuusa(ayay))', [
      swap64(BigInt(size)),
      swap32(a.uid),
      swap32(a.gid),
      swap32(a.mode),
      0,
      target,
      xattrsValue(a.xattrs),
    ]),
  );
}

/** What a `.filez` header says; `contentAt` is where the deflate stream begins. */
export interface ArchiveHeader {
  readonly attributes: Attributes;
  readonly size: number;
  /** Present for a symlink. */
  readonly target?: string;
  readonly contentAt: number;
}

/** Bytes of a `.filez` that hold its whole header, from its first four; ParseError OSTREE_OBJECT_CORRUPT. */
export function archiveHeaderLength(start: Uint8Array): number {
  const view = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (view.length < 8 || view.readUInt32BE(4) !== 0) throw corrupt('a file object without a header');
  const length = view.readUInt32BE(0);
  if (length > maxHeaderLength) throw corrupt('a file object with an impossibly long header');
  return 8 + length;
}

/** The header at the start of a `.filez`; ParseError OSTREE_OBJECT_CORRUPT. */
export function decodeArchiveHeader(bytes: Uint8Array): ArchiveHeader {
  return decoding('file', () => {
    const contentAt = archiveHeaderLength(bytes);
    if (bytes.byteLength < contentAt) throw corrupt('a file object ends within its header');
    const [size, uid, gid, mode, rdev, target, xattrs] = listOf(
      decodeVariant('(tuuuusa(ayay))', bytes.subarray(8, contentAt)),
    );
    const attributes = ownership([uid ?? 0, gid ?? 0, mode ?? 0, xattrs ?? []], 3);
    const bytesOfContent = swap64(typeof size === 'bigint' ? size : 0n);
    if (bytesOfContent > BigInt(Number.MAX_SAFE_INTEGER))
      throw corrupt('a file object with an impossible size');
    checkFileAttributes(attributes, textValue(target), rdev);
    return {
      attributes,
      size: Number(bytesOfContent),
      contentAt,
      ...(isSymlink(attributes) ? { target: textValue(target) } : {}),
    };
  });
}

/** The `user.ostreemeta` value with which bare-user repositories keep a file's attributes. */
export function encodeBareUserMeta(a: Attributes): Uint8Array {
  return encodeVariant('(uuua(ayay))', [swap32(a.uid), swap32(a.gid), swap32(a.mode), xattrsValue(a.xattrs)]);
}

/** The attributes in a `user.ostreemeta` value; ParseError OSTREE_OBJECT_CORRUPT. */
export function decodeBareUserMeta(bytes: Uint8Array): Attributes {
  return decoding('file', () => {
    const attributes = ownership(listOf(decodeVariant('(uuua(ayay))', bytes)), 3);
    checkFileAttributes(attributes, undefined, 0);
    return attributes;
  });
}

/** The checksum of a regular file with this content, or of a symlink with this target. */
export function fileChecksum(a: Attributes, content: Uint8Array | string): Checksum {
  if (isSymlink(a)) {
    return sha256Hex(encodeFileHeader(a, typeof content === 'string' ? content : textOf(content)));
  }
  return sha256Hex(encodeFileHeader(a), typeof content === 'string' ? utf8(content) : content);
}

function framed(header: Uint8Array): Uint8Array {
  const start = new Uint8Array(8);
  new DataView(start.buffer).setUint32(0, header.byteLength);
  return concat([start, header]);
}

function checkFileAttributes(
  a: Attributes,
  target: string | undefined,
  rdev: VariantValue | undefined,
): void {
  const type = a.mode & fileTypeMask;
  if ((type !== typeRegular && type !== typeSymlink) || (a.mode & ~(fileTypeMask | 0o7777)) !== 0) {
    throw corrupt(`a file object has the impossible mode 0${a.mode.toString(8)}`);
  }
  if (rdev !== 0) throw corrupt('a file object claims to be a device');
  if (target !== undefined && (type === typeSymlink) !== (target !== '')) {
    throw corrupt('a file object whose type and symlink target disagree');
  }
}
