/**
 * OSTree's objects as values and back: pure, byte for byte libostree's (docs/formats/ostree.md).
 * Numbers of these formats that libostree calls big endian are swapped here, around little-endian GVariants.
 */
import { type Checksum, compareBytes, fromHex, InternalError, ParseError } from '../base/index.ts';
import { decodeVariant, encodeVariant, listOf, toDict, type VariantDict } from './gvariant.ts';
import {
  type Attributes,
  checksumValue,
  corrupt,
  decoding,
  fileTypeMask,
  ownership,
  swap32,
  swap64,
  textValue,
  typeDirectory,
  xattrsValue,
} from './object-fields.ts';

export type ObjectType = 'file' | 'dirtree' | 'dirmeta' | 'commit' | 'commitmeta' | 'tombstone-commit';

/** A directory's listing, both lists in strcmp order. */
export interface Dirtree {
  readonly files: readonly { readonly name: string; readonly checksum: Checksum }[];
  readonly dirs: readonly { readonly name: string; readonly tree: Checksum; readonly meta: Checksum }[];
}

export interface Commit {
  readonly metadata: VariantDict;
  readonly parent?: Checksum;
  readonly subject: string;
  readonly body: string;
  /** Seconds since 1970, UTC. */
  readonly timestamp: number;
  /** The root directory's listing and attributes. */
  readonly tree: Checksum;
  readonly meta: Checksum;
}

/** libostree's limit of a metadata object's size, in bytes. */
export const maxMetadataSize = 128 << 20;
/** libostree's limit of nested directories. */
export const maxTreeDepth = 256;
const maxNameLength = 255;

/** The bytes of a dirmeta object. */
export function encodeDirmeta(a: Attributes): Uint8Array {
  if ((a.mode & fileTypeMask) !== typeDirectory) throw new InternalError('a dirmeta needs a directory mode');
  return encodeVariant('(uuua(ayay))', [swap32(a.uid), swap32(a.gid), swap32(a.mode), xattrsValue(a.xattrs)]);
}

/** The attributes in a dirmeta object's bytes; ParseError OSTREE_OBJECT_CORRUPT. */
export function decodeDirmeta(bytes: Uint8Array): Attributes {
  return decoding('dirmeta', () => {
    const attributes = ownership(listOf(decodeVariant('(uuua(ayay))', bytes)), 3);
    if ((attributes.mode & fileTypeMask) !== typeDirectory)
      throw corrupt('a dirmeta without a directory mode');
    if ((attributes.mode & ~(fileTypeMask | 0o7777)) !== 0)
      throw corrupt('a dirmeta with an impossible mode');
    return attributes;
  });
}

/** The bytes of a dirtree object; the lists are sorted here. ParseError OSTREE_NAME_INVALID for an impossible name. */
export function encodeDirtree(tree: Dirtree): Uint8Array {
  const files = [...tree.files].sort((a, b) => compareBytes(a.name, b.name));
  const dirs = [...tree.dirs].sort((a, b) => compareBytes(a.name, b.name));
  checkNames(files, dirs, 'OSTREE_NAME_INVALID');
  return encodeVariant('(a(say)a(sayay))', [
    files.map((f) => [f.name, fromHex(f.checksum)]),
    dirs.map((d) => [d.name, fromHex(d.tree), fromHex(d.meta)]),
  ]);
}

/** The listing in a dirtree object's bytes, its names and order checked; ParseError OSTREE_OBJECT_CORRUPT. */
export function decodeDirtree(bytes: Uint8Array): Dirtree {
  return decoding('dirtree', () => {
    const [fileList, dirList] = listOf(decodeVariant('(a(say)a(sayay))', bytes));
    const files = listOf(fileList).map((entry) => {
      const [name, checksum] = listOf(entry);
      return { name: textValue(name), checksum: checksumValue(checksum) };
    });
    const dirs = listOf(dirList).map((entry) => {
      const [name, tree, meta] = listOf(entry);
      return { name: textValue(name), tree: checksumValue(tree), meta: checksumValue(meta) };
    });
    checkNames(files, dirs, 'OSTREE_OBJECT_CORRUPT');
    return { files, dirs };
  });
}

/** The bytes of a commit object; their SHA-256 is its checksum. */
export function encodeCommit(c: Commit): Uint8Array {
  if (!Number.isSafeInteger(c.timestamp) || c.timestamp < 0) {
    throw new InternalError(`a commit cannot have the timestamp ${c.timestamp}`);
  }
  return encodeVariant('(a{sv}aya(say)sstayay)', [
    c.metadata,
    c.parent === undefined ? new Uint8Array(0) : fromHex(c.parent),
    [],
    c.subject,
    c.body,
    swap64(BigInt(c.timestamp)),
    fromHex(c.tree),
    fromHex(c.meta),
  ]);
}

/** The commit in a commit object's bytes; ParseError OSTREE_OBJECT_CORRUPT. */
export function decodeCommit(bytes: Uint8Array): Commit {
  return decoding('commit', () => {
    const [metadata, parent, , subject, body, stamp, tree, meta] = listOf(
      decodeVariant('(a{sv}aya(say)sstayay)', bytes),
    );
    const timestamp = swap64(typeof stamp === 'bigint' ? stamp : 0n);
    if (timestamp > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt('a commit with an impossible timestamp');
    const hasParent = parent instanceof Uint8Array && parent.byteLength > 0;
    return {
      metadata: toDict(metadata ?? null),
      ...(hasParent ? { parent: checksumValue(parent) } : {}),
      subject: textValue(subject),
      body: textValue(body),
      timestamp: Number(timestamp),
      tree: checksumValue(tree),
      meta: checksumValue(meta),
    };
  });
}

/** True for a name that a directory of a commit may hold. */
export function isEntryName(name: string): boolean {
  return (
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    !name.includes('/') &&
    !name.includes('\0') &&
    Buffer.byteLength(name) <= maxNameLength
  );
}

function checkNames(
  files: readonly { readonly name: string }[],
  dirs: readonly { readonly name: string }[],
  code: 'OSTREE_NAME_INVALID' | 'OSTREE_OBJECT_CORRUPT',
): void {
  const names = new Set<string>();
  for (const list of [files, dirs]) {
    let previous: string | undefined;
    for (const { name } of list) {
      if (!isEntryName(name)) throw new ParseError(code, `a directory cannot hold an entry named '${name}'`);
      if (names.has(name)) throw new ParseError(code, `a directory holds '${name}' twice`);
      if (previous !== undefined && compareBytes(previous, name) > 0) {
        throw new ParseError(code, `a directory's entries are not sorted at '${name}'`);
      }
      names.add(name);
      previous = name;
    }
  }
}
