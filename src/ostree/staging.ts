/**
 * The staging directory of one transaction: `tmp/opkg-ostree-<boot id>-<random>/XX/REST.ext`.
 *
 * Objects are written under their final names, so a name here is no proof of whole content: a staging directory is
 * used by the process that made it and by nobody else, ever. That is why it does not carry libostree's prefix
 * `staging-<boot id>-`: libostree resumes such a directory when its lock is free, and a killed process leaves it so.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path/posix';
import type { Checksum } from '../base/index.ts';
import {
  errnoOf,
  expectSuccess,
  findProgram,
  fsyncDirectory,
  link,
  lstatIfExists,
  mkdir,
  mkdirp,
  readdirIfExists,
  readTextIfExists,
  removeTree,
  rename,
  runSync,
} from '../sys/index.ts';
import type { ObjectType } from './objects.ts';
import type { RepoMode } from './repo-config.ts';

const prefix = 'opkg-ostree-';
const bootIdPath = '/proc/sys/kernel/random/boot_id';
const syncTimeout = 600_000;

/** An object's name below `objects/`, for instance `1a/2b3c...d4.dirtree`. */
export function objectName(type: ObjectType, checksum: Checksum, mode: RepoMode): string {
  const suffix = type === 'file' && mode === 'archive' ? 'filez' : type;
  return `${checksum.slice(0, 2)}/${checksum.slice(2)}.${suffix}`;
}

/** Objects that wait to be published. Nothing is made on disk before the first one. */
export class Staging {
  readonly #repoPath: string;
  readonly #names = new Set<string>();
  readonly #folders = new Set<string>();
  #path: string | undefined;
  #partials = 0;

  constructor(repoPath: string) {
    this.#repoPath = repoPath;
  }

  /** How many objects are staged. */
  get count(): number {
    return this.#names.size;
  }

  /** Where a staged object lies, undefined where it is not staged. */
  find(name: string): string | undefined {
    return this.#names.has(name) && this.#path !== undefined ? `${this.#path}/${name}` : undefined;
  }

  /** The path under which to write the object; call `add` when it is whole. */
  pathFor(name: string): string {
    const root = this.#root();
    const folder = name.slice(0, 2);
    if (!this.#folders.has(folder)) {
      mkdir(`${root}/${folder}`);
      this.#folders.add(folder);
    }
    return `${root}/${name}`;
  }

  /** A path for content whose checksum is not known yet. */
  partialPath(): string {
    this.#partials += 1;
    return `${this.#root()}/partial-${this.#partials}`;
  }

  /** Counts a written object as staged. */
  add(name: string): void {
    this.#names.add(name);
  }

  /**
   * Moves the objects to `objects/`, flushed before the first and the folders after the last. An object that came
   * to be there meanwhile is left alone; detached metadata alone is replaced. Commits come after everything else is
   * durable: a power cut must not leave a commit that looks whole and is not.
   */
  publish(fsync: boolean): void {
    if (this.#path === undefined || this.#names.size === 0) return;
    if (fsync) syncFileSystem(this.#path);
    const names = [...this.#names];
    this.#move(
      names.filter((name) => !isCommit(name)),
      fsync,
    );
    this.#move(names.filter(isCommit), fsync);
  }

  /** Removes the directory and all that is still in it. */
  remove(): void {
    if (this.#path !== undefined) removeTree(this.#path);
    this.#path = undefined;
    this.#names.clear();
    this.#folders.clear();
  }

  #move(names: readonly string[], fsync: boolean): void {
    const objects = `${this.#repoPath}/objects`;
    const touched = new Set<string>();
    for (const name of names) {
      const to = `${objects}/${name}`;
      if (!name.endsWith('.commitmeta') && lstatIfExists(to) !== undefined) continue;
      const folder = dirname(to);
      if (!touched.has(folder)) mkdirp(folder);
      touched.add(folder);
      rename(`${this.#path}/${name}`, to);
    }
    if (!fsync || touched.size === 0) return;
    for (const folder of touched) fsyncDirectory(folder);
    fsyncDirectory(objects);
  }

  #root(): string {
    if (this.#path !== undefined) return this.#path;
    const boot = readTextIfExists(bootIdPath)?.trim() ?? 'unknown';
    const path = `${this.#repoPath}/tmp/${prefix}${boot}-${randomBytes(6).toString('hex')}`;
    mkdirp(dirname(path));
    mkdir(path, 0o700);
    this.#path = path;
    return path;
  }
}

function isCommit(name: string): boolean {
  return name.endsWith('.commit');
}

/** Staging directories that lie in the repository, of living transactions or of killed ones. */
export function findStagingDirectories(repoPath: string): string[] {
  const tmp = `${repoPath}/tmp`;
  return readdirIfExists(tmp)
    .filter((name) => name.startsWith(prefix))
    .map((name) => `${tmp}/${name}`);
}

/** Flushes the file system that holds the path; all file systems where `sync` knows no `-f`. */
export function syncFileSystem(path: string): void {
  const sync = findProgram('sync') ?? 'sync';
  const one = runSync(sync, ['-f', path], { timeout: syncTimeout });
  if (one.status !== 0) expectSuccess(sync, runSync(sync, [], { timeout: syncTimeout }));
}

/** Moves the file; false where it lies on another file system. */
export function moveWithin(from: string, to: string): boolean {
  try {
    rename(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') return false;
    throw error;
  }
}

/** Makes the hard link; false where it cannot be had: other file system, too many links, protected hard links. */
export function linkWithin(from: string, to: string): boolean {
  try {
    link(from, to);
    return true;
  } catch (error) {
    if (['EXDEV', 'EMLINK', 'EPERM', 'EACCES'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
