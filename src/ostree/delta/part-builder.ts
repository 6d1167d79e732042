import { type Checksum, concat, fromHex } from '../../base/index.ts';
import { encodeVariant } from '../gvariant.ts';
import { offsetWidth } from '../gvariant-writer.ts';
import { type Attributes, swap32, xattrsValue } from '../object-fields.ts';
import type { Segment } from './match-blocks.ts';
import { OperationWriter, op } from './operations.ts';
import { type DeltaObject, renderObjects } from './superblock.ts';

/** What makes one object out of an old one. */
export type Recipe =
  | { readonly kind: 'patch'; readonly from: Checksum; readonly patch: Uint8Array }
  | {
      readonly kind: 'copies';
      readonly from: Checksum;
      readonly segments: readonly Segment[];
      /** The bytes of an own segment. */
      read(offset: number, length: number): Uint8Array;
    };

/** Collects objects of one part. */
export class PartBuilder {
  readonly #objects: DeltaObject[] = [];
  readonly #modes = new Map<string, number>();
  readonly #modeValues: number[][] = [];
  readonly #xattrs = new Map<string, number>();
  readonly #xattrValues: Uint8Array[] = [];
  readonly #blob: Uint8Array[] = [];
  readonly #operations = new OperationWriter();
  #blobLength = 0;
  #uncompressedSize = 0;

  /** How many objects it makes. */
  get count(): number {
    return this.#objects.length;
  }

  /** Bytes that it takes so far, about. */
  get size(): number {
    return this.#blobLength + this.#operations.length;
  }

  /** Bytes of the objects that it makes. */
  get uncompressedSize(): number {
    return this.#uncompressedSize;
  }

  addMetadata(type: 'dirtree' | 'dirmeta', checksum: Checksum, bytes: Uint8Array): void {
    this.#begin({ type, checksum }, bytes.length);
    this.#operations.add(op.splice, bytes.length, this.#append(bytes));
  }

  /** A file with its content, or a symlink with its target. */
  addFile(checksum: Checksum, attributes: Attributes, content: Uint8Array): void {
    this.#begin({ type: 'file', checksum }, content.length);
    const [mode, xattrs] = this.#attributes(attributes);
    this.#operations.add(op.splice, mode, xattrs, content.length, this.#append(content));
  }

  /** A file of `size` bytes made of an old one. */
  addDerived(checksum: Checksum, attributes: Attributes, size: number, recipe: Recipe): void {
    this.#begin({ type: 'file', checksum }, size);
    const [mode, xattrs] = this.#attributes(attributes);
    const source = this.#append(fromHex(recipe.from));
    if (recipe.kind === 'patch') {
      this.#operations.add(op.setSource, source);
      this.#operations.add(op.open, mode, xattrs, size);
      const at = this.#append(recipe.patch);
      this.#operations.add(op.patch, at, recipe.patch.length);
    } else {
      this.#operations.add(op.open, mode, xattrs, size);
      this.#copies(recipe.segments, source, recipe.read);
    }
    this.#operations.add(op.close);
  }

  /** The records of its objects, for the superblock. */
  objects(): Uint8Array {
    return renderObjects(this.#objects);
  }

  /** The part's payload in pieces, that it need not be in memory twice. */
  render(): Uint8Array[] {
    const modes = encodeVariant('a(uuu)', this.#modeValues);
    const xattrs = this.#renderXattrs();
    const operations = this.#operations.take();
    const modesEnd = modes.length;
    const xattrsEnd = modesEnd + xattrs.length;
    const blobEnd = xattrsEnd + this.#blobLength;
    const ends = [blobEnd, xattrsEnd, modesEnd];
    const width = Math.min(offsetWidth(blobEnd + operations.length, ends.length), 4);
    const offsets = Buffer.alloc(width * ends.length);
    for (const [i, end] of ends.entries()) offsets.writeUIntLE(end, i * width, width);
    return [modes, xattrs, ...this.#blob, operations, offsets];
  }

  #begin(object: DeltaObject, size: number): void {
    this.#objects.push(object);
    this.#uncompressedSize += size;
  }

  #append(bytes: Uint8Array): number {
    const at = this.#blobLength;
    this.#blob.push(bytes);
    this.#blobLength += bytes.length;
    return at;
  }

  #copies(
    segments: readonly Segment[],
    source: number,
    read: (offset: number, length: number) => Uint8Array,
  ): void {
    let fromSource = false;
    for (const { kind, offset, length } of segments) {
      if ((kind === 'copy') !== fromSource) {
        fromSource = !fromSource;
        if (fromSource) this.#operations.add(op.setSource, source);
        else this.#operations.add(op.unsetSource);
      }
      this.#operations.add(op.write, length, kind === 'copy' ? offset : this.#append(read(offset, length)));
    }
  }

  #attributes(attributes: Attributes): [number, number] {
    const { uid, gid, mode } = attributes;
    const modeIndex = indexIn(this.#modes, `${uid} ${gid} ${mode}`, () =>
      this.#modeValues.push([swap32(uid), swap32(gid), swap32(mode)]),
    );
    const encoded = encodeVariant('a(ayay)', xattrsValue(attributes.xattrs));
    const xattrIndex = indexIn(this.#xattrs, Buffer.from(encoded).toString('latin1'), () =>
      this.#xattrValues.push(encoded),
    );
    return [modeIndex, xattrIndex];
  }

  /** An array of arrays that are encoded already; their alignment is 1. */
  #renderXattrs(): Uint8Array {
    const body = concat(this.#xattrValues);
    const width = Math.min(offsetWidth(body.length, this.#xattrValues.length), 4);
    const offsets = Buffer.alloc(width * this.#xattrValues.length);
    let end = 0;
    this.#xattrValues.forEach((value, i) => {
      end += value.length;
      offsets.writeUIntLE(end, i * width, width);
    });
    return concat([body, offsets]);
  }
}

function indexIn(map: Map<string, number>, key: string, add: () => void): number {
  const known = map.get(key);
  if (known !== undefined) return known;
  const index = map.size;
  map.set(key, index);
  add();
  return index;
}
