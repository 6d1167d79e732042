/** What each deployment holds alone: the flash that dropping it would give back at least. */
import type { Checksum } from '../base/index.ts';
import type { Deployment } from '../boot/index.ts';
import { packageRefPrefix, readLayerMetadata } from '../layer/index.ts';
import { type Repository, walkTree } from '../ostree/index.ts';
import { lstatIfExists } from '../sys/index.ts';
import type { Session } from './session.ts';
import { checkoutBytes } from './space.ts';

const blockSize = 4096;

/**
 * Bytes by deployment id: the objects that no other deployment and no branch reaches, and the checkout itself. Packages
 * in the cache do not count as holders: cleanup drops them with the last deployment that uses them.
 */
export function uniqueBytes({ sysroot, deployments }: Session): ReadonlyMap<string, number> {
  const { repo } = sysroot;
  const holders = new Map<string, string | null>();
  const hold = (holder: string, commits: readonly Checksum[]) => {
    const seen = new Set<string>();
    for (const commit of commits) collect(repo, commit, seen);
    for (const key of seen) holders.set(key, holders.has(key) ? null : holder);
  };
  hold('', branchCommits(repo));
  for (const deployment of deployments) hold(deployment.id, commitsOf(repo, deployment));
  const sums = new Map(deployments.map(({ id, checksum }) => [id, checkoutBytes(repo, checksum)]));
  for (const [key, holder] of holders) {
    const sum = holder === null ? undefined : sums.get(holder);
    if (holder !== null && sum !== undefined) sums.set(holder, sum + storedBytes(repo, key));
  }
  return sums;
}

function commitsOf(repo: Repository, { checksum }: Deployment): Checksum[] {
  const base = readLayerMetadata(repo.loadCommit(checksum))?.base;
  return base === undefined ? [checksum] : [checksum, base];
}

/** What users and remotes named. Our own refs keep what deployments need, and go with them. */
function branchCommits(repo: Repository): Checksum[] {
  const own = packageRefPrefix.split('/')[0] ?? '';
  return [...repo.listRefs()].flatMap(([name, commit]) =>
    name.startsWith(`${own}/`) || name.startsWith('ostree/') || !repo.hasObject('commit', commit)
      ? []
      : [commit],
  );
}

function collect(repo: Repository, commit: Checksum, seen: Set<string>): void {
  const own = `${commit}.commit`;
  if (seen.has(own) || !repo.hasObject('commit', commit)) return;
  seen.add(own);
  for (const _ of walkTree(repo, repo.loadCommit(commit), seen, true));
}

function storedBytes(repo: Repository, key: string): number {
  const [checksum = '', type = ''] = key.split('.');
  const stats = lstatIfExists(repo.objectPath(type as 'file', checksum as Checksum));
  return Math.ceil((stats?.size ?? 0) / blockSize) * blockSize;
}
