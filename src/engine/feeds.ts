/** `update`: fetches and verifies every feed of the configuration, and stores the indices as a snapshot. */
import { type Checksum, ConfigError, type PackageName, RefusedError } from '../base/index.ts';
import { compareVersions, type Feed, fetchIndex } from '../ipk/index.ts';
import type { Environment } from './environment.ts';
import {
  currentSnapshotId,
  type FeedSnapshot,
  type FetchedFeed,
  loadCurrentSnapshot,
  loadSnapshot,
  writeSnapshot,
} from './feed-snapshot.ts';
import { readTreeState } from './installed.ts';
import { type FeedConfig, readFeedConfig } from './opkg-config.ts';
import { requireDeployment, type Session, type Where, withSession } from './session.ts';

export interface FetchOptions {
  /** Accept an index whose versions went back. */
  readonly allowOlder: boolean;
}

export interface FetchResult {
  readonly snapshot: FeedSnapshot;
  /** False when the indices are those of the last snapshot. */
  readonly changed: boolean;
  readonly warnings: readonly string[];
}

/** What `update` tells. */
export interface UpdateDocument {
  readonly snapshot: Checksum;
  readonly changed: boolean;
  readonly feeds: readonly {
    readonly name: string;
    readonly url: string;
    readonly packages: number;
    readonly 'signed-by': string | null;
  }[];
  readonly warnings: readonly string[];
}

/** Fetches the feeds of the merge deployment into a new snapshot. */
export function updateFeeds(env: Environment, where: Where, options: FetchOptions): Promise<UpdateDocument> {
  return withSession(env, where, async (session) => {
    const { base } = readTreeState(session.sysroot.repo, requireDeployment(session).checksum);
    const { snapshot, changed, warnings } = await fetchFeeds(session, base, options, env);
    const counts = new Map<string, number>();
    for (const { origin } of snapshot.packages) {
      if (origin.kind === 'feed') counts.set(origin.feed, (counts.get(origin.feed) ?? 0) + 1);
    }
    const feeds = snapshot.feeds.map(({ name, url, keyId }) => ({
      name,
      url,
      packages: counts.get(name) ?? 0,
      'signed-by': keyId ?? null,
    }));
    return { snapshot: snapshot.id, changed, feeds, warnings };
  });
}

/**
 * Fetches the feeds that a deployment of `base` will have. All or nothing: one feed that fails leaves the last snapshot
 * in force. FEED_NOT_CONFIGURED, NETWORK_*, SIGNATURE_*; FEED_DOWNGRADE where versions went back.
 */
export async function fetchFeeds(
  session: Session,
  base: Checksum,
  options: FetchOptions,
  env: Environment,
): Promise<FetchResult> {
  const { repo } = session.sysroot;
  const config = readFeedConfig(session, base);
  if (config.opkg.feeds.length === 0) {
    throw new ConfigError('FEED_NOT_CONFIGURED', 'no feeds are configured', {
      hint: "add a line 'src/gz NAME URL' to /etc/opkg/customfeeds.conf",
    });
  }
  const fetched: FetchedFeed[] = [];
  for (const feed of config.opkg.feeds) fetched.push(await fetchFeed(feed, config, env));
  const previous = currentSnapshotId(repo);
  const last = options.allowOlder ? undefined : await loadCurrentSnapshot(repo);
  const id = await repo.withTransaction(async () => {
    const written = await writeSnapshot(repo, fetched);
    const next = await loadSnapshot(repo, written);
    if (last !== undefined && next !== undefined) refuseOlder(last, next);
    return written;
  });
  const snapshot = await loadSnapshot(repo, id);
  if (snapshot === undefined)
    throw new RefusedError('FEED_MISSING', 'the feed snapshot vanished while it was written');
  return { snapshot, changed: id !== previous, warnings: [...config.warnings, ...snapshot.skipped] };
}

async function fetchFeed(feed: Feed, config: FeedConfig, env: Environment): Promise<FetchedFeed> {
  env.onProgress({ phase: 'download', message: `index of ${feed.name}` });
  const { index, signature, keyId, digest } = await fetchIndex(
    feed,
    { ...config.transfer, keys: config.keys },
    env,
  );
  return { name: feed.name, url: feed.url, digest, keyId, index, signature };
}

/** An index that offers only older versions of something it offered before was replayed, or its maker took a fix back. */
function refuseOlder(last: FeedSnapshot, next: FeedSnapshot): void {
  const before = newestVersions(last);
  const after = newestVersions(next);
  const older = [...before].flatMap(([key, { name, feed, version }]) => {
    const now = after.get(key)?.version;
    return now !== undefined && compareVersions(now, version) < 0
      ? [`${feed}: ${name} ${version} -> ${now}`]
      : [];
  });
  const first = older[0];
  if (first === undefined) return;
  throw new RefusedError(
    'FEED_DOWNGRADE',
    `the feeds went back to older versions (${first}, ${older.length} in all)`,
    {
      hint: "'opkg-ostree update --allow-older' accepts them",
      details: { older: older.slice(0, 100) },
    },
  );
}

/** By address and name: the feeds of another release are other feeds, whatever they are called. */
function newestVersions({ feeds, packages }: FeedSnapshot) {
  const addresses = new Map(feeds.map(({ name, url }) => [name, url]));
  const newest = new Map<string, { name: PackageName; feed: string; version: string }>();
  for (const { name, version, origin } of packages) {
    const feed = origin.kind === 'feed' ? origin.feed : '';
    const key = `${addresses.get(feed) ?? feed} ${name}`;
    const known = newest.get(key);
    if (known === undefined || compareVersions(version, known.version) > 0) {
      newest.set(key, { name, feed, version });
    }
  }
  return newest;
}
