import { type Checksum, isOpkgOstreeError } from '../base/index.ts';
import type { FileObject } from './file-object.ts';
import { maxTreeDepth, type ObjectType } from './objects.ts';
import type { Repository } from './repository.ts';

/** One object that a tree consists of. */
export interface ObjectId {
  readonly type: ObjectType;
  readonly checksum: Checksum;
}

/** The text under which an object is kept in sets: its name without the folder. */
export function objectKey(type: ObjectType, checksum: Checksum): string {
  return `${checksum}.${type}`;
}

/**
 * The objects of a tree, each once per `seen`; a listing comes before what it lists. Where `tolerant`, listings that
 * are missing are passed over.
 */
export function* walkTree(
  repo: Repository,
  root: { readonly tree: Checksum; readonly meta: Checksum },
  seen: Set<string>,
  tolerant = false,
  depth = 0,
): Generator<ObjectId> {
  if (first(seen, 'dirmeta', root.meta)) yield { type: 'dirmeta', checksum: root.meta };
  if (!first(seen, 'dirtree', root.tree)) return;
  yield { type: 'dirtree', checksum: root.tree };
  // A hash cannot contain itself, so only an absurd depth, never a cycle, is to be feared.
  if (depth > maxTreeDepth) return;
  if (tolerant && !repo.hasObject('dirtree', root.tree)) return;
  const { files, dirs } = repo.loadDirtree(root.tree);
  for (const { checksum } of files) {
    if (first(seen, 'file', checksum)) yield { type: 'file', checksum };
  }
  for (const dir of dirs) yield* walkTree(repo, dir, seen, tolerant, depth + 1);
}

/** The commit and its ancestors as far as they are here, at most `depth` parents (-1: all). */
export function* walkHistory(repo: Repository, commit: Checksum, depth = -1): Generator<Checksum> {
  let current: Checksum | undefined = commit;
  for (let left = depth; current !== undefined; left--) {
    if (!repo.hasObject('commit', current)) return;
    yield current;
    if (left === 0) return;
    current = repo.loadCommit(current).parent;
  }
}

/** True for an error that says an object is missing or corrupt. */
export function isObjectFault(error: unknown): boolean {
  return (
    isOpkgOstreeError(error) &&
    ['OSTREE_OBJECT_CORRUPT', 'OSTREE_OBJECT_MISSING', 'GVARIANT_INVALID'].includes(error.code)
  );
}

const windowSize = 4096;

/**
 * Loads files whose checksums come in a known order, reading the attributes of thousands of them by one process
 * where the repository's mode keeps them in extended attributes.
 */
export class FileLoader {
  readonly #repo: Repository;
  readonly #upcoming: Iterator<Checksum>;
  readonly #xattrs: boolean;

  constructor(repo: Repository, upcoming: Iterable<Checksum>, xattrs = true) {
    this.#repo = repo;
    this.#upcoming = upcoming[Symbol.iterator]();
    this.#xattrs = xattrs;
  }

  load(checksum: Checksum): FileObject {
    if (!this.#repo.knowsFile(checksum)) this.#readAhead(checksum);
    return this.#repo.loadFile(checksum);
  }

  #readAhead(checksum: Checksum): void {
    const window = [checksum];
    while (window.length < windowSize) {
      const next = this.#upcoming.next();
      if (next.done === true) break;
      window.push(next.value);
    }
    this.#repo.prefetchFiles(window, this.#xattrs);
  }
}

/** The file checksums of a tree in the order in which a depth-first walk meets them. */
export function* treeFiles(repo: Repository, tree: Checksum, depth = 0): Generator<Checksum> {
  if (depth > maxTreeDepth) return;
  const { files, dirs } = repo.loadDirtree(tree);
  for (const { checksum } of files) yield checksum;
  for (const dir of dirs) yield* treeFiles(repo, dir.tree, depth + 1);
}

function first(seen: Set<string>, type: ObjectType, checksum: Checksum): boolean {
  const key = objectKey(type, checksum);
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
