import { type Checksum, ParseError, RefusedError, type RelPath, SystemError } from '../base/index.ts';
import { type Attributes, typeDirectory } from './object-fields.ts';
import { isEntryName, maxTreeDepth } from './objects.ts';
import type { Repository } from './repository.ts';
import type { Transaction } from './transaction.ts';

/** A directory: as an object until it is looked into, in memory from then on, changed or not. */
interface Node {
  meta: Checksum | Attributes;
  /** The object that holds the listing, as long as nothing below differs from it. */
  tree: Checksum | undefined;
  content: Content | undefined;
}

interface Content {
  readonly files: Map<string, Checksum>;
  readonly dirs: Map<string, Node>;
}

export type TreeEntry =
  | { readonly kind: 'file'; readonly checksum: Checksum }
  | { readonly kind: 'dir'; readonly attributes: Attributes };

export type WalkedEntry = TreeEntry & { readonly path: RelPath };

/**
 * A tree that is read lazily from a repository and changed in memory; `write` stores only directories that changed.
 * Symlinks are files here: no path is ever followed through one.
 */
export class MutableTree {
  readonly #repo: Repository;
  readonly #root: Node;
  readonly #attributes = new Map<Checksum, Attributes>();

  private constructor(repo: Repository, root: Node) {
    this.#repo = repo;
    this.#root = root;
  }

  /** The tree of a listing and a dirmeta. */
  static open(repo: Repository, tree: Checksum, meta: Checksum): MutableTree {
    return new MutableTree(repo, { meta, tree, content: undefined });
  }

  static fromCommit(repo: Repository, commit: Checksum): MutableTree {
    const { tree, meta } = repo.loadCommit(commit);
    return MutableTree.open(repo, tree, meta);
  }

  /** An empty root directory with these attributes. */
  static empty(repo: Repository, attributes: Attributes): MutableTree {
    return new MutableTree(repo, emptyNode(attributes));
  }

  /** What is at the path ('' is the root), or undefined. */
  lookup(path: RelPath): TreeEntry | undefined {
    const found = this.#find(path);
    if (found === undefined) return undefined;
    if (typeof found === 'string') return { kind: 'file', checksum: found };
    return { kind: 'dir', attributes: this.#attributesOf(found) };
  }

  /** A directory's entries in strcmp order per kind; OSTREE_PATH_NOT_FOUND or OSTREE_PATH_KIND where it is none. */
  list(path: RelPath): { readonly name: string; readonly kind: 'file' | 'dir' }[] {
    const { files, dirs } = this.#load(this.#directory(path));
    return [
      ...[...files.keys()].map((name) => ({ name, kind: 'file' as const })),
      ...[...dirs.keys()].map((name) => ({ name, kind: 'dir' as const })),
    ];
  }

  /** Everything below the directory, depth first, a directory before its content; the directory itself not. */
  *walk(path: RelPath): Generator<WalkedEntry> {
    yield* this.#walk(path, this.#directory(path), depthOf(path));
  }

  /** Puts a file or symlink in place; its parent must be a directory, and no directory may have the path. */
  putFile(path: RelPath, checksum: Checksum): void {
    const { parent, name } = this.#parentOf(path);
    const content = this.#load(parent);
    if (content.dirs.has(name)) throw wrongKind(path, 'is a directory');
    if (content.files.get(name) === checksum) return;
    content.files.set(name, checksum);
    this.#markChanged(path);
  }

  /** Makes the directory and missing parents with these attributes; existing ones keep theirs. */
  ensureDirectory(path: RelPath, attributes: Attributes): void {
    let node = this.#root;
    let at = '';
    for (const name of partsOf(path)) {
      at = at === '' ? name : `${at}/${name}`;
      const { files, dirs } = this.#load(node);
      if (files.has(name)) throw wrongKind(at, 'is not a directory');
      let next = dirs.get(name);
      if (next === undefined) {
        checkName(name, path);
        next = emptyNode(attributes);
        dirs.set(name, next);
        this.#markChanged(at);
      }
      node = next;
    }
  }

  /** Sets a directory's attributes. */
  setAttributes(path: RelPath, attributes: Attributes): void {
    this.#directory(path).meta = attributes;
    // The listing of the directory itself stays as it is; its parent's names the new dirmeta.
    this.#markChanged(path);
  }

  /** Removes a file or a whole directory; false where there is nothing. The root cannot be removed. */
  remove(path: RelPath): boolean {
    if (path === '' || this.#find(path) === undefined) return false;
    const { parent, name } = this.#parentOf(path);
    const { files, dirs } = this.#load(parent);
    files.delete(name);
    dirs.delete(name);
    this.#markChanged(path);
    return true;
  }

  /** Stores what changed; the root's listing and dirmeta. The tree can be changed and written again. */
  write(txn: Transaction): { readonly tree: Checksum; readonly meta: Checksum } {
    return this.#write(txn, this.#root);
  }

  *#walk(path: string, node: Node, depth: number): Generator<WalkedEntry> {
    if (depth > maxTreeDepth) throw tooDeep(path);
    const { files, dirs } = this.#load(node);
    const below = (name: string) => (path === '' ? name : `${path}/${name}`) as RelPath;
    for (const [name, checksum] of files) yield { path: below(name), kind: 'file', checksum };
    for (const [name, child] of dirs) {
      yield { path: below(name), kind: 'dir', attributes: this.#attributesOf(child) };
      yield* this.#walk(below(name), child, depth + 1);
    }
  }

  #write(txn: Transaction, node: Node): { tree: Checksum; meta: Checksum } {
    if (typeof node.meta !== 'string') node.meta = txn.writeDirmeta(node.meta);
    const { meta } = node;
    if (node.tree === undefined) {
      const { files, dirs } = this.#load(node);
      node.tree = txn.writeDirtree({
        files: [...files].map(([name, checksum]) => ({ name, checksum })),
        dirs: [...dirs].map(([name, child]) => ({ name, ...this.#write(txn, child) })),
      });
    }
    return { tree: node.tree, meta };
  }

  #load(node: Node): Content {
    if (node.content !== undefined) return node.content;
    const content: Content = { files: new Map(), dirs: new Map() };
    if (node.tree !== undefined) {
      const { files, dirs } = this.#repo.loadDirtree(node.tree);
      for (const { name, checksum } of files) content.files.set(name, checksum);
      for (const { name, tree, meta } of dirs) content.dirs.set(name, { meta, tree, content: undefined });
    }
    node.content = content;
    return content;
  }

  #attributesOf(node: Node): Attributes {
    if (typeof node.meta !== 'string') return node.meta;
    const known = this.#attributes.get(node.meta);
    if (known !== undefined) return known;
    const loaded = this.#repo.loadDirmeta(node.meta);
    this.#attributes.set(node.meta, loaded);
    return loaded;
  }

  #find(path: RelPath): Node | Checksum | undefined {
    let found: Node | Checksum | undefined = this.#root;
    for (const name of partsOf(path)) {
      if (found === undefined || typeof found === 'string') return undefined;
      const { files, dirs }: Content = this.#load(found);
      found = dirs.get(name) ?? files.get(name);
    }
    return found;
  }

  #directory(path: RelPath): Node {
    const found = this.#find(path);
    if (found === undefined) throw notFound(path);
    if (typeof found === 'string') throw wrongKind(path, 'is not a directory');
    return found;
  }

  #parentOf(path: RelPath): { parent: Node; name: string } {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    checkName(name, path);
    return { parent: this.#directory((slash === -1 ? '' : path.slice(0, slash)) as RelPath), name };
  }

  /** Forgets the listing objects of the directories above the path. */
  #markChanged(path: string): void {
    let node: Node | undefined = this.#root;
    for (const name of partsOf(path)) {
      if (node === undefined) return;
      node.tree = undefined;
      node = node.content?.dirs.get(name);
    }
  }
}

function emptyNode(meta: Attributes): Node {
  if ((meta.mode & 0o170000) !== typeDirectory) {
    throw new SystemError('OSTREE_PATH_KIND', 'a directory needs the mode of a directory');
  }
  return { meta, tree: undefined, content: { files: new Map(), dirs: new Map() } };
}

function partsOf(path: string): string[] {
  return path === '' ? [] : path.split('/');
}

function depthOf(path: string): number {
  return partsOf(path).length;
}

function checkName(name: string, path: string): void {
  if (!isEntryName(name)) throw new ParseError('OSTREE_NAME_INVALID', `not a path for a tree: '${path}'`);
}

function notFound(path: string): RefusedError {
  return new RefusedError('OSTREE_PATH_NOT_FOUND', `'/${path}' is not in the tree`, { details: { path } });
}

function wrongKind(path: string, what: string): SystemError {
  return new SystemError('OSTREE_PATH_KIND', `'/${path}' ${what}`, { details: { path } });
}

function tooDeep(path: string): ParseError {
  return new ParseError(
    'OSTREE_OBJECT_CORRUPT',
    `'/${path}' is nested deeper than ${maxTreeDepth} directories`,
  );
}
