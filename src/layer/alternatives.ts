/** opkg's alternatives (opkg.md section 9): of all installed packages that name a path, the highest priority has the link. */
import { compareBytes, type PackageName, type RelPath } from '../base/index.ts';
import type { MutableTree, Repository, Transaction } from '../ostree/index.ts';
import type { Alternative } from '../packages/index.ts';
import type { BaseDatabase } from './database.ts';
import { mappedPath } from './database.ts';
import { forbiddenPath, forbiddenReason } from './forbidden.ts';
import { linkDestination } from './merged-names.ts';
import type { LayerPackage } from './spec.ts';
import { ensureParents, linkAttributes, linkTarget } from './tree-files.ts';

interface Candidate extends Alternative {
  readonly owner: PackageName;
  readonly mapped: RelPath;
}

/** What one pass over alternatives works on. */
export interface AlternativesInput {
  readonly base: BaseDatabase;
  /** Base packages that are gone. */
  readonly gone: ReadonlySet<PackageName>;
  readonly packages: readonly LayerPackage[];
}

/** Sets the links that the layer has a say in; the base's others are left as they are. Returns notes. */
export function updateAlternatives(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  input: AlternativesInput,
): string[] {
  const { base, gone } = input;
  const layered = input.packages.flatMap(({ commit: { record } }) =>
    candidates(record.name, record.alternatives),
  );
  const dropped = [...gone].flatMap((name) => candidates(name, base.alternativesOf(name)));
  const touched = new Set([...layered, ...dropped].map((c) => c.mapped));
  if (touched.size === 0) return [];
  const staying = [...base.entries.keys()].filter((name) => !gone.has(name));
  const all = [...layered, ...staying.flatMap((name) => candidates(name, base.alternativesOf(name)))];
  const notes: string[] = [];
  for (const path of [...touched].sort(compareBytes)) {
    const owner = layered.find((c) => c.mapped === path)?.owner;
    const reason = forbiddenReason(path);
    if (owner !== undefined && reason !== undefined) throw forbiddenPath(owner, path, reason);
    const [winner] = all.filter((c) => c.mapped === path).sort(byPriority);
    const note = setLink(repo, txn, tree, path, winner?.target ?? busyboxTarget(base, gone, path));
    if (note !== undefined) notes.push(note);
  }
  return notes;
}

function candidates(owner: PackageName, alternatives: readonly Alternative[]): Candidate[] {
  return alternatives.flatMap((alternative) => {
    const mapped = alternative.path.startsWith('/') ? mappedPath(alternative.path) : undefined;
    return mapped === undefined || alternative.target === '' ? [] : [{ ...alternative, owner, mapped }];
  });
}

/** opkg gives a tie to the first found, which is hash order there; here it is the first by name. */
function byPriority(a: Candidate, b: Candidate): number {
  return b.priority - a.priority || compareBytes(a.owner, b.owner) || compareBytes(a.target, b.target);
}

function busyboxTarget(
  base: BaseDatabase,
  gone: ReadonlySet<PackageName>,
  path: RelPath,
): string | undefined {
  const has = base.ownersOf(path).some((owner) => owner === 'busybox' && !gone.has(owner));
  return has ? '/bin/busybox' : undefined;
}

function setLink(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  path: RelPath,
  target: string | undefined,
): string | undefined {
  const present = tree.lookup(path);
  const isLink = present?.kind === 'file' && linkTarget(repo, present.checksum) !== undefined;
  if (present !== undefined && !isLink) {
    // A program at the merged path of its own alternative: /bin/x for /usr/bin/x is itself.
    const itself = target !== undefined && linkDestination(path, target) === path;
    return itself ? undefined : `/${path} exists but is not a symlink; no alternative is linked there`;
  }
  if (target === undefined) {
    tree.remove(path);
    return undefined;
  }
  if (linkDestination(path, target) === path) return undefined;
  if (!ensureParents(tree, path)) return `/${path} cannot be an alternative: its folder is a link`;
  tree.putFile(path, txn.writeSymlink(linkAttributes, target));
  return undefined;
}
