import {
  type Checksum,
  type OperationContext,
  ParseError,
  type RelPath,
  SystemError,
  silentContext,
} from '../base/index.ts';
import {
  lstat,
  readdir,
  readlink,
  readTreeXattrs,
  realpath,
  type Stats,
  xattrCapability,
} from '../sys/index.ts';
import { sameXattrs } from './checkout-files.ts';
import {
  type Attributes,
  fileTypeMask,
  typeDirectory,
  typeRegular,
  typeSymlink,
  type Xattr,
} from './object-fields.ts';
import { type Dirtree, maxTreeDepth } from './objects.ts';
import { Pace } from './pace.ts';
import type { Transaction } from './transaction.ts';

export interface CommitDirectoryOptions {
  /** Records this owner for everything, instead of what the file system says. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Owner 0:0, no extended attributes, permission bits within 0755 (symlinks' untouched). */
  readonly canonicalPermissions?: boolean;
  /** Records extended attributes (read by one getfattr for the whole tree); without it there are none. */
  readonly xattrs?: boolean;
  /** False leaves the entry, and all that is below it, out. */
  filter?(path: RelPath, attributes: Attributes): boolean;
  /** In a bare repository regular files are moved into the objects; the caller drops what is left of the tree. */
  readonly consume?: boolean;
}

/**
 * Stores a directory as a tree: what libostree's `commit --tree=dir=` records. Symlinks are stored, never followed.
 * RefusedError OSTREE_PATH_KIND for devices, sockets and FIFOs, OSTREE_NAME_INVALID for names that are not UTF-8.
 */
export async function commitDirectory(
  txn: Transaction,
  dir: string,
  options: CommitDirectoryOptions = {},
  ctx: OperationContext = silentContext,
): Promise<{ readonly tree: Checksum; readonly meta: Checksum }> {
  const root = realpath(dir);
  const run = new DirectoryCommit(txn, root, options, ctx);
  const attributes = run.attributesOf(lstat(root), root);
  if ((attributes.mode & fileTypeMask) !== typeDirectory) {
    throw new SystemError('OSTREE_PATH_KIND', `${dir} is not a directory`);
  }
  const result = await run.directory(root, '', attributes, 0);
  run.finish();
  return result;
}

class DirectoryCommit {
  readonly #txn: Transaction;
  readonly #options: CommitDirectoryOptions;
  readonly #onDisk: ReadonlyMap<string, readonly Xattr[]>;
  readonly #consume: boolean;
  readonly #pace: Pace;

  constructor(txn: Transaction, root: string, options: CommitDirectoryOptions, ctx: OperationContext) {
    this.#txn = txn;
    this.#options = options;
    const canRead = xattrCapability().read;
    // A file that becomes an object brings its attributes along, so they must be known even if not wanted.
    this.#consume = options.consume === true && canRead;
    const wanted = options.xattrs === true && options.canonicalPermissions !== true;
    this.#onDisk = wanted || this.#consume ? readTreeXattrs(root) : new Map();
    this.#pace = new Pace(ctx, 'layer');
  }

  finish(): void {
    this.#pace.report();
  }

  async directory(
    path: string,
    rel: string,
    attributes: Attributes,
    depth: number,
  ): Promise<{ tree: Checksum; meta: Checksum }> {
    if (depth > maxTreeDepth) {
      throw new SystemError('OSTREE_PATH_KIND', `${path} is nested deeper than ${maxTreeDepth} directories`);
    }
    const files: { name: string; checksum: Checksum }[] = [];
    const dirs: { name: string; tree: Checksum; meta: Checksum }[] = [];
    for (const name of readdir(path).sort()) {
      const child = `${path}/${name}`;
      const childRel = (rel === '' ? name : `${rel}/${name}`) as RelPath;
      // Node replaces bytes that are not UTF-8; OSTree has no name for them either.
      if (name.includes('\ufffd')) throw notUtf8(childRel);
      const childAttributes = this.attributesOf(lstat(child), child);
      if (this.#options.filter?.(childRel, childAttributes) === false) continue;
      const type = childAttributes.mode & fileTypeMask;
      if (type === typeDirectory) {
        dirs.push({ name, ...(await this.directory(child, childRel, childAttributes, depth + 1)) });
      } else {
        files.push({ name, checksum: this.#file(child, childRel, childAttributes, type) });
        if (this.#pace.step()) await this.#pace.rest();
      }
    }
    return { tree: this.#writeListing({ files, dirs }, rel), meta: this.#txn.writeDirmeta(attributes) };
  }

  /** What is to be recorded of an inode. */
  attributesOf(stats: Stats, path: string): Attributes {
    const { owner, canonicalPermissions, xattrs } = this.#options;
    if (canonicalPermissions === true) {
      const mode = stats.isSymbolicLink() ? stats.mode : stats.mode & (fileTypeMask | 0o755);
      return { uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mode, xattrs: [] };
    }
    return {
      uid: owner?.uid ?? stats.uid,
      gid: owner?.gid ?? stats.gid,
      mode: stats.mode,
      xattrs: xattrs === true ? (this.#onDisk.get(path) ?? []) : [],
    };
  }

  #file(path: string, rel: string, attributes: Attributes, type: number): Checksum {
    if (type === typeSymlink) return this.#txn.writeSymlink(attributes, readlink(path));
    if (type !== typeRegular) {
      throw new SystemError('OSTREE_PATH_KIND', `'/${rel}' is neither a file, a directory nor a symlink`, {
        hint: 'remove it or leave it out',
        details: { path: rel },
      });
    }
    const movable = this.#consume && sameXattrs(this.#onDisk.get(path) ?? [], attributes.xattrs);
    return movable ? this.#txn.consumeFile(attributes, path) : this.#txn.writeFileFrom(attributes, path);
  }

  #writeListing(tree: Dirtree, rel: string): Checksum {
    try {
      return this.#txn.writeDirtree(tree);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      throw new ParseError('OSTREE_NAME_INVALID', `'/${rel}': ${error.message}`, { cause: error });
    }
  }
}

function notUtf8(path: string): ParseError {
  return new ParseError('OSTREE_NAME_INVALID', `the name '/${path}' is not UTF-8`, {
    hint: 'rename the file',
  });
}
