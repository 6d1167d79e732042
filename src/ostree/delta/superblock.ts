/** The superblock: which commits, which parts, and what is not in them (docs/formats/static-delta.md). */
import { type Checksum, fromHex, sha256Hex } from '../../base/index.ts';
import {
  decodeVariant,
  dictGet,
  encodeVariant,
  isVariant,
  listOf,
  toDict,
  type VariantDict,
  type VariantValue,
} from '../gvariant.ts';
import { checksumValue, swap32, swap64 } from '../object-fields.ts';
import type { ObjectType } from '../objects.ts';
import { decodingDelta, invalidDelta, safeNumber } from './errors.ts';
import { type DeltaId, deltaDirectory } from './names.ts';

const commitType = '(a{sv}aya(say)sstayay)';
const superblockType = `(a{sv}tayay${commitType}aya(uayttay)a(yaytt))`;
const signedType = '(taya{sv})';
const signedMagic = Buffer.from('OSTSGNDT');
const endiannessKey = 'ostree.endianness';
const maxParts = 65_536;
/** A part that is so much larger than what it holds has its numbers swapped (libostree's heuristic). */
const plausibleRatio = 1.2;
const plausibleAverage = 0xffffffffn;
/** Type and checksum of an object in a part's list. */
export const objectRecordLength = 33;

const typeNumbers: readonly (ObjectType | undefined)[] = [
  undefined,
  'file',
  'dirtree',
  'dirmeta',
  'commit',
  'tombstone-commit',
  'commitmeta',
];

/** An object that a delta names. */
export interface DeltaObject {
  readonly type: ObjectType;
  readonly checksum: Checksum;
}

/** One part: a file of its own, or a value in the superblock. */
export interface DeltaPartHeader {
  /** SHA-256 of the part's file, or of the inline value. */
  readonly checksum: Checksum;
  /** Bytes of the part, and of the objects that it makes. */
  readonly size: number;
  readonly uncompressedSize: number;
  /** Records of 33 bytes; read them with `objectsOf`. */
  readonly objects: Uint8Array;
}

/** An object that is to be fetched by itself. */
export interface DeltaFallback extends DeltaObject {
  readonly size: number;
  readonly uncompressedSize: number;
}

export interface DeltaSuperblock extends DeltaId {
  readonly metadata: VariantDict;
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** The commit object's bytes; their hash is `to`. */
  readonly commit: Uint8Array;
  /** Detached metadata of the commit; undefined where the delta has none. */
  readonly detached: VariantDict | undefined;
  readonly parts: readonly DeltaPartHeader[];
  readonly fallbacks: readonly DeltaFallback[];
  readonly endianness: 'little' | 'big';
  /** True where nothing said the endianness. */
  readonly endiannessGuessed: boolean;
  /** Present for a signed delta: the bytes that were signed and the signatures by `ostree.sign.*`. */
  readonly signed: { readonly bytes: Uint8Array; readonly signatures: VariantDict } | undefined;
}

/** The superblock in a file's bytes, signed or not; ParseError DELTA_INVALID. Byte arrays share `file`. */
export function parseSuperblock(file: Uint8Array): DeltaSuperblock {
  return decodingDelta('the superblock', () => {
    const signed = parseSigned(file);
    const items = listOf(decodeVariant(superblockType, signed?.bytes ?? file));
    const [rawMetadata, stamp, rawFrom, rawTo, rawCommit, parents, rawParts, rawFallbacks] = items;
    const metadata = toDict(rawMetadata ?? null);
    const to = checksumValue(rawTo);
    const commit = encodeVariant(commitType, rawCommit ?? null);
    if (sha256Hex(commit) !== to) throw invalidDelta('its commit is not the one that it names');
    if (!(parents instanceof Uint8Array) || parents.length > 0)
      throw invalidDelta('it builds on other deltas');
    const id: DeltaId =
      rawFrom instanceof Uint8Array && rawFrom.length > 0 ? { from: checksumValue(rawFrom), to } : { to };
    const headers = listOf(rawParts);
    if (headers.length > maxParts) throw invalidDelta(`${headers.length} parts are too many`);
    const declared = declaredEndianness(metadata);
    const endianness = declared ?? guessEndianness(headers);
    const swap = endianness === 'big';
    return {
      ...id,
      metadata,
      timestamp: safeNumber(swap64(bigOf(stamp))),
      commit,
      detached: detachedOf(metadata, id),
      parts: headers.map((header) => partHeader(header, swap)),
      fallbacks: listOf(rawFallbacks).map((entry) => fallback(entry, swap)),
      endianness,
      endiannessGuessed: declared === undefined,
      signed,
    };
  });
}

/** What a new superblock is made of; numbers are written little endian. */
export interface SuperblockContent extends DeltaId {
  readonly metadata: VariantDict;
  /** Inline parts and detached metadata under their paths. */
  readonly attachments: VariantDict;
  readonly timestamp: number;
  readonly commit: Uint8Array;
  readonly parts: readonly DeltaPartHeader[];
  readonly fallbacks: readonly DeltaFallback[];
}

/** The superblock's bytes. The caller's metadata stands first, as readers that sniff content expect. */
export function renderSuperblock(content: SuperblockContent): Uint8Array {
  const metadata: VariantDict = [
    ...content.metadata,
    [endiannessKey, { type: 'y', value: 'l'.charCodeAt(0) }],
    ...content.attachments,
  ];
  return encodeVariant(superblockType, [
    metadata,
    swap64(BigInt(content.timestamp)),
    content.from === undefined ? new Uint8Array(0) : fromHex(content.from),
    fromHex(content.to),
    decodeVariant(commitType, content.commit),
    new Uint8Array(0),
    content.parts.map((p) => [0, fromHex(p.checksum), BigInt(p.size), BigInt(p.uncompressedSize), p.objects]),
    content.fallbacks.map((f) => [
      typeNumbers.indexOf(f.type),
      fromHex(f.checksum),
      BigInt(f.size),
      BigInt(f.uncompressedSize),
    ]),
  ]);
}

/** The signed form of a superblock's bytes. */
export function renderSigned(superblock: Uint8Array, signatures: VariantDict): Uint8Array {
  return encodeVariant(signedType, [signedMagic.readBigUInt64LE(), superblock, signatures]);
}

/** The records of objects in a part's header. */
export function renderObjects(objects: readonly DeltaObject[]): Uint8Array {
  return Buffer.concat(
    objects.map(({ type, checksum }) =>
      Buffer.concat([Uint8Array.of(typeNumbers.indexOf(type)), fromHex(checksum)]),
    ),
  );
}

/** The objects of a part in the order in which it makes them; ParseError DELTA_INVALID for an unknown type. */
export function* objectsOf(part: Pick<DeltaPartHeader, 'objects'>): Generator<DeltaObject> {
  for (let at = 0; at < part.objects.length; at += objectRecordLength) {
    yield {
      type: objectType(part.objects[at]),
      checksum: checksumValue(part.objects.subarray(at + 1, at + objectRecordLength)),
    };
  }
}

function parseSigned(file: Uint8Array): DeltaSuperblock['signed'] {
  if (Buffer.compare(file.subarray(0, signedMagic.length), signedMagic) !== 0) return undefined;
  const [, bytes, signatures] = listOf(decodeVariant(signedType, file));
  if (!(bytes instanceof Uint8Array)) throw invalidDelta('nothing is signed');
  return { bytes, signatures: toDict(signatures ?? null) };
}

function declaredEndianness(metadata: VariantDict): 'little' | 'big' | undefined {
  const declared = dictGet(metadata, endiannessKey);
  if (declared === undefined) return undefined;
  if (declared.type === 'y' && declared.value === 'l'.charCodeAt(0)) return 'little';
  if (declared.type === 'y' && declared.value === 'B'.charCodeAt(0)) return 'big';
  throw invalidDelta('an unknown endianness');
}

function guessEndianness(headers: readonly VariantValue[]): 'little' | 'big' {
  let total = 0n;
  let objects = 0n;
  for (const header of headers) {
    const [, , size, uncompressed, records] = listOf(header);
    total += bigOf(size);
    objects += BigInt(records instanceof Uint8Array ? Math.floor(records.length / objectRecordLength) : 0);
    if (Number(bigOf(size)) > Number(bigOf(uncompressed)) * plausibleRatio) return 'big';
  }
  return objects > 0n && total / objects > plausibleAverage ? 'big' : 'little';
}

function detachedOf(metadata: VariantDict, id: DeltaId): VariantDict | undefined {
  const found = dictGet(metadata, `${deltaDirectory(id)}/commitmeta`);
  return found?.type === 'a{sv}' ? toDict(found.value) : undefined;
}

/** The inline part's type byte and payload, or undefined where the part is a file. */
export function inlinePart(
  superblock: DeltaSuperblock,
  index: number,
): { readonly compression: number; readonly payload: Uint8Array } | undefined {
  const found = dictGet(superblock.metadata, `${deltaDirectory(superblock)}/${index}`);
  if (found === undefined || !isVariant(found) || found.type !== '(yay)') return undefined;
  const [compression, payload] = listOf(found.value);
  if (typeof compression !== 'number' || !(payload instanceof Uint8Array)) return undefined;
  return { compression, payload };
}

function partHeader(value: VariantValue, swap: boolean): DeltaPartHeader {
  const [rawVersion, checksum, size, uncompressed, objects] = listOf(value);
  const version = typeof rawVersion === 'number' ? rawVersion : 0;
  if ((swap ? swap32(version) : version) > 0) throw invalidDelta('a part of a later version');
  if (!(objects instanceof Uint8Array) || objects.length % objectRecordLength !== 0)
    throw invalidDelta('a part with a torn list of objects');
  return {
    checksum: checksumValue(checksum),
    size: sizeOf(size, swap),
    uncompressedSize: sizeOf(uncompressed, swap),
    objects,
  };
}

function fallback(value: VariantValue, swap: boolean): DeltaFallback {
  const [type, checksum, size, uncompressed] = listOf(value);
  return {
    type: objectType(typeof type === 'number' ? type : undefined),
    checksum: checksumValue(checksum),
    size: sizeOf(size, swap),
    uncompressedSize: sizeOf(uncompressed, swap),
  };
}

function objectType(number: number | undefined): ObjectType {
  const type = typeNumbers[number ?? 0];
  if (type === undefined) throw invalidDelta(`an object of the unknown type ${number}`);
  return type;
}

function sizeOf(value: VariantValue | undefined, swap: boolean): number {
  const size = bigOf(value);
  return safeNumber(swap ? swap64(size) : size);
}

function bigOf(value: VariantValue | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n;
}
