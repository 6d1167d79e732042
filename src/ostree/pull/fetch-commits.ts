/** Fetches commit objects and decides whether they may be taken, before anything of theirs is asked for. */
import { type Checksum, sha256Hex } from '../../base/index.ts';
import { decodeDict, encodeDict, type VariantDict } from '../gvariant.ts';
import { type Commit, decodeCommit, maxMetadataSize } from '../objects.ts';
import type { Repository } from '../repository.ts';
import { objectName } from '../staging.ts';
import { wrong } from './fetch-objects.ts';
import type { PullOptions } from './options.ts';
import type { RemoteConfig } from './remote-config.ts';
import type { Tip } from './resolve-refs.ts';
import { isNotFound, type Source } from './source.ts';
import { checkBinding, checkNotOlder, type Trust } from './trust.ts';

/** A commit that may be taken. */
export interface CheckedCommit {
  readonly checksum: Checksum;
  readonly commit: Commit;
  readonly bytes: Uint8Array;
  /** Detached metadata that the remote has and the repository has not. */
  readonly detached: VariantDict | undefined;
  /** True when the repository has it with all that it needs. */
  readonly whole: boolean;
}

const maxDetached = 16 << 20;

export interface CommitChecks {
  readonly repo: Repository;
  readonly source: Source;
  readonly remote: RemoteConfig;
  readonly trust: Trust;
  readonly options: PullOptions;
}

/** The tip and as many of its ancestors as are wanted and there, each checked: signature, size, time, binding. */
export async function fetchHistory(
  checks: CommitChecks,
  tip: Tip,
  current: Checksum | undefined,
): Promise<CheckedCommit[]> {
  const first = await fetchCommit(checks, tip.commit, tip.size);
  const { options, remote, repo } = checks;
  if (options.timestampCheck === true && tip.branch !== undefined && current !== undefined)
    checkNotOlder(tip.branch, repo.loadCommit(current), tip.commit, first.commit);
  if (tip.branch !== undefined && options.disableVerifyBindings !== true)
    checkBinding(remote, tip.branch, tip.commit, first.commit);
  const history = [first];
  let parent = first.commit.parent;
  for (let left = options.depth ?? 0; left !== 0 && parent !== undefined; left--) {
    const next: CheckedCommit | undefined = await fetchParent(checks, parent);
    if (next === undefined) break;
    history.push(next);
    parent = next.commit.parent;
  }
  return history;
}

/** A publisher may have dropped old commits. */
async function fetchParent(checks: CommitChecks, checksum: Checksum): Promise<CheckedCommit | undefined> {
  try {
    return await fetchCommit(checks, checksum, undefined);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function fetchCommit(
  { repo, source, trust }: CommitChecks,
  checksum: Checksum,
  size: number | undefined,
): Promise<CheckedCommit> {
  // Asked for even when the commit is here: signatures are added later.
  const meta = await source.readIfThere('content', objectPath('commitmeta', checksum), maxDetached);
  const theirs = meta === undefined || meta.byteLength === 0 ? undefined : decodeDict(meta);
  const here = repo.hasObject('commit', checksum);
  const ours = here ? repo.loadDetachedMetadata(checksum) : [];
  const bytes = here
    ? repo.loadCommitBytes(checksum)
    : await source.read('content', objectPath('commit', checksum), size ?? maxMetadataSize);
  const actual = sha256Hex(bytes);
  if (actual !== checksum) throw wrong('commit', checksum, actual);
  await trust.checkCommit(checksum, bytes, theirs ?? ours);
  const isNew = theirs !== undefined && Buffer.compare(encodeDict(theirs), encodeDict(ours)) !== 0;
  return {
    checksum,
    commit: decodeCommit(bytes),
    bytes,
    detached: isNew ? theirs : undefined,
    whole: here && !repo.isPartial(checksum),
  };
}

function objectPath(type: 'commit' | 'commitmeta', checksum: Checksum): string {
  return `objects/${objectName(type, checksum, 'archive')}`;
}
