/**
 * A repository:
 *   config  objects/XX/REST.EXT  refs/{heads,remotes,mirrors}/  state/<commit>.commitpartial  tmp/  .lock
 */
import {
  type Checksum,
  ConfigError,
  InternalError,
  isChecksum,
  OpkgOstreeError,
  ParseError,
  RefusedError,
  SystemError,
} from '../base/index.ts';
import {
  exists,
  fsyncDirectory,
  type HeldLock,
  lstatIfExists,
  mkdirp,
  readdirIfExists,
  readFile,
  readTextIfExists,
  readXattrs,
  realpath,
  removeTree,
  waitForLock,
  writeFileDurable,
  xattrCapability,
} from '../sys/index.ts';
import { bareUserXattr, type FileObject, readFileObject } from './file-object.ts';
import { decodeDict, type VariantDict } from './gvariant.ts';
import { type KeyFile, parseKeyFile } from './keyfile.ts';
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
import { listRefs, readRef } from './refs.ts';
import { modeText, type RepoMode, type RepoSettings, readSettings } from './repo-config.ts';
import { findStagingDirectories, objectName } from './staging.ts';
import { OpenTransaction, type Transaction } from './transaction.ts';

const folders = ['objects', 'tmp/cache', 'extensions', 'state', 'refs/heads', 'refs/mirrors', 'refs/remotes'];
const minPrefixLength = 4;
const maxKnownXattrs = 50_000;

export interface InitOptions {
  readonly mode: RepoMode;
  /** Adds to the config before it is written. */
  configure?(config: KeyFile): void;
}

/** An OSTree repository on disk. Reading takes no lock; `withTransaction` holds the shared one. */
export class Repository {
  readonly path: string;
  readonly config: KeyFile;
  readonly settings: RepoSettings;
  readonly #parent: Repository | undefined;
  readonly #xattrs = new Map<Checksum, readonly Xattr[]>();
  #transaction: OpenTransaction | undefined;

  private constructor(path: string, config: KeyFile, depth: number) {
    this.path = path;
    this.config = config;
    this.settings = readSettings(config);
    const { parent } = this.settings;
    if (parent !== undefined) {
      if (depth > 0)
        throw new ConfigError('OSTREE_REPO_INVALID', `${path}: the parent repository has a parent`);
      this.#parent = openAt(parent.startsWith('/') ? parent : `${path}/${parent}`, depth + 1, construct);
    }
  }

  /** A new, empty repository; RefusedError OSTREE_REPO_EXISTS where one is already. */
  static init(path: string, options: InitOptions): Repository {
    if (exists(`${path}/config`)) {
      throw new RefusedError('OSTREE_REPO_EXISTS', `${path} is a repository already`);
    }
    const config = parseKeyFile(`[core]\nrepo_version=1\nmode=${modeText(options.mode)}\n`);
    options.configure?.(config);
    readSettings(config);
    for (const folder of folders) mkdirp(`${path}/${folder}`);
    fsyncDirectory(path);
    // The config makes it a repository, so it comes last.
    writeFileDurable(`${path}/config`, config.render());
    return Repository.open(path);
  }

  /** The repository at the path; ConfigError OSTREE_REPO_INVALID where there is none. */
  static open(path: string): Repository {
    return openAt(path, 0, construct);
  }

  /** @internal */
  static construct(path: string, config: KeyFile, depth: number): Repository {
    return new Repository(path, config, depth);
  }

  get mode(): RepoMode {
    return this.settings.mode;
  }

  /** Writes `config` back, durably. Settings read at opening stay as they are. */
  writeConfig(): void {
    readSettings(this.config);
    writeFileDurable(`${this.path}/config`, this.config.render());
  }

  /** Where the object lies, in the open transaction, here or in the parent repository. */
  findObject(type: ObjectType, checksum: Checksum): string | undefined {
    const staged = this.#transaction?.find(type, checksum);
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
    const path = this.#transaction?.find('file', checksum) ?? this.objectPath('file', checksum);
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
    const staged = this.#transaction?.find('file', checksum);
    if (staged !== undefined) {
      const attributes = this.#transaction?.attributesOf(checksum);
      const known = attributes === undefined ? { xattrs: [] } : { attributes };
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
      if (this.#xattrs.has(checksum) || this.#transaction?.find('file', checksum) !== undefined) continue;
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
      this.#transaction?.find('file', checksum) !== undefined
    );
  }

  /** The commit's detached metadata; empty where there is none. */
  loadDetachedMetadata(checksum: Checksum): VariantDict {
    const path = this.findObject('commitmeta', checksum);
    if (path === undefined) return [];
    const bytes = this.loadMetadata('commitmeta', checksum);
    return bytes.byteLength === 0 ? [] : named('commitmeta', checksum, () => decodeDict(bytes));
  }

  /** True when a marker says that objects of the commit may be missing. */
  isPartial(commit: Checksum): boolean {
    return exists(`${this.path}/state/${commit}.commitpartial`);
  }

  /** All refs, or those below a prefix; remote ones as `remote:name`. */
  listRefs(prefix?: string): Map<string, Checksum> {
    return listRefs(this.path, prefix);
  }

  readRef(ref: string): Checksum | undefined {
    return readRef(this.path, ref);
  }

  /** Checksums of the commits here whose hex begins with `prefix` (all of them for ''). */
  listCommits(prefix = ''): Checksum[] {
    const found: Checksum[] = [];
    for (const folder of readdirIfExists(`${this.path}/objects`)) {
      if (!folder.startsWith(prefix.slice(0, 2))) continue;
      for (const name of readdirIfExists(`${this.path}/objects/${folder}`)) {
        const checksum = folder + name.slice(0, -'.commit'.length);
        if (name.endsWith('.commit') && checksum.startsWith(prefix) && isChecksum(checksum))
          found.push(checksum);
      }
    }
    return found.sort();
  }

  /**
   * The commit that a revision names: a ref, `remote:ref`, a checksum or its unique beginning (4 digits at least),
   * with a `^` for each step to the parent. RefusedError OSTREE_REF_NOT_FOUND, OSTREE_REV_AMBIGUOUS.
   */
  resolveRev(rev: string): Checksum {
    const base = rev.replace(/\^+$/u, '');
    let commit = this.#resolveBase(base);
    for (let step = base.length; step < rev.length; step++) {
      const { parent } = this.loadCommit(commit);
      if (parent === undefined) {
        throw new RefusedError('OSTREE_REF_NOT_FOUND', `the commit ${commit} has no parent`, {
          details: { rev },
        });
      }
      commit = parent;
    }
    return commit;
  }

  /**
   * Runs `body` with a transaction and publishes at its end what it wrote; when it throws, nothing of it stays. Within
   * another `withTransaction` of the same object it joins that one.
   */
  async withTransaction<T>(
    body: (txn: Transaction) => Promise<T> | T,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const outer = this.#transaction;
    if (outer !== undefined) return joined(outer, body);
    const lock = await this.#lockForWriting(options.signal);
    try {
      if (this.#transaction !== undefined)
        throw new InternalError('two transactions of one repository at once');
      const txn = new OpenTransaction(this);
      this.#transaction = txn;
      try {
        const result = await body(txn);
        txn.commit();
        return result;
      } finally {
        this.#transaction = undefined;
        txn.close();
      }
    } finally {
      lock?.release();
    }
  }

  /** Takes the repository's lock as libostree does: exclusive to delete objects, shared for everything else. */
  async lock(
    exclusive: boolean,
    signal?: AbortSignal,
    wait = this.settings.lockWait,
  ): Promise<HeldLock | undefined> {
    if (!this.settings.locking) return undefined;
    if (this.#transaction !== undefined)
      throw new InternalError('the lock is asked for within a transaction');
    return waitForLock(`${this.path}/.lock`, { exclusive, kind: 'ofd', wait }, signal);
  }

  /** Removes what killed processes left; the caller holds the lock exclusively. */
  sweepStaging(): void {
    for (const path of findStagingDirectories(this.path)) removeTree(path);
  }

  async #lockForWriting(signal: AbortSignal | undefined): Promise<HeldLock | undefined> {
    if (this.settings.locking && findStagingDirectories(this.path).length > 0) {
      const lock = await this.lock(true, signal, 0).catch((error: unknown) => {
        // Somebody works here: what lies there may be theirs.
        if (error instanceof OpkgOstreeError && error.code === 'LOCK_HELD') return undefined;
        throw error;
      });
      if (lock !== undefined) this.sweepStaging();
      lock?.release();
    }
    return this.lock(false, signal);
  }

  #resolveBase(rev: string): Checksum {
    if (isChecksum(rev)) return rev;
    if (rev === '' || /[^\w\-./:]/u.test(rev)) {
      throw new ParseError('OSTREE_REF_INVALID', `not a revision: '${rev.slice(0, 200)}'`);
    }
    const hex = rev.length >= minPrefixLength && /^[0-9a-f]+$/u.test(rev);
    const ref = this.readRef(rev);
    if (ref !== undefined) return ref;
    const [only, ...others] = hex ? this.listCommits(rev) : [];
    if (others.length > 0) {
      throw new RefusedError('OSTREE_REV_AMBIGUOUS', `'${rev}' is the beginning of several commits`, {
        hint: 'give more digits',
      });
    }
    if (only !== undefined) return only;
    throw new RefusedError('OSTREE_REF_NOT_FOUND', `there is no ref or commit '${rev}'`, {
      hint: "list them with 'opkg-ostree repo refs'",
      details: { rev },
    });
  }
}

const construct = Repository.construct;

function openAt<T>(
  path: string,
  depth: number,
  make: (path: string, config: KeyFile, depth: number) => T,
): T {
  const text = readTextIfExists(`${path}/config`);
  if (text === undefined || lstatIfExists(`${path}/objects`) === undefined) {
    throw new ConfigError('OSTREE_REPO_INVALID', `${path} is not an OSTree repository`, {
      hint: 'check the path, or make one with init',
    });
  }
  return make(realpath(path), parseKeyFile(text), depth);
}

async function joined<T>(outer: OpenTransaction, body: (txn: Transaction) => Promise<T> | T): Promise<T> {
  const refs = outer.saveRefs();
  try {
    return await body(outer);
  } catch (error) {
    outer.restoreRefs(refs);
    throw error;
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
