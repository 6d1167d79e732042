import {
  type Checksum,
  hexOf,
  InternalError,
  ParseError,
  RefusedError,
  type Sha256,
  SystemError,
  sha256,
  sha256Hex,
} from '../base/index.ts';
import {
  chmod,
  close,
  effectiveUser,
  fstat,
  openForRead,
  read,
  rename,
  setXattrs,
  unlinkIfExists,
  type XattrEntry,
} from '../sys/index.ts';
import { ContentWriter, inodePermissions, setInode, writeSymlinkObject } from './content-writer.ts';
import { encodeBareUserMeta, encodeFileHeader } from './file-header.ts';
import { bareUserXattr } from './file-object.ts';
import { type Attributes, fileTypeMask, isSymlink, typeRegular, typeSymlink } from './object-fields.ts';
import type { ObjectType } from './objects.ts';
import type { RepoSettings } from './repo-config.ts';
import { SpaceBudget } from './space.ts';
import { moveWithin, objectName, type Staging } from './staging.ts';

/** Content that comes in pieces: hashed, compressed and written in one pass. */
export interface FileWriter {
  /** Appends content; the buffer may be reused afterwards. */
  write(chunk: Uint8Array): void;
  /** The object's checksum; SystemError when fewer or more bytes came than were announced. */
  finish(): Checksum;
  /** Drops what was written. */
  abort(): void;
}

/** What a transaction needs of its repository. */
export interface TransactionHost {
  readonly path: string;
  readonly settings: RepoSettings;
  hasObject(type: ObjectType, checksum: Checksum): boolean;
}

const bufferSize = 1 << 20;

/** The file objects of one transaction: hashed before they are written, so that a known object costs no write. */
export class StagedFiles {
  readonly #host: TransactionHost;
  readonly #staging: Staging;
  readonly #budget: SpaceBudget;
  readonly #attributes = new Map<Checksum, Attributes>();
  readonly #xattrs: XattrEntry[] = [];
  readonly #readOnly: { readonly path: string; readonly mode: number }[] = [];
  readonly #writers = new Set<ContentWriter>();
  #buffer: Buffer | undefined;

  constructor(host: TransactionHost, staging: Staging) {
    this.#host = host;
    this.#staging = staging;
    this.#budget = new SpaceBudget(host.path, host.settings.minFree);
  }

  /** Attributes of a staged file that its inode does not show yet. */
  attributesOf(checksum: Checksum): Attributes | undefined {
    return this.#attributes.get(checksum);
  }

  /** Closes writers that their owners forgot when they threw. */
  abortWriters(): void {
    for (const writer of this.#writers) writer.abort();
    this.#writers.clear();
  }

  /** Sets the extended attributes of all staged files, by as few processes as can be. */
  setAttributes(): void {
    // Only root may set attributes of a file that its owner may not write.
    for (const { path, mode } of this.#readOnly) chmod(path, mode | 0o200);
    setXattrs(this.#xattrs);
    for (const { path, mode } of this.#readOnly) chmod(path, mode);
    this.#xattrs.length = 0;
    this.#readOnly.length = 0;
  }

  writeFile(attributes: Attributes, content: Uint8Array): Checksum {
    const header = this.#headerOf(attributes);
    const checksum = sha256Hex(header, content);
    if (this.#host.hasObject('file', checksum)) return checksum;
    this.#budget.charge(content.byteLength);
    const name = this.#name(checksum);
    const writer = this.#contentWriter(this.#staging.pathFor(name), attributes, content.byteLength);
    writer.write(content);
    writer.finish();
    return this.#added(name, checksum, attributes);
  }

  writeSymlink(attributes: Attributes, target: string): Checksum {
    this.#assertAttributes(attributes, typeSymlink);
    if (target === '') throw new ParseError('OSTREE_NAME_INVALID', 'a symlink needs a target');
    const checksum = sha256Hex(encodeFileHeader(attributes, target));
    if (this.#host.hasObject('file', checksum)) return checksum;
    this.#budget.charge(1);
    const name = this.#name(checksum);
    const { mode, zlibLevel } = this.#host.settings;
    writeSymlinkObject({ mode, zlibLevel, path: this.#staging.pathFor(name) }, attributes, target);
    return this.#added(name, checksum, attributes);
  }

  writeFileFrom(attributes: Attributes, path: string): Checksum {
    const fd = openForRead(path);
    try {
      const stats = fstat(fd);
      if (!stats.isFile()) throw new SystemError('SYSTEM', `${path} is not a regular file`);
      if (stats.size <= bufferSize) return this.writeFile(attributes, this.#readSmall(fd, path, stats.size));
      const checksum = this.#hashFile(attributes, fd);
      if (this.#host.hasObject('file', checksum)) return checksum;
      const writer = this.openFileWriter(attributes, stats.size);
      try {
        for (const chunk of this.#chunks(fd)) writer.write(chunk);
      } catch (error) {
        writer.abort();
        throw error;
      }
      if (writer.finish() !== checksum) throw changed(path);
      return checksum;
    } finally {
      close(fd);
    }
  }

  /** As `writeFileFrom`; in a bare repository the file itself becomes the object. */
  consumeFile(attributes: Attributes, path: string): Checksum {
    if (this.#host.settings.mode !== 'bare') return this.writeFileFrom(attributes, path);
    const fd = openForRead(path);
    try {
      const stats = fstat(fd);
      // Another name of the inode could still change the object.
      if (!stats.isFile() || stats.nlink !== 1) return this.writeFileFrom(attributes, path);
      const checksum = this.#hashFile(attributes, fd);
      if (this.#host.hasObject('file', checksum)) return checksum;
      this.#budget.charge(0);
      const name = this.#name(checksum);
      const staged = this.#staging.pathFor(name);
      if (!moveWithin(path, staged)) return this.writeFileFrom(attributes, path);
      setInode(fd, 'bare', attributes);
      return this.#added(name, checksum, attributes);
    } finally {
      close(fd);
    }
  }

  openFileWriter(attributes: Attributes, size: number): FileWriter {
    const header = this.#headerOf(attributes);
    if (size <= bufferSize) return this.#bufferedWriter(attributes, size);
    this.#budget.charge(size);
    const path = this.#staging.partialPath();
    return this.#streamingWriter(attributes, size, path, sha256().update(header));
  }

  #name(checksum: Checksum): string {
    return objectName('file', checksum, this.#host.settings.mode);
  }

  #assertAttributes(a: Attributes, type: number): void {
    if ((a.mode & fileTypeMask) !== type) {
      throw new InternalError(`a file object cannot have the mode 0${a.mode.toString(8)} here`);
    }
    if (this.#host.settings.mode !== 'bare-user-only') return;
    const special = !isSymlink(a) && (a.mode & ~(fileTypeMask | 0o775)) !== 0;
    if (a.uid !== 0 || a.gid !== 0 || a.xattrs.length > 0 || special) {
      throw new RefusedError(
        'OSTREE_MODE_UNSUPPORTED',
        'a bare-user-only repository cannot keep these attributes',
        {
          hint: 'commit with canonical permissions, or use mode bare-user',
          details: { uid: a.uid, gid: a.gid, mode: a.mode },
        },
      );
    }
  }

  #headerOf(attributes: Attributes): Uint8Array {
    this.#assertAttributes(attributes, typeRegular);
    return encodeFileHeader(attributes);
  }

  #contentWriter(path: string, attributes: Attributes, size: number): ContentWriter {
    const { mode, zlibLevel } = this.#host.settings;
    return new ContentWriter({ mode, zlibLevel, path }, attributes, size);
  }

  #added(name: string, checksum: Checksum, attributes: Attributes): Checksum {
    this.#staging.add(name);
    const { mode } = this.#host.settings;
    const path = this.#staging.pathFor(name);
    const isMeta = mode === 'bare-user';
    if (!isMeta && (mode !== 'bare' || attributes.xattrs.length === 0)) return checksum;
    this.#attributes.set(checksum, attributes);
    if (isMeta) this.#xattrs.push({ path, name: bareUserXattr, value: encodeBareUserMeta(attributes) });
    else for (const xattr of attributes.xattrs) this.#xattrs.push({ path, ...xattr });
    const permissions = inodePermissions(mode, attributes);
    if (!isSymlink(attributes) && (permissions & 0o200) === 0 && effectiveUser() !== 0) {
      this.#readOnly.push({ path, mode: permissions });
    }
    return checksum;
  }

  #readSmall(fd: number, path: string, size: number): Uint8Array {
    this.#buffer ??= Buffer.allocUnsafe(bufferSize);
    let done = 0;
    while (done < size) {
      const got = read(fd, this.#buffer, done, size - done, done);
      if (got === 0) throw changed(path);
      done += got;
    }
    return this.#buffer.subarray(0, size);
  }

  *#chunks(fd: number): Generator<Uint8Array> {
    this.#buffer ??= Buffer.allocUnsafe(bufferSize);
    for (let at = 0; ; ) {
      const got = read(fd, this.#buffer, 0, bufferSize, at);
      if (got === 0) return;
      at += got;
      yield this.#buffer.subarray(0, got);
    }
  }

  #hashFile(attributes: Attributes, fd: number): Checksum {
    const hash = sha256().update(this.#headerOf(attributes));
    for (const chunk of this.#chunks(fd)) hash.update(chunk);
    return hexOf(hash.digest());
  }

  /** Small content is hashed before anything is written, so that an object that exists costs no write. */
  #bufferedWriter(attributes: Attributes, size: number): FileWriter {
    const content = Buffer.allocUnsafe(size);
    let done = 0;
    return {
      write(chunk) {
        if (done + chunk.byteLength > size) throw wrongSize(size);
        content.set(chunk, done);
        done += chunk.byteLength;
      },
      finish: () => {
        if (done !== size) throw wrongSize(size);
        return this.writeFile(attributes, content);
      },
      abort: () => undefined,
    };
  }

  #streamingWriter(attributes: Attributes, size: number, path: string, hash: Sha256): FileWriter {
    const writer = this.#contentWriter(path, attributes, size);
    this.#writers.add(writer);
    let done = 0;
    return {
      write(chunk) {
        done += chunk.byteLength;
        if (done > size) throw wrongSize(size);
        hash.update(chunk);
        writer.write(chunk);
      },
      finish: () => {
        if (done !== size) {
          writer.abort();
          throw wrongSize(size);
        }
        writer.finish();
        this.#writers.delete(writer);
        const checksum = hexOf(hash.digest());
        if (this.#host.hasObject('file', checksum)) {
          unlinkIfExists(path);
          return checksum;
        }
        const name = this.#name(checksum);
        rename(path, this.#staging.pathFor(name));
        return this.#added(name, checksum, attributes);
      },
      abort: () => {
        writer.abort();
        this.#writers.delete(writer);
      },
    };
  }
}

function changed(path: string): SystemError {
  return new SystemError('SYSTEM', `${path} changed while it was read`, { hint: 'run the command again' });
}

function wrongSize(size: number): SystemError {
  return new SystemError('SYSTEM', `a file of ${size} bytes was announced and another length came`);
}
