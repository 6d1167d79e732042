/** A `file://` remote: another repository on this machine. */
import { isChecksum, type OperationContext, UsageError } from '../../base/index.ts';
import { pullLocal } from '../pull-local.ts';
import { Repository } from '../repository.ts';
import type { PullOptions, RemotePullReport } from './options.ts';
import type { RemoteConfig } from './remote-config.ts';
import { checkNotOlder, Trust } from './trust.ts';

/**
 * Takes the branches by `pullLocal`. Signatures that the remote's configuration asks for are demanded here too; the
 * default demand for GPG signatures does not concern folders of this machine.
 */
export async function pullFromFolder(
  repo: Repository,
  remote: RemoteConfig,
  options: PullOptions,
  ctx: OperationContext,
): Promise<RemotePullReport> {
  if (options.subpaths !== undefined || options.commitMetadataOnly === true)
    throw new UsageError('USAGE', 'parts of commits cannot be pulled from file://');
  const src = Repository.open(decodeURIComponent(new URL(remote.url).pathname));
  const local = () => [...src.listRefs().keys()].filter((name) => !name.includes(':'));
  const wanted = options.refs?.length ? options.refs : remote.branches.length ? remote.branches : local();
  const trust = new Trust(repo, { ...remote, gpgVerify: remote.gpgAsked }, options.keysRoot, ctx.signal);
  const branches = wanted.filter((name) => !isChecksum(name));
  const before = new Map(branches.map((name) => [name, repo.readRef(refHere(remote, options, name))]));
  for (const name of wanted) {
    const commit = src.resolveRev(name);
    await trust.checkCommit(commit, src.loadCommitBytes(commit), src.loadDetachedMetadata(commit));
    const old = before.get(name);
    if (options.timestampCheck === true && old !== undefined && repo.hasObject('commit', old))
      checkNotOlder(name, repo.loadCommit(old), commit, src.loadCommit(commit));
  }
  const report = await pullLocal(
    repo,
    src,
    wanted,
    {
      ...(options.mirror === true ? {} : { remote: remote.name }),
      ...(options.depth === undefined ? {} : { depth: options.depth }),
    },
    ctx,
  );
  const refs = branches
    .map((name) => ({ name, ref: refHere(remote, options, name) }))
    .flatMap(({ name, ref }) => {
      const commit = repo.readRef(ref);
      return commit === undefined ? [] : [{ ref, commit, previous: before.get(name) }];
    });
  return { refs, commits: report.commits, objects: report.objects, bytes: 0, requests: 0, deltas: 0 };
}

function refHere(remote: RemoteConfig, options: PullOptions, name: string): string {
  return options.mirror === true ? name : `${remote.name}:${name}`;
}
