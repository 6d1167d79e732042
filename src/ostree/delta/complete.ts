import type { Checksum } from '../../base/index.ts';
import type { ObjectType } from '../objects.ts';
import { maxTreeDepth } from '../objects.ts';
import type { Repository } from '../repository.ts';
import { invalidDelta } from './errors.ts';
import type { DeltaId } from './names.ts';

/**
 * DELTA_INVALID unless every object of the commit `to` is here. What it shares with `from`, at the same place, is
 * taken to be here, unless that commit is known to be partial.
 */
export function checkComplete(repo: Repository, { from, to }: DeltaId): void {
  const base = from === undefined || repo.isPartial(from) ? undefined : repo.loadCommit(from);
  const commit = repo.loadCommit(to);
  requireObject(repo, 'dirmeta', commit.meta);
  checkTree(repo, commit.tree, base?.tree, new Set(), 0);
}

function checkTree(
  repo: Repository,
  tree: Checksum,
  base: Checksum | undefined,
  seen: Set<Checksum>,
  depth: number,
): void {
  if (tree === base || seen.has(tree)) return;
  seen.add(tree);
  if (depth > maxTreeDepth) throw invalidDelta('its tree is nested too deep');
  requireObject(repo, 'dirtree', tree);
  const listing = repo.loadDirtree(tree);
  const old = base === undefined ? undefined : repo.loadDirtree(base);
  const oldFiles = new Map(old?.files.map((file) => [file.name, file.checksum]));
  for (const file of listing.files)
    if (oldFiles.get(file.name) !== file.checksum) requireObject(repo, 'file', file.checksum);
  const oldDirs = new Map(old?.dirs.map((dir) => [dir.name, dir]));
  for (const dir of listing.dirs) {
    const before = oldDirs.get(dir.name);
    if (before?.meta !== dir.meta) requireObject(repo, 'dirmeta', dir.meta);
    checkTree(repo, dir.tree, before?.tree, seen, depth + 1);
  }
}

function requireObject(repo: Repository, type: ObjectType, checksum: Checksum): void {
  if (!repo.hasObject(type, checksum)) throw invalidDelta(`it does not bring the ${type} object ${checksum}`);
}
