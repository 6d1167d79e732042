import {
  type Checksum,
  type OperationContext,
  ParseError,
  RefusedError,
  type RelPath,
  SystemError,
  silentContext,
} from '../base/index.ts';
import {
  chmod,
  errnoOf,
  lchown,
  link,
  lstat,
  lstatIfExists,
  mkdir,
  rename,
  setXattrs,
  symlink,
  tempNameFor,
  unlinkIfExists,
  utimes,
  type XattrEntry,
} from '../sys/index.ts';
import { isIdentical, writeCopy } from './checkout-files.ts';
import type { FileObject } from './file-object.ts';
import type { Attributes } from './object-fields.ts';
import { maxTreeDepth } from './objects.ts';
import { Pace } from './pace.ts';
import type { Repository } from './repository.ts';
import { FileLoader, treeFiles } from './traverse.ts';

export interface CheckoutOptions {
  /** As an ordinary user: no owners, no setuid bits, no extended attributes. */
  readonly userMode?: boolean;
  /**
   * What happens where something exists at the destination: `none` refuses, `files` replaces files, `add` keeps what
   * is there, `identical` refuses only what differs. Existing directories are entered and keep their attributes.
   */
  readonly union?: 'none' | 'files' | 'add' | 'identical';
  /** `fallback` links where it can and copies otherwise; `always` never links; `never` refuses where it cannot link. */
  readonly copy?: 'always' | 'fallback' | 'never';
  /** Only this directory of the tree. */
  readonly subpath?: RelPath;
  /** The destination directory may exist even with union `none`. */
  readonly existingRoot?: boolean;
}

/** A tree by its listing and dirmeta, or a commit. */
export type CheckoutSource = Checksum | { readonly tree: Checksum; readonly meta: Checksum };

/**
 * Writes a tree to `dest`, whose parent must exist. In bare repositories files and symlinks become hard links of the
 * objects; directories get their attributes after their content and mtime 0, as libostree does it. A symlink at the
 * destination is never followed: one in the way of a directory is RefusedError OSTREE_CHECKOUT_CONFLICT.
 */
export async function checkout(
  repo: Repository,
  source: CheckoutSource,
  dest: string,
  options: CheckoutOptions = {},
  ctx: OperationContext = silentContext,
): Promise<void> {
  const root = locate(repo, source, options.subpath);
  const run = new Checkout(repo, root.tree, options, ctx);
  await run.directory(root, dest, 0);
  run.finish();
}

/** The listing and dirmeta of a tree's subdirectory; OSTREE_PATH_NOT_FOUND, or OSTREE_PATH_KIND for a file. */
function locate(repo: Repository, source: CheckoutSource, subpath: string | undefined) {
  let at: { tree: Checksum; meta: Checksum } = typeof source === 'string' ? repo.loadCommit(source) : source;
  for (const name of subpath === undefined || subpath === '' ? [] : subpath.split('/')) {
    const { files, dirs } = repo.loadDirtree(at.tree);
    const next = dirs.find((dir) => dir.name === name);
    if (next === undefined) {
      if (files.some((file) => file.name === name)) {
        throw new SystemError('OSTREE_PATH_KIND', `'/${subpath}' is not a directory of the tree`);
      }
      throw new RefusedError('OSTREE_PATH_NOT_FOUND', `'/${subpath}' is not in the tree`);
    }
    at = next;
  }
  return at;
}

class Checkout {
  readonly #repo: Repository;
  readonly #options: CheckoutOptions;
  readonly #loader: FileLoader;
  readonly #pace: Pace;
  readonly #dirmetas = new Map<Checksum, Attributes>();
  readonly #xattrs: XattrEntry[] = [];
  readonly #linkAll: boolean;
  readonly #linkRegular: boolean;

  constructor(repo: Repository, tree: Checksum, options: CheckoutOptions, ctx: OperationContext) {
    this.#repo = repo;
    this.#options = options;
    const { mode } = repo;
    const user = options.userMode === true;
    const linking = options.copy !== 'always';
    // An object may stand for a file only where its inode shows what the checkout has to show.
    this.#linkAll = linking && ((mode === 'bare' && !user) || mode === 'bare-user-only');
    this.#linkRegular = linking && mode === 'bare-user' && user;
    if (options.copy === 'never' && !this.#linkAll && !this.#linkRegular) {
      throw new RefusedError(
        'OSTREE_MODE_UNSUPPORTED',
        `a repository of mode ${mode} cannot be checked out by links`,
        {
          hint: mode === 'bare-user' ? 'use user mode' : 'allow copies',
        },
      );
    }
    this.#loader = new FileLoader(repo, treeFiles(repo, tree), !user);
    this.#pace = new Pace(ctx, 'checkout');
  }

  /** Sets the collected extended attributes; a setfattr for all of them. */
  finish(): void {
    setXattrs(this.#xattrs);
    this.#pace.report();
  }

  async directory(dir: { tree: Checksum; meta: Checksum }, dest: string, depth: number): Promise<void> {
    if (depth > maxTreeDepth) {
      throw new ParseError(
        'OSTREE_OBJECT_CORRUPT',
        `the tree is nested deeper than ${maxTreeDepth} directories`,
      );
    }
    const attributes = this.#dirmeta(dir.meta);
    const isNew = this.#enter(dest, depth === 0);
    const { files, dirs } = this.#repo.loadDirtree(dir.tree);
    for (const { name, checksum } of files) {
      const pending = this.#file(checksum, `${dest}/${name}`);
      if (pending !== undefined) await pending;
      if (this.#pace.step()) await this.#pace.rest();
    }
    for (const child of dirs) await this.directory(child, `${dest}/${child.name}`, depth + 1);
    if (isNew) this.#setDirectory(dest, attributes);
  }

  /** Makes the directory, 0700 until it is filled; false where it was there. */
  #enter(dest: string, isRoot: boolean): boolean {
    const found = lstatIfExists(dest);
    if (found === undefined) {
      mkdir(dest, 0o700);
      return true;
    }
    const union = this.#options.union ?? 'none';
    const allowed = union !== 'none' || (isRoot && this.#options.existingRoot === true);
    if (!found.isDirectory() || !allowed) throw conflict(dest);
    return false;
  }

  #setDirectory(dest: string, a: Attributes): void {
    if (this.#options.userMode !== true) {
      lchown(dest, a.uid, a.gid);
      for (const { name, value } of a.xattrs) this.#xattrs.push({ path: dest, name, value });
    }
    chmod(dest, a.mode & 0o7777);
    if (this.#options.copy !== 'always') utimes(dest, 0, 0);
  }

  #dirmeta(checksum: Checksum): Attributes {
    const known = this.#dirmetas.get(checksum);
    if (known !== undefined) return known;
    const loaded = this.#repo.loadDirmeta(checksum);
    this.#dirmetas.set(checksum, loaded);
    return loaded;
  }

  /** Puts a file in place; a promise only where content has to be streamed. */
  #file(checksum: Checksum, dest: string): Promise<void> | undefined {
    const union = this.#options.union ?? 'none';
    const found = union === 'none' ? undefined : lstatIfExists(dest);
    if (found === undefined) return this.#place(checksum, dest);
    if (union === 'add') return undefined;
    if (union === 'identical') {
      const object = this.#loader.load(checksum);
      if (isIdentical(object, dest, found, this.#options.userMode === true)) return undefined;
      throw conflict(dest);
    }
    if (found.isDirectory()) throw conflict(dest);
    return this.#replace(checksum, dest);
  }

  async #replace(checksum: Checksum, dest: string): Promise<void> {
    const temp = tempNameFor(dest);
    try {
      await this.#place(checksum, temp);
      rename(temp, dest);
    } finally {
      // Also where both names are links of one inode: rename(2) does nothing then.
      unlinkIfExists(temp);
    }
  }

  #place(checksum: Checksum, dest: string): Promise<void> | undefined {
    if (this.#linkAll) {
      const path = this.#repo.linkSource(checksum);
      if (path !== undefined && this.#link(path, dest)) return undefined;
    }
    const object = this.#loader.load(checksum);
    if (this.#linkRegular && isLinkable(object)) {
      const path = this.#repo.linkSource(checksum);
      if (path !== undefined && this.#link(path, dest)) return undefined;
    }
    const { attributes } = object;
    const user = this.#options.userMode === true;
    if (object.target !== undefined) {
      symlink(object.target, dest);
      if (!user) lchown(dest, attributes.uid, attributes.gid);
    }
    if (!user)
      for (const { name, value } of attributes.xattrs) this.#xattrs.push({ path: dest, name, value });
    return object.target === undefined ? writeCopy(object, dest, user) : undefined;
  }

  /** Links the object; false where a copy has to do instead. */
  #link(object: string, dest: string): boolean {
    try {
      link(object, dest);
      return true;
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (errno === 'EEXIST') throw conflict(dest);
      // EMLINK: an inode has no room for another name (65,000 on ext4), which is no fault of the request.
      const copies =
        errno === 'EMLINK' || (this.#options.copy !== 'never' && ['EXDEV', 'EPERM'].includes(errno));
      if (copies) return false;
      throw error;
    }
  }
}

/**
 * Which bare-user objects libostree links: not symlinks, which are files there; not what its owner could not read,
 * since the object's inode says otherwise; and not empty files, whose one inode would gather links from everywhere.
 */
function isLinkable(object: FileObject): boolean {
  return object.target === undefined && object.size > 0 && (object.attributes.mode & 0o400) !== 0;
}

function conflict(dest: string): RefusedError {
  const found = lstat(dest);
  const what = found.isSymbolicLink() ? 'a symlink' : found.isDirectory() ? 'a directory' : 'a file';
  return new RefusedError('OSTREE_CHECKOUT_CONFLICT', `${dest} exists already and is ${what}`, {
    hint: 'check out to a new directory, or use a union mode',
    details: { path: dest },
  });
}
