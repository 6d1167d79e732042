import { type Checksum, ParseError, SystemError } from '../base/index.ts';
import { lstatIfExists, readFile, readXattrs, xattrCapability } from '../sys/index.ts';
import { bareUserXattr, type FileObject, type KnownAttributes, readFileObject } from './file-object.ts';
import { decodeDict, type VariantDict } from './gvariant.ts';
import type { Attributes, Xattr } from './object-fields.ts';
import {
  type Commit,
  type Dirtree,
  decodeCommit,
  decodeDirmeta,
  decodeDirtree,
  maxMetadataSize,
  type ObjectType,
} from './objects.ts';
import type { RepoMode, RepoSettings } from './repo-config.ts';
import { objectName } from './staging.ts';

const maxKnownXattrs = 50_000;

/** What an open transaction lets its repository see. */
export interface StagedObjects {
  /** Where a staged object lies. */
  find(type: ObjectType, checksum: Checksum): string | undefined;
  /** Attributes of a staged file that its inode does not show yet; undefined where it shows them all. */
  attributesOf(checksum: Checksum): KnownAttributes | undefined;
}

/** The reading half of a repository: objects by type and checksum, those of the open transaction too. */
export class ObjectReader {
  readonly path: string;
  readonly settings: RepoSettings;
  protected staged: StagedObjects | undefined;
  readonly #parent: ObjectReader | undefined;
  readonly #xattrs = new Map<Checksum, readonly Xattr[]>();

  constructor(path: string, settings: RepoSettings, parent: ObjectReader | undefined) {
    this.path = path;
    this.settings = settings;
    this.#parent = parent;
  }

  get mode(): RepoMode {
    return this.settings.mode;
  }

  /** Where the object lies, in the open transaction, here or in the parent repository. */
  findObject(type: ObjectType, checksum: Checksum): string | undefined {
    const staged = this.staged?.find(type, checksum);
    if (staged !== undefined) return staged;
    const path = this.objectPath(type, checksum);
    if (lstatIfExists(path) !== undefined) return path;
    return this.#parent?.findObject(type, checksum);
  }

  /**
   * A file object's path that a hard link may be made of: in this repository, or in a parent of the same mode.
   * Undefined where it can only be read; OSTREE_OBJECT_MISSING where it is nowhere.
   */
  linkSource(checksum: Checksum): string | undefined {
    const path = this.staged?.find('file', checksum) ?? this.objectPath('file', checksum);
    if (lstatIfExists(path) !== undefined) return path;
    if (this.#parent === undefined) throw missing('file', checksum);
    const inherited = this.#parent.linkSource(checksum);
    return this.#parent.mode === this.mode ? inherited : undefined;
  }

  /** Where the object lies, or would. */
  objectPath(type: ObjectType, checksum: Checksum): string {
    return `${this.path}/objects/${objectName(type, checksum, this.mode)}`;
  }

  /** True when the object is here, in the open transaction or in the parent repository. */
  hasObject(type: ObjectType, checksum: Checksum): boolean {
    return this.findObject(type, checksum) !== undefined;
  }

  /** A metadata object's bytes; OSTREE_OBJECT_MISSING, or OSTREE_OBJECT_CORRUPT above libostree's size limit. */
  loadMetadata(type: 'dirtree' | 'dirmeta' | 'commit' | 'commitmeta', checksum: Checksum): Uint8Array {
    const path = this.findObject(type, checksum);
    if (path === undefined) throw missing(type, checksum);
    const size = lstatIfExists(path)?.size ?? 0;
    if (size > maxMetadataSize) throw corrupt(type, checksum, `its ${size} bytes are above the limit`);
    return readFile(path);
  }

  loadCommitBytes(checksum: Checksum): Uint8Array {
    return this.loadMetadata('commit', checksum);
  }

  loadCommit(checksum: Checksum): Commit {
    return named('commit', checksum, () => decodeCommit(this.loadCommitBytes(checksum)));
  }

  loadDirtree(checksum: Checksum): Dirtree {
    return named('dirtree', checksum, () => decodeDirtree(this.loadMetadata('dirtree', checksum)));
  }

  loadDirmeta(checksum: Checksum): Attributes {
    return named('dirmeta', checksum, () => decodeDirmeta(this.loadMetadata('dirmeta', checksum)));
  }

  /** The file or symlink; its content is read only on demand. */
  loadFile(checksum: Checksum): FileObject {
    const staged = this.staged?.find('file', checksum);
    if (staged !== undefined) {
      const known = this.staged?.attributesOf(checksum) ?? {};
      return named('file', checksum, () => readFileObject(this.mode, checksum, staged, known));
    }
    const path = this.objectPath('file', checksum);
    if (lstatIfExists(path) === undefined) {
      if (this.#parent === undefined) throw missing('file', checksum);
      return this.#parent.loadFile(checksum);
    }
    const known = { xattrs: this.#xattrs.get(checksum) };
    return named('file', checksum, () => readFileObject(this.mode, checksum, path, known));
  }

  /** Reads the extended attributes of many files at once, for `loadFile`; later calls may forget them again. */
  prefetchFiles(checksums: readonly Checksum[], xattrs = true): void {
    if (this.mode === 'archive' || this.mode === 'bare-user-only') return;
    if (this.mode === 'bare' && !(xattrs && xattrCapability().read)) return;
    if (this.#xattrs.size + checksums.length > maxKnownXattrs) this.#xattrs.clear();
    const paths = new Map<string, Checksum>();
    for (const checksum of checksums) {
      if (this.#xattrs.has(checksum) || this.staged?.find('file', checksum) !== undefined) continue;
      const path = this.objectPath('file', checksum);
      if (lstatIfExists(path) !== undefined) paths.set(path, checksum);
    }
    if (paths.size === 0) return;
    const found = readXattrs(paths.keys(), this.mode === 'bare-user' ? bareUserXattr : undefined);
    for (const [path, checksum] of paths) this.#xattrs.set(checksum, found.get(path) ?? []);
  }

  /** True when `loadFile` of the file starts no process for its attributes. */
  knowsFile(checksum: Checksum): boolean {
    return (
      this.mode === 'archive' ||
      this.mode === 'bare-user-only' ||
      this.#xattrs.has(checksum) ||
      this.staged?.find('file', checksum) !== undefined
    );
  }

  /** The commit's detached metadata; empty where there is none. */
  loadDetachedMetadata(checksum: Checksum): VariantDict {
    const path = this.findObject('commitmeta', checksum);
    if (path === undefined) return [];
    const bytes = this.loadMetadata('commitmeta', checksum);
    return bytes.byteLength === 0 ? [] : named('commitmeta', checksum, () => decodeDict(bytes));
  }
}

function missing(type: ObjectType, checksum: Checksum): SystemError {
  return new SystemError('OSTREE_OBJECT_MISSING', `the ${type} object ${checksum} is not in the repository`, {
    hint: "run 'opkg-ostree repo fsck'",
    details: { type, checksum },
  });
}

function corrupt(type: ObjectType, checksum: Checksum, what: string, cause?: unknown): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', `the ${type} object ${checksum} is corrupt: ${what}`, {
    hint: "run 'opkg-ostree repo fsck'",
    details: { type, checksum },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Runs a decoder; its parse errors come out naming the object. */
function named<T>(type: ObjectType, checksum: Checksum, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ParseError && error.details['checksum'] === undefined) {
      throw corrupt(type, checksum, error.message, error);
    }
    throw error;
  }
}
