import {
  type Checksum,
  InternalError,
  ParseError,
  type RefName,
  SystemError,
  sha256Hex,
} from '../base/index.ts';
import { unlinkIfExists, writeFile } from '../sys/index.ts';
import { writePlain } from './content-writer.ts';
import type { KnownAttributes } from './file-object.ts';
import { encodeDict, type VariantDict } from './gvariant.ts';
import type { Attributes } from './object-fields.ts';
import {
  type Commit,
  type Dirtree,
  encodeCommit,
  encodeDirmeta,
  encodeDirtree,
  maxMetadataSize,
  type ObjectType,
} from './objects.ts';
import { checkRefFree, deleteRef, refPath, writeRef } from './refs.ts';
import { type FileWriter, StagedFiles, type TransactionHost } from './staged-files.ts';
import { linkWithin, objectName, Staging } from './staging.ts';

/** Objects and refs that appear in the repository together: all of them durably, or none. */
export interface Transaction {
  writeDirtree(tree: Dirtree): Checksum;
  writeDirmeta(attributes: Attributes): Checksum;
  writeCommit(commit: Commit): Checksum;
  /** Stores a metadata object's bytes as they are, under `expected` where given (then their hash must agree). */
  writeMetadata(type: 'dirtree' | 'dirmeta' | 'commit', bytes: Uint8Array, expected?: Checksum): Checksum;
  /**
   * Takes an object of another repository of the same mode by hard link; false where the file system or its rules do
   * not allow it. The content is trusted.
   */
  linkObject(type: ObjectType, checksum: Checksum, path: string): boolean;
  /** Replaces the detached metadata of a commit. */
  writeDetachedMetadata(commit: Checksum, dict: VariantDict): void;
  writeFile(attributes: Attributes, content: Uint8Array): Checksum;
  writeSymlink(attributes: Attributes, target: string): Checksum;
  /** Stores the regular file at `path`, streaming; its own attributes are not looked at. */
  writeFileFrom(attributes: Attributes, path: string): Checksum;
  /**
   * As `writeFileFrom`, but in a bare repository the file itself becomes the object: it leaves its folder. For trees
   * of our own that are dropped afterwards; its extended attributes must be `attributes.xattrs` already.
   */
  consumeFile(attributes: Attributes, path: string): Checksum;
  /** A writer for `size` bytes of content. */
  openFileWriter(attributes: Attributes, size: number): FileWriter;
  /** Sets or, with undefined, deletes a ref once the objects are durable. */
  setRef(ref: RefName, commit: Checksum | undefined): void;
}

/** The one implementation of Transaction; `withTransaction` alone opens and ends it. */
export class OpenTransaction implements Transaction {
  readonly #host: TransactionHost;
  readonly #staging: Staging;
  readonly #files: StagedFiles;
  readonly #commits: Checksum[] = [];
  readonly #linked = new Set<Checksum>();
  #refs = new Map<RefName, Checksum | undefined>();
  #open = true;

  constructor(host: TransactionHost) {
    this.#host = host;
    this.#staging = new Staging(host.path);
    this.#files = new StagedFiles(host, this.#staging);
  }

  /** Where a staged object lies. */
  find(type: ObjectType, checksum: Checksum): string | undefined {
    return this.#staging.find(this.#name(type, checksum));
  }

  /** What is known of a staged file besides its inode; undefined for a hard link, whose inode shows everything. */
  attributesOf(checksum: Checksum): KnownAttributes | undefined {
    if (this.#linked.has(checksum)) return undefined;
    const attributes = this.#files.attributesOf(checksum);
    return attributes === undefined ? { xattrs: [] } : { attributes };
  }

  writeDirtree(tree: Dirtree): Checksum {
    return this.writeMetadata('dirtree', encodeDirtree(tree));
  }

  writeDirmeta(attributes: Attributes): Checksum {
    return this.writeMetadata('dirmeta', encodeDirmeta(attributes));
  }

  writeCommit(commit: Commit): Checksum {
    return this.writeMetadata('commit', encodeCommit(commit));
  }

  writeMetadata(type: 'dirtree' | 'dirmeta' | 'commit', bytes: Uint8Array, expected?: Checksum): Checksum {
    this.#assertOpen();
    if (bytes.byteLength > maxMetadataSize) {
      throw new ParseError(
        'OSTREE_OBJECT_CORRUPT',
        `a ${type} of ${bytes.byteLength} bytes is above the limit`,
      );
    }
    const checksum = sha256Hex(bytes);
    if (expected !== undefined && expected !== checksum) throw wrongChecksum(type, expected, checksum);
    if (type === 'commit') this.#commits.push(checksum);
    if (this.#host.hasObject(type, checksum)) return checksum;
    const name = this.#name(type, checksum);
    writePlain(this.#staging.pathFor(name), bytes);
    this.#staging.add(name);
    return checksum;
  }

  linkObject(type: ObjectType, checksum: Checksum, path: string): boolean {
    this.#assertOpen();
    if (this.#host.hasObject(type, checksum)) return true;
    const name = this.#name(type, checksum);
    if (!linkWithin(path, this.#staging.pathFor(name))) return false;
    if (type === 'commit') this.#commits.push(checksum);
    else if (type === 'file') this.#linked.add(checksum);
    this.#staging.add(name);
    return true;
  }

  writeDetachedMetadata(commit: Checksum, dict: VariantDict): void {
    this.#assertOpen();
    const name = this.#name('commitmeta', commit);
    writeFile(this.#staging.pathFor(name), dict.length === 0 ? new Uint8Array(0) : encodeDict(dict));
    this.#staging.add(name);
  }

  writeFile(attributes: Attributes, content: Uint8Array): Checksum {
    this.#assertOpen();
    return this.#files.writeFile(attributes, content);
  }

  writeSymlink(attributes: Attributes, target: string): Checksum {
    this.#assertOpen();
    return this.#files.writeSymlink(attributes, target);
  }

  writeFileFrom(attributes: Attributes, path: string): Checksum {
    this.#assertOpen();
    return this.#files.writeFileFrom(attributes, path);
  }

  consumeFile(attributes: Attributes, path: string): Checksum {
    this.#assertOpen();
    return this.#files.consumeFile(attributes, path);
  }

  openFileWriter(attributes: Attributes, size: number): FileWriter {
    this.#assertOpen();
    return this.#files.openFileWriter(attributes, size);
  }

  setRef(ref: RefName, commit: Checksum | undefined): void {
    this.#assertOpen();
    if (commit === undefined) refPath(this.#host.path, ref);
    else {
      checkRefFree(this.#host.path, ref);
      if (!this.#host.hasObject('commit', commit)) {
        throw new SystemError('OSTREE_OBJECT_MISSING', `cannot point '${ref}' at ${commit}: no such commit`);
      }
    }
    this.#refs.set(ref, commit);
  }

  /** The refs as they stand, for `restoreRefs` when a nested piece of work fails. */
  saveRefs(): ReadonlyMap<RefName, Checksum | undefined> {
    return new Map(this.#refs);
  }

  restoreRefs(saved: ReadonlyMap<RefName, Checksum | undefined>): void {
    this.#refs = new Map(saved);
  }

  /** Makes everything durable and visible: attributes, flush, renames, folders, then refs. */
  commit(): void {
    this.#assertOpen();
    this.#files.setAttributes();
    this.#staging.publish(this.#host.settings.fsync);
    for (const commit of this.#commits) {
      unlinkIfExists(`${this.#host.path}/objects/${this.#name('tombstone-commit', commit)}`);
    }
    for (const [ref, commit] of this.#refs) {
      if (commit === undefined) deleteRef(this.#host.path, ref);
      else writeRef(this.#host.path, ref, commit);
    }
  }

  /** Ends the transaction; what is not published is removed. */
  close(): void {
    this.#open = false;
    this.#files.abortWriters();
    this.#staging.remove();
  }

  #assertOpen(): void {
    if (!this.#open) throw new InternalError('a transaction is used after its end');
  }

  #name(type: ObjectType, checksum: Checksum): string {
    return objectName(type, checksum, this.#host.settings.mode);
  }
}

function wrongChecksum(type: ObjectType, expected: Checksum, actual: Checksum): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', `${type} ${expected} has the content of ${actual}`, {
    details: { type, expected, actual },
  });
}
