/** Which file of the old commit a new file probably came from. */
import { basename } from 'node:path/posix';
import type { Checksum } from '../../base/index.ts';
import { maxTreeDepth } from '../objects.ts';
import type { Repository } from '../repository.ts';

/** A commit's objects, and the paths of its files. */
export interface TreeContent {
  readonly metadata: readonly { readonly type: 'dirtree' | 'dirmeta'; readonly checksum: Checksum }[];
  /** Files with the first path of each, in the order of the tree. */
  readonly files: ReadonlyMap<Checksum, string>;
  readonly byPath: ReadonlyMap<string, Checksum>;
}

/** How much two files of one name may differ in size, as a part of the new one's, to be taken for two versions. */
const sizeTolerance = 0.3;
const maxCandidates = 64;
const neverSimilar = /\.(?:xz|bz2)$/u;

/** Walks the whole tree of a commit; objects are not loaded but for the listings. */
export function readTree(repo: Repository, commit: Checksum): TreeContent {
  const { tree, meta } = repo.loadCommit(commit);
  const metadata: { type: 'dirtree' | 'dirmeta'; checksum: Checksum }[] = [];
  const seen = new Set<string>();
  const files = new Map<Checksum, string>();
  const byPath = new Map<string, Checksum>();
  const add = (type: 'dirtree' | 'dirmeta', checksum: Checksum) => {
    if (seen.has(checksum)) return;
    seen.add(checksum);
    metadata.push({ type, checksum });
  };
  const walk = (path: string, dirtree: Checksum, dirmeta: Checksum, depth: number): void => {
    add('dirmeta', dirmeta);
    add('dirtree', dirtree);
    if (depth > maxTreeDepth) return;
    const listing = repo.loadDirtree(dirtree);
    for (const { name, checksum } of listing.files) {
      if (!files.has(checksum)) files.set(checksum, path + name);
      byPath.set(path + name, checksum);
    }
    for (const dir of listing.dirs) walk(`${path}${dir.name}/`, dir.tree, dir.meta, depth + 1);
  };
  walk('', tree, meta, 0);
  return { metadata, files, byPath };
}

/** Finds, by path, then by name, then by the name's beginning, the old version of a file. */
export class SimilarFiles {
  readonly #old: TreeContent;
  readonly #sizeOf: (checksum: Checksum) => number;
  readonly #byName = new Map<string, Checksum[]>();
  readonly #byStem = new Map<string, Checksum[]>();

  constructor(old: TreeContent, sizeOf: (checksum: Checksum) => number) {
    this.#old = old;
    this.#sizeOf = sizeOf;
    for (const [path, checksum] of old.byPath) {
      const name = basename(path);
      push(this.#byName, name, checksum);
      const stem = stemOf(name);
      if (stem !== undefined) push(this.#byStem, stem, checksum);
    }
  }

  /** The old file that one at `path` of `size` bytes probably came from. */
  find(path: string, size: number): Checksum | undefined {
    if (size === 0 || neverSimilar.test(path)) return undefined;
    const samePath = this.#old.byPath.get(path);
    if (samePath !== undefined && this.#sizeOf(samePath) > 0) return samePath;
    const name = basename(path);
    const stem = stemOf(name);
    return (
      this.#nearest(this.#byName.get(name), size) ??
      (stem === undefined ? undefined : this.#nearest(this.#byStem.get(stem), size))
    );
  }

  #nearest(candidates: readonly Checksum[] | undefined, size: number): Checksum | undefined {
    let best: Checksum | undefined;
    let distance = size * sizeTolerance;
    for (const candidate of candidates?.slice(0, maxCandidates) ?? []) {
      const difference = Math.abs(this.#sizeOf(candidate) - size);
      if (difference <= distance && (best === undefined || difference < distance)) {
        best = candidate;
        distance = difference;
      }
    }
    return best;
  }
}

/** What stands before the first dot: `libfoo` of `libfoo.so.1.2`. */
function stemOf(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot > 0 ? name.slice(0, dot) : undefined;
}

function push(map: Map<string, Checksum[]>, key: string, checksum: Checksum): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [checksum]);
  else list.push(checksum);
}
