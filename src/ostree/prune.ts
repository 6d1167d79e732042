import { type Checksum, type OperationContext, silentContext, utf8 } from '../base/index.ts';
import { exists, lstatIfExists, unlinkIfExists, writeFileDurable } from '../sys/index.ts';
import { encodeDict, v } from './gvariant.ts';
import { listObjects, type StoredObject } from './object-list.ts';
import { Pace } from './pace.ts';
import { listMirrorRefs } from './refs.ts';
import type { Repository } from './repository.ts';
import { objectKey, walkHistory, walkTree } from './traverse.ts';

export interface PruneOptions {
  /** Commits that no ref reaches go too; otherwise every stored commit keeps what it needs. */
  readonly refsOnly?: boolean;
  /** How many parents of a ref's commit stay; -1, the default, all. */
  readonly depth?: number;
  /** Commits to keep besides the refs', deployments' for instance. */
  readonly extraRoots?: readonly Checksum[];
  /** Counts only. */
  readonly dryRun?: boolean;
}

export interface PruneReport {
  /** Objects before, objects that went (or would), and the bytes of their files. */
  readonly objects: number;
  readonly pruned: number;
  readonly bytes: number;
  readonly commits: readonly Checksum[];
}

/**
 * Deletes the objects that no root reaches, under the exclusive lock. Commits go first: a prune that is cut off
 * leaves objects too many, never a commit that looks whole and lacks some.
 */
export async function prune(
  repo: Repository,
  options: PruneOptions = {},
  ctx: OperationContext = silentContext,
): Promise<PruneReport> {
  const lock = await repo.lock(options.dryRun !== true, ctx.signal);
  try {
    const keep = reachableObjects(repo, options);
    const doomed: StoredObject[] = [];
    let objects = 0;
    for (const object of listObjects(repo)) {
      objects += 1;
      if (!keep.has(objectKey(object.type, object.checksum))) doomed.push(object);
    }
    const bytes = doomed.reduce((sum, { path }) => sum + (lstatIfExists(path)?.size ?? 0), 0);
    const commits = doomed.filter(({ type }) => type === 'commit').map(({ checksum }) => checksum);
    if (options.dryRun !== true) {
      await deleteObjects(repo, doomed, ctx);
      repo.sweepStaging();
    }
    return { objects, pruned: doomed.length, bytes, commits };
  } finally {
    lock?.release();
  }
}

function reachableObjects(repo: Repository, options: PruneOptions): Set<string> {
  const keep = new Set<string>();
  const tips = [...repo.listRefs().values(), ...listMirrorRefs(repo.path)];
  for (const tip of tips)
    for (const commit of walkHistory(repo, tip, options.depth ?? -1)) addCommit(repo, commit, keep);
  for (const commit of options.extraRoots ?? [])
    if (repo.hasObject('commit', commit)) addCommit(repo, commit, keep);
  if (options.refsOnly !== true) for (const commit of repo.listCommits()) addCommit(repo, commit, keep);
  for (const { type, checksum } of listObjects(repo)) {
    // A tombstone says that its commit is gone on purpose, which stays true.
    if (type === 'tombstone-commit' && repo.settings.tombstones) keep.add(objectKey(type, checksum));
  }
  return keep;
}

function addCommit(repo: Repository, commit: Checksum, keep: Set<string>): void {
  const key = objectKey('commit', commit);
  if (keep.has(key)) return;
  keep.add(key);
  keep.add(objectKey('commitmeta', commit));
  const walk = walkTree(repo, repo.loadCommit(commit), keep, repo.isPartial(commit));
  while (walk.next().done !== true);
}

async function deleteObjects(
  repo: Repository,
  doomed: readonly StoredObject[],
  ctx: OperationContext,
): Promise<void> {
  const pace = new Pace(ctx, 'cleanup', doomed.length);
  const isCommit = ({ type }: StoredObject) => type === 'commit';
  for (const object of [...doomed.filter(isCommit), ...doomed.filter((o) => !isCommit(o))]) {
    if (object.type === 'commit') buryCommit(repo, object.checksum);
    unlinkIfExists(object.path);
    if (pace.step()) await pace.rest();
  }
  pace.report();
}

/** What goes with a commit: its marker of incompleteness; what comes, where the repository wants it: a tombstone. */
function buryCommit(repo: Repository, commit: Checksum): void {
  unlinkIfExists(`${repo.path}/state/${commit}.commitpartial`);
  const tombstone = repo.objectPath('tombstone-commit', commit);
  if (!repo.settings.tombstones || exists(tombstone)) return;
  writeFileDurable(tombstone, encodeDict([['commit', v.bytes(utf8(`${commit}\0`))]]));
}
