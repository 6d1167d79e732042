import { type Checksum, hexOf, strictTextOf } from '../../base/index.ts';
import { type Attributes, fileTypeMask, isSymlink, typeRegular, typeSymlink } from '../object-fields.ts';
import type { Repository } from '../repository.ts';
import type { FileWriter } from '../staged-files.ts';
import type { Transaction } from '../transaction.ts';
import { applyPatch } from './bspatch.ts';
import { invalidDelta } from './errors.ts';
import { OperationReader, op } from './operations.ts';
import type { DeltaPart } from './part.ts';
import { openSource, type ReadSource, sourcePiece } from './read-source.ts';
import { type DeltaObject, type DeltaPartHeader, objectsOf } from './superblock.ts';

const checksumLength = 32;

/** Where a part's objects go. */
export interface ExecutionTarget {
  readonly repo: Repository;
  readonly txn: Transaction;
  /** The commit of the delta: the only one that a part may bring. */
  readonly to: Checksum;
  /** Bytes of an archive's object that may be held in memory to copy from. */
  readonly maxSource: number;
}

interface OpenFile {
  readonly object: DeltaObject;
  readonly size: number;
  /** Absent where the object is here already: then nothing is written. */
  readonly writer: FileWriter | undefined;
  written: number;
}

/** Runs a part's operations. Nothing is stored under a name that its content does not have. */
export class PartExecutor {
  readonly #target: ExecutionTarget;
  readonly #part: DeltaPart;
  readonly #operations: OperationReader;
  readonly #objects: Iterator<DeltaObject>;
  #file: OpenFile | undefined;
  #source: ReadSource | undefined;
  /** The last source, kept open: parts switch between blob and source all the time. */
  #lastSource: ReadSource | undefined;

  constructor(target: ExecutionTarget, header: DeltaPartHeader, part: DeltaPart) {
    this.#target = target;
    this.#part = part;
    this.#operations = new OperationReader(part.operations);
    this.#objects = objectsOf(header);
  }

  /** Runs one operation; false at the end. ParseError DELTA_INVALID. */
  step(): boolean {
    if (this.#operations.done) {
      if (this.#file !== undefined) throw invalidDelta('a part ends within a file');
      if (this.#objects.next().done !== true) throw invalidDelta('a part makes fewer objects than it lists');
      return false;
    }
    const opcode = this.#operations.opcode();
    switch (opcode) {
      case op.splice:
        this.#splice();
        break;
      case op.open:
        this.#open();
        break;
      case op.write:
        this.#write();
        break;
      case op.setSource:
        this.#setSource();
        break;
      case op.unsetSource:
        this.#source = undefined;
        break;
      case op.close:
        this.#closeFile();
        break;
      case op.patch:
        this.#patch();
        break;
      default:
        throw invalidDelta(`the unknown operation ${opcode} at ${this.#operations.position - 1}`);
    }
    return true;
  }

  /** Drops what is open; call it however the part ended. */
  close(): void {
    this.#file?.writer?.abort();
    this.#file = undefined;
    this.#lastSource?.close();
    this.#lastSource = undefined;
  }

  #nextObject(): DeltaObject {
    if (this.#file !== undefined) throw invalidDelta('an object begins within another');
    const next = this.#objects.next();
    if (next.done === true) throw invalidDelta('a part makes more objects than it lists');
    return next.value;
  }

  #splice(): void {
    const object = this.#nextObject();
    if (object.type === 'file') {
      const attributes = this.#attributes();
      const content = this.#blob(this.#operations.number());
      this.#checkMade(object, this.#storeFile(attributes, content));
    } else {
      const content = this.#blob(this.#operations.number());
      this.#storeMetadata(object, content);
    }
    this.#source = undefined;
  }

  #storeFile(attributes: Attributes, content: Uint8Array): Checksum {
    const { txn } = this.#target;
    if (!isSymlink(attributes)) return txn.writeFile(attributes, content);
    const target = strictTextOf(content);
    if (target === undefined || target === '' || target.includes('\0'))
      throw invalidDelta('a symlink with an impossible target');
    return txn.writeSymlink(attributes, target);
  }

  #storeMetadata(object: DeltaObject, content: Uint8Array): void {
    const { type, checksum } = object;
    if (type !== 'dirtree' && type !== 'dirmeta' && !(type === 'commit' && checksum === this.#target.to))
      throw invalidDelta(`it must not bring a ${type} object`);
    // A view of the part's memory would keep all of it alive.
    this.#target.txn.writeMetadata(type, Uint8Array.from(content), checksum);
  }

  #open(): void {
    const object = this.#nextObject();
    if (object.type !== 'file') throw invalidDelta(`it opens a ${object.type} object for writing`);
    const attributes = this.#attributes();
    if (isSymlink(attributes)) throw invalidDelta('it opens a symlink for writing');
    const size = this.#operations.number();
    const { repo, txn } = this.#target;
    const writer = repo.hasObject('file', object.checksum) ? undefined : txn.openFileWriter(attributes, size);
    this.#file = { object, size, writer, written: 0 };
  }

  #write(): void {
    const length = this.#operations.number();
    const source = this.#source;
    if (source === undefined) {
      this.#append(this.#blob(length));
      return;
    }
    const offset = this.#operations.number();
    if (offset > source.size || length > source.size - offset)
      throw invalidDelta(`it copies from beyond the object ${source.checksum}`);
    const file = this.#openFile(length);
    if (file.writer === undefined) file.written += length;
    else
      for (let done = 0; done < length; done += sourcePiece)
        this.#append(source.read(offset + done, Math.min(sourcePiece, length - done)));
  }

  #patch(): void {
    const offset = this.#operations.number();
    const patch = this.#slice(offset, this.#operations.number());
    if (this.#source === undefined) throw invalidDelta('a patch without a file to apply it to');
    const file = this.#openFile(0);
    const size = file.size - file.written;
    if (file.writer === undefined) file.written += size;
    else applyPatch(this.#source, patch, size, (piece) => this.#append(piece));
  }

  #setSource(): void {
    const bytes = this.#slice(this.#operations.number(), checksumLength);
    const checksum = hexOf(bytes);
    if (this.#lastSource?.checksum !== checksum) {
      this.#lastSource?.close();
      this.#lastSource = undefined;
      this.#lastSource = openSource(this.#target.repo, checksum, this.#target.maxSource);
    }
    this.#source = this.#lastSource;
  }

  #closeFile(): void {
    const file = this.#openFile(0);
    if (file.written !== file.size) throw invalidDelta('a file has not the length that was announced');
    this.#file = undefined;
    this.#source = undefined;
    if (file.writer !== undefined) this.#checkMade(file.object, file.writer.finish());
  }

  #checkMade(object: DeltaObject, made: Checksum): void {
    if (made !== object.checksum)
      throw invalidDelta(`what should be the file ${object.checksum} has the content of ${made}`);
  }

  /** The open file, with room for `length` more bytes. */
  #openFile(length: number): OpenFile {
    const file = this.#file;
    if (file === undefined) throw invalidDelta('it writes while no file is open');
    if (length > file.size - file.written) throw invalidDelta('a file is longer than was announced');
    return file;
  }

  #append(bytes: Uint8Array): void {
    const file = this.#openFile(bytes.length);
    file.writer?.write(bytes);
    file.written += bytes.length;
  }

  /** `length` bytes of the blob at the offset that comes next. */
  #blob(length: number): Uint8Array {
    return this.#slice(this.#operations.number(), length);
  }

  #slice(offset: number, length: number): Uint8Array {
    const { blob } = this.#part;
    if (offset > blob.length || length > blob.length - offset)
      throw invalidDelta(`it reads from beyond its blob (${offset}/${length})`);
    return blob.subarray(offset, offset + length);
  }

  #attributes(): Attributes {
    const mode = this.#part.modes[this.#operations.number()];
    const xattrs = this.#part.xattrs[this.#operations.number()];
    if (mode === undefined || xattrs === undefined) throw invalidDelta('a mode or attributes are not listed');
    const type = mode.mode & fileTypeMask;
    if ((type !== typeRegular && type !== typeSymlink) || (mode.mode & ~(fileTypeMask | 0o7777)) !== 0)
      throw invalidDelta(`a file with the impossible mode 0${mode.mode.toString(8)}`);
    return { ...mode, xattrs };
  }
}
