/** `ostree.sizes` of a commit: what its objects take in an archive and unpacked. */
import { type Checksum, hexOf } from '../../base/index.ts';
import { dictGet, listOf, type VariantDict } from '../gvariant.ts';

export interface ObjectSize {
  readonly checksum: Checksum;
  /** Bytes as they are transferred, and as they are in a bare repository. */
  readonly archived: number;
  readonly unpacked: number;
  /** The object's type as a number; 1 is a file. Absent in commits of old versions. */
  readonly type: number | undefined;
}

const checksumLength = 32;

/** The entries; undefined where the commit has none or they cannot be read: they are only a help. */
export function commitSizes(metadata: VariantDict): ObjectSize[] | undefined {
  const found = dictGet(metadata, 'ostree.sizes');
  if (found?.type !== 'aay') return undefined;
  const sizes: ObjectSize[] = [];
  for (const entry of listOf(found.value)) {
    const size = entry instanceof Uint8Array ? parseEntry(entry) : undefined;
    if (size === undefined) return undefined;
    sizes.push(size);
  }
  return sizes;
}

function parseEntry(bytes: Uint8Array): ObjectSize | undefined {
  if (bytes.byteLength < checksumLength + 2) return undefined;
  const archived = varint(bytes, checksumLength);
  const unpacked = archived === undefined ? undefined : varint(bytes, archived.end);
  if (archived === undefined || unpacked === undefined) return undefined;
  return {
    checksum: hexOf(bytes.subarray(0, checksumLength)),
    archived: archived.value,
    unpacked: unpacked.value,
    type: bytes[unpacked.end],
  };
}

/** LEB128; undefined beyond the end or above what a number holds exactly. */
function varint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let i = at; i < bytes.byteLength; i++) {
    const byte = bytes[i] ?? 0;
    value += (byte & 0x7f) * scale;
    if (!Number.isSafeInteger(value)) return undefined;
    if ((byte & 0x80) === 0) return { value, end: i + 1 };
    scale *= 128;
  }
  return undefined;
}
