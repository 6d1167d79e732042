/**
 * A repository:
 *   config  objects/XX/REST.EXT  refs/{heads,remotes,mirrors}/  state/<commit>.commitpartial  tmp/  .lock
 */
import { type Checksum, ConfigError, InternalError, isOpkgOstreeError, RefusedError } from '../base/index.ts';
import {
  errnoOf,
  exists,
  fsyncDirectory,
  type HeldLock,
  lstatIfExists,
  mkdirp,
  readTextIfExists,
  realpath,
  removeTree,
  waitForLock,
  writeFileDurable,
} from '../sys/index.ts';
import { type KeyFile, parseKeyFile } from './keyfile.ts';
import { ObjectReader } from './object-reader.ts';
import { listRefs, readRef } from './refs.ts';
import { modeText, type RepoMode, readSettings } from './repo-config.ts';
import { listCommits, resolveRevision } from './revisions.ts';
import { findStagingDirectories } from './staging.ts';
import { OpenTransaction, type Transaction } from './transaction.ts';

const folders = ['objects', 'tmp/cache', 'extensions', 'state', 'refs/heads', 'refs/mirrors', 'refs/remotes'];

export interface InitOptions {
  readonly mode: RepoMode;
  /** Adds to the config before it is written. */
  configure?(config: KeyFile): void;
}

/** An OSTree repository on disk. Reading takes no lock; `withTransaction` holds the shared one. */
export class Repository extends ObjectReader {
  readonly config: KeyFile;
  #transaction: OpenTransaction | undefined;

  private constructor(path: string, config: KeyFile, parent: Repository | undefined) {
    super(path, readSettings(config), parent);
    this.config = config;
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
    return Repository.#open(path, true);
  }

  static #open(path: string, mayHaveParent: boolean): Repository {
    const text = readTextIfExists(`${path}/config`);
    if (text === undefined || lstatIfExists(`${path}/objects`) === undefined) {
      throw new ConfigError('OSTREE_REPO_INVALID', `${path} is not an OSTree repository`, {
        hint: 'check the path, or make one with init',
      });
    }
    const config = parseKeyFile(text);
    const { parent } = readSettings(config);
    if (parent === undefined) return new Repository(realpath(path), config, undefined);
    // One step only: chains could be circles.
    if (!mayHaveParent)
      throw new ConfigError('OSTREE_REPO_INVALID', `${path}: a parent repository has a parent`);
    const parentPath = parent.startsWith('/') ? parent : `${path}/${parent}`;
    return new Repository(realpath(path), config, Repository.#open(parentPath, false));
  }

  /** Writes `config` back, durably. Settings read at opening stay as they are. */
  writeConfig(): void {
    readSettings(this.config);
    writeFileDurable(`${this.path}/config`, this.config.render());
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

  /** Checksums of the commits stored here whose hex begins with `prefix` (all of them for ''). */
  listCommits(prefix = ''): Checksum[] {
    return listCommits(this.path, prefix);
  }

  /**
   * The commit that a revision names: a ref, `remote:ref`, a checksum or its unique beginning (4 digits at least),
   * with a `^` for each step to the parent. RefusedError OSTREE_REF_NOT_FOUND, OSTREE_REV_AMBIGUOUS.
   */
  resolveRev(rev: string): Checksum {
    return resolveRevision(this, rev);
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
      this.staged = txn;
      try {
        const result = await body(txn);
        txn.commit();
        return result;
      } finally {
        this.#transaction = undefined;
        this.staged = undefined;
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
    try {
      return await waitForLock(`${this.path}/.lock`, { exclusive, kind: 'ofd', wait }, signal);
    } catch (error) {
      // Who may only read, or reads a medium that cannot change, goes without.
      if (!exclusive && ['EROFS', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
      throw error;
    }
  }

  /** Removes what killed processes left; the caller holds the lock exclusively. */
  sweepStaging(): void {
    for (const path of findStagingDirectories(this.path)) removeTree(path);
  }

  async #lockForWriting(signal: AbortSignal | undefined): Promise<HeldLock | undefined> {
    if (this.settings.locking && findStagingDirectories(this.path).length > 0) {
      const lock = await this.lock(true, signal, 0).catch((error: unknown) => {
        // Somebody works here: what lies there may be theirs.
        if (isOpkgOstreeError(error) && error.code === 'LOCK_HELD') return undefined;
        throw error;
      });
      if (lock !== undefined) this.sweepStaging();
      lock?.release();
    }
    return this.lock(false, signal);
  }
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
