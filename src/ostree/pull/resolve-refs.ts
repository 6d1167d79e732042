/** Which commits a pull is about. */
import { type Checksum, isChecksum, ParseError, RefusedError, textOf, toRefName } from '../../base/index.ts';
import { summaryRef } from '../summary.ts';
import type { FetchedSummary } from './fetch-summary.ts';
import type { PullOptions } from './options.ts';
import type { RemoteConfig } from './remote-config.ts';
import type { Source } from './source.ts';

/** A commit that was asked for. */
export interface Tip {
  /** The branch as the remote calls it; undefined where a commit was named. */
  readonly branch: string | undefined;
  readonly commit: Checksum;
  /** Bytes of the commit object, where the summary tells. */
  readonly size: number | undefined;
}

const maxRefFile = 4096;

/** The names that are wanted; RefusedError OSTREE_REF_NOT_FOUND where none is named anywhere. */
export function wantedNames(
  remote: RemoteConfig,
  options: PullOptions,
  summary: FetchedSummary | undefined,
): readonly string[] {
  if (options.refs !== undefined && options.refs.length > 0) return options.refs;
  if (remote.branches.length > 0) return remote.branches;
  if (options.mirror === true && summary !== undefined) return summary.summary.refs.map(({ name }) => name);
  throw new RefusedError('OSTREE_REF_NOT_FOUND', `no branch of '${remote.name}' is named or configured`, {
    hint: options.mirror === true ? 'the remote has no summary: name the branches' : 'name a branch',
  });
}

/** The commits of the names. A summary, where there is one, has the last word. RefusedError OSTREE_REF_NOT_FOUND. */
export async function resolveTips(
  source: Source,
  remote: RemoteConfig,
  names: readonly string[],
  fetched: FetchedSummary | undefined,
): Promise<Tip[]> {
  const tips: Tip[] = [];
  for (const name of new Set(names)) {
    if (isChecksum(name)) {
      tips.push({ branch: undefined, commit: name, size: undefined });
      continue;
    }
    const branch = localName(name);
    const entry = fetched === undefined ? undefined : summaryRef(fetched.summary, branch);
    if (entry !== undefined) tips.push({ branch, commit: entry.commit, size: entry.size });
    else if (fetched !== undefined) throw notFound(remote, branch, 'its summary does not list it');
    else tips.push({ branch, commit: await readRemoteRef(source, remote, branch), size: undefined });
  }
  return tips;
}

async function readRemoteRef(source: Source, remote: RemoteConfig, branch: string): Promise<Checksum> {
  const bytes = await source.readIfThere('repo', `refs/heads/${branch}`, maxRefFile);
  if (bytes === undefined) throw notFound(remote, branch, 'there is no such ref');
  const text = textOf(bytes).trimEnd();
  if (isChecksum(text)) return text;
  throw new ParseError('OSTREE_REF_INVALID', `the ref '${branch}' of '${remote.name}' holds no checksum`);
}

/** The branch without a remote's name; ParseError OSTREE_REF_INVALID. */
function localName(name: string): string {
  const branch: string = toRefName(name);
  if (!branch.includes(':')) return branch;
  throw new ParseError('OSTREE_REF_INVALID', `'${name}' names a remote: give the branch alone`);
}

function notFound(remote: RemoteConfig, branch: string, why: string): RefusedError {
  return new RefusedError('OSTREE_REF_NOT_FOUND', `'${remote.name}' has no branch '${branch}': ${why}`, {
    details: { remote: remote.name, ref: branch },
  });
}
