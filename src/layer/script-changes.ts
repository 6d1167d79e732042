/** What a script did to the tree: found on disk, compared with the tree, and brought back into it. */
import { join } from 'node:path/posix';
import { type Checksum, compareBytes, hexOf, type RelPath, sha256, toRelPath } from '../base/index.ts';
import type { Attributes, MutableTree, Repository, Transaction } from '../ostree/index.ts';
import {
  close,
  effectiveUser,
  lstat,
  open,
  read,
  readdir,
  readlink,
  type SandboxView,
  type Stats,
} from '../sys/index.ts';

/** One change, in an order in which it can be applied. */
export type TreeChange =
  | { readonly kind: 'remove'; readonly path: RelPath }
  | { readonly kind: 'directory'; readonly path: RelPath; readonly attributes: Attributes }
  | {
      readonly kind: 'symlink';
      readonly path: RelPath;
      readonly attributes: Attributes;
      readonly target: string;
    }
  | {
      readonly kind: 'file';
      readonly path: RelPath;
      readonly attributes: Attributes;
      /** SHA-256 of the content, which is at `source`. */
      readonly digest: Checksum;
      readonly source: string;
    }
  /** A pipe, socket or device, which no commit can hold. */
  | { readonly kind: 'special'; readonly path: RelPath };

/** Mounted or made by the sandbox: what is there is not the script's, or is meant to vanish. */
const sandboxFolders: ReadonlySet<string> = new Set(['dev', 'proc', 'sys', 'tmp', 'var', 'etc']);

/** Everything that differs between the tree and what the sandbox shows. */
export function findChanges(repo: Repository, tree: MutableTree, view: SandboxView): TreeChange[] {
  const changes: TreeChange[] = [];
  new Comparison(repo, tree, view, changes).directory(toRelPath(''));
  return changes;
}

/** A text that is equal for equal changes, to compare two runs of one script. */
export function describeChange(change: TreeChange): string {
  switch (change.kind) {
    case 'remove':
    case 'special':
      return JSON.stringify([change.kind, change.path]);
    case 'directory':
      return JSON.stringify([change.kind, change.path, numbers(change.attributes)]);
    case 'symlink':
      return JSON.stringify([change.kind, change.path, numbers(change.attributes), change.target]);
    case 'file':
      return JSON.stringify([change.kind, change.path, numbers(change.attributes), change.digest]);
  }
}

/** Applies the changes to the tree, reading new content from where the sandbox left it. */
export function applyChanges(txn: Transaction, tree: MutableTree, changes: readonly TreeChange[]): void {
  for (const change of changes) {
    const { path } = change;
    const present = tree.lookup(path)?.kind;
    const wanted = change.kind === 'directory' ? 'dir' : 'file';
    if (change.kind === 'remove' || (present !== undefined && present !== wanted)) tree.remove(path);
    if (change.kind === 'directory') {
      tree.ensureDirectory(path, change.attributes);
      tree.setAttributes(path, change.attributes);
    } else if (change.kind === 'symlink') {
      tree.putFile(path, txn.writeSymlink(change.attributes, change.target));
    } else if (change.kind === 'file') {
      tree.putFile(path, txn.writeFileFrom(change.attributes, change.source));
    }
  }
}

class Comparison {
  readonly #repo: Repository;
  readonly #tree: MutableTree;
  readonly #view: SandboxView;
  readonly #changes: TreeChange[];
  readonly #asRoot = effectiveUser() === 0;

  constructor(repo: Repository, tree: MutableTree, view: SandboxView, changes: TreeChange[]) {
    this.#repo = repo;
    this.#tree = tree;
    this.#view = view;
    this.#changes = changes;
  }

  directory(path: RelPath): void {
    const names = readdir(join(this.#view.files, path)).sort(compareBytes);
    this.#removedBelow(path);
    for (const name of names) {
      if (path === '' && sandboxFolders.has(name)) continue;
      this.#entry(toRelPath(path === '' ? name : `${path}/${name}`));
    }
  }

  /** A folder that was deleted and made again hides what it held without a mark for each: only the merged view tells. */
  #removedBelow(path: RelPath): void {
    if (this.#tree.lookup(path)?.kind !== 'dir') return;
    const shown = new Set(readdir(join(this.#view.shown, path)));
    for (const { name } of this.#tree.list(path)) {
      if (shown.has(name) || (path === '' && sandboxFolders.has(name))) continue;
      this.#changes.push({ kind: 'remove', path: toRelPath(path === '' ? name : `${path}/${name}`) });
    }
  }

  #entry(path: RelPath): void {
    const source = join(this.#view.files, path);
    const stats = lstat(source);
    if (stats.isDirectory()) this.#subdirectory(path, stats);
    else if (stats.isSymbolicLink()) this.#symlink(path, stats, readlink(source));
    else if (stats.isFile()) this.#file(path, stats, source);
    // A whiteout stands for a deletion, which the parent's listing has told already.
    else if (!(stats.isCharacterDevice() && stats.rdev === 0)) this.#changes.push({ kind: 'special', path });
  }

  #subdirectory(path: RelPath, stats: Stats): void {
    const present = this.#tree.lookup(path);
    const old = present?.kind === 'dir' ? present.attributes : undefined;
    const attributes = this.#attributes(stats, old);
    if (old === undefined || !sameNumbers(old, attributes)) {
      this.#changes.push({ kind: 'directory', path, attributes });
    }
    this.directory(path);
  }

  #symlink(path: RelPath, stats: Stats, target: string): void {
    const present = this.#tree.lookup(path);
    const old = present?.kind === 'file' ? this.#repo.loadFile(present.checksum) : undefined;
    const attributes = this.#attributes(stats, old?.attributes);
    if (old?.target === target && sameNumbers(old.attributes, attributes)) return;
    this.#changes.push({ kind: 'symlink', path, attributes, target });
  }

  #file(path: RelPath, stats: Stats, source: string): void {
    const present = this.#tree.lookup(path);
    const old = present?.kind === 'file' ? this.#repo.loadFile(present.checksum) : undefined;
    const attributes = this.#attributes(stats, old?.attributes);
    const digest = digestOf(source);
    if (old !== undefined && old.target === undefined && old.size === stats.size) {
      if (sameNumbers(old.attributes, attributes) && digestOf(old) === digest) return;
    }
    this.#changes.push({ kind: 'file', path, attributes, digest, source });
  }

  /** Without root every file belongs to this process; then the owner is the one that the tree has, or root. */
  #attributes(stats: Stats, old: Attributes | undefined): Attributes {
    const owner = this.#asRoot ? stats : { uid: old?.uid ?? 0, gid: old?.gid ?? 0 };
    return { uid: owner.uid, gid: owner.gid, mode: stats.mode, xattrs: [] };
  }
}

const bufferSize = 256 * 1024;

function digestOf(source: string | ReturnType<Repository['loadFile']>): Checksum {
  if (typeof source !== 'string') {
    const hash = sha256();
    hash.update(source.readAll(source.size));
    return hexOf(hash.digest());
  }
  const hash = sha256();
  const buffer = new Uint8Array(bufferSize);
  const fd = open(source, 'r');
  try {
    for (let n = read(fd, buffer, 0, bufferSize); n > 0; n = read(fd, buffer, 0, bufferSize)) {
      hash.update(buffer.subarray(0, n));
    }
  } finally {
    close(fd);
  }
  return hexOf(hash.digest());
}

function numbers(a: Attributes): readonly number[] {
  return [a.uid, a.gid, a.mode];
}

function sameNumbers(a: Attributes, b: Attributes): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode;
}
