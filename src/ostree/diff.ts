import { type Checksum, compareBytes, type RelPath } from '../base/index.ts';
import { maxTreeDepth } from './objects.ts';
import type { Repository } from './repository.ts';

/** Paths that differ between two trees. A removed directory stands for what was in it; an added one is listed whole. */
export interface TreeDiff {
  readonly added: readonly RelPath[];
  readonly removed: readonly RelPath[];
  readonly modified: readonly RelPath[];
}

interface Root {
  readonly tree: Checksum;
  readonly meta: Checksum;
}

/** What changed from commit `a` to commit `b`, each list in strcmp order; equal subtrees are not looked into. */
export function diffTrees(repo: Repository, a: Checksum, b: Checksum): TreeDiff {
  return diffRoots(repo, repo.loadCommit(a), repo.loadCommit(b));
}

/** As `diffTrees`, for trees that no commit names. The roots' own attributes are not compared. */
export function diffRoots(repo: Repository, a: Root, b: Root): TreeDiff {
  const diff = { added: [] as string[], removed: [] as string[], modified: [] as string[] };
  compare(repo, a.tree, b.tree, '', diff, 0);
  const sorted = (list: string[]) => list.sort(compareBytes) as RelPath[];
  return { added: sorted(diff.added), removed: sorted(diff.removed), modified: sorted(diff.modified) };
}

function compare(
  repo: Repository,
  a: Checksum,
  b: Checksum,
  prefix: string,
  diff: { added: string[]; removed: string[]; modified: string[] },
  depth: number,
): void {
  if (a === b || depth > maxTreeDepth) return;
  const before = entriesOf(repo, a);
  const after = entriesOf(repo, b);
  for (const [name, old] of before) {
    const path = prefix + name;
    const now = after.get(name);
    if (now === undefined) diff.removed.push(path);
    else if (typeof old === 'string' || typeof now === 'string') {
      if (old === now) continue;
      diff.modified.push(path);
      if (typeof now !== 'string') addAll(repo, now.tree, `${path}/`, diff.added, depth + 1);
    } else {
      if (old.meta !== now.meta) diff.modified.push(path);
      compare(repo, old.tree, now.tree, `${path}/`, diff, depth + 1);
    }
  }
  for (const [name, now] of after) {
    if (before.has(name)) continue;
    diff.added.push(prefix + name);
    if (typeof now !== 'string') addAll(repo, now.tree, `${prefix}${name}/`, diff.added, depth + 1);
  }
}

function addAll(repo: Repository, tree: Checksum, prefix: string, added: string[], depth: number): void {
  if (depth > maxTreeDepth) return;
  for (const [name, entry] of entriesOf(repo, tree)) {
    added.push(prefix + name);
    if (typeof entry !== 'string') addAll(repo, entry.tree, `${prefix}${name}/`, added, depth + 1);
  }
}

function entriesOf(repo: Repository, tree: Checksum): Map<string, Checksum | Root> {
  const entries = new Map<string, Checksum | Root>();
  const { files, dirs } = repo.loadDirtree(tree);
  for (const { name, checksum } of files) entries.set(name, checksum);
  for (const { name, tree: childTree, meta } of dirs) entries.set(name, { tree: childTree, meta });
  return entries;
}
