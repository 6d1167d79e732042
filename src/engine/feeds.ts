/** `update`: fetches and verifies every feed of the configuration, and stores the indices as a snapshot. */
import { type Checksum, ConfigError, type PackageName, RefusedError } from '../base/index.ts';
import { compareVersions, type FeedIndex, limitConcurrency } from '../ipk/index.ts';
import type { Repository } from '../ostree/index.ts';
import type { Environment } from './environment.ts';
import { belowFloor, raiseFloor, readFeedFloor, writeFeedFloor } from './feed-floor.ts';
import {
  currentSnapshotId,
  type FeedSnapshot,
  loadCurrentSnapshot,
  loadSnapshot,
  sweepIndexTables,
  writeSnapshot,
} from './feed-snapshot.ts';
import { type FetchedNow, fetchFeed, readRemembered, writeRemembered } from './fetch-feed.ts';
import { renewIndex } from './index-tables.ts';
import { readTreeState } from './installed.ts';
import { type ConfigPlace, type FeedConfig, readFeedConfig } from './opkg-config.ts';
import { noteSuccess, plainEntry, recordingRefusal } from './record.ts';
import { requireDeployment, type Where, withSession } from './session.ts';

/** Indices that are fetched at a time. */
const parallelFetches = 4;

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
    const deployment = requireDeployment(session);
    const { base } = readTreeState(session.sysroot.repo, deployment.checksum);
    const { snapshot, changed, warnings } = await recordingRefusal(env, session, () =>
      fetchFeeds(session, base, options, env),
    );
    noteSuccess(session.sysroot.varPath(session.stateroot), env, plainEntry(deployment.id));
    const feeds = snapshot.feeds.map(({ name, url, keyId }, at) => ({
      name,
      url,
      packages: snapshot.indices[at]?.rows.length ?? 0,
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
  session: ConfigPlace,
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
  const fetched = await fetchAll(repo, config, env);
  const previous = currentSnapshotId(repo);
  const indices = fetched.map(({ feed }) => renewIndex(repo, feed, feed.index));
  const last = await loadCurrentSnapshot(repo);
  const floor = readFeedFloor(repo);
  const next = indices.map((index, at) => ({ index, digest: fetched[at]?.feed.digest ?? '' }));
  if (!options.allowOlder) refuseOlder(last?.indices ?? [], indices, belowFloor(floor, next));
  const id = await writeSnapshot(
    repo,
    fetched.map(({ feed }) => feed),
  );
  writeRemembered(
    repo,
    fetched.map(({ remembered }) => remembered),
  );
  const before = (last?.indices ?? []).map((index, at) => ({ index, digest: last?.feeds[at]?.digest ?? '' }));
  writeFeedFloor(repo, raiseFloor(floor, before, next));
  sweepIndexTables(repo);
  const snapshot = await loadSnapshot(repo, id);
  if (snapshot === undefined)
    throw new RefusedError('FEED_MISSING', 'the feed snapshot vanished while it was written');
  return { snapshot, changed: id !== previous, warnings: [...config.warnings, ...snapshot.skipped] };
}

/** Every feed beside each other, in the configuration's order; the first failure stops the rest. */
async function fetchAll(repo: Repository, config: FeedConfig, env: Environment): Promise<FetchedNow[]> {
  const { feeds } = config.opkg;
  const known = readRemembered(repo);
  let done = 0;
  env.onProgress({ phase: 'download', message: 'feed indices', done, total: feeds.length });
  return limitConcurrency(parallelFetches, feeds, async (feed, stop) => {
    const signal = env.signal === undefined ? stop : AbortSignal.any([env.signal, stop]);
    // opkg too verifies only where the option is there; OpenWrt's own configuration has it.
    const options = { ...config.transfer, keys: config.opkg.checkSignature ? config.keys : undefined };
    const fetched = await fetchFeed(repo, feed, known, options, { onProgress: env.onProgress, signal });
    done++;
    env.onProgress({ phase: 'download', message: `index of ${feed.name}`, done, total: feeds.length });
    return fetched;
  });
}

/** An index that offers only older versions of something it offered before was replayed, or its maker took a fix back. */
function refuseOlder(
  last: readonly FeedIndex[],
  next: readonly FeedIndex[],
  replayed: readonly string[],
): void {
  const before = newestVersions(last);
  const after = newestVersions(next);
  const versions = [...before].flatMap(([key, { name, feed, version }]) => {
    const now = after.get(key)?.version;
    return now !== undefined && compareVersions(now, version) < 0
      ? [`${feed}: ${name} ${version} -> ${now}`]
      : [];
  });
  const older = [...versions, ...replayed];
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
function newestVersions(indices: readonly FeedIndex[]) {
  const newest = new Map<string, { name: PackageName; feed: string; version: string }>();
  for (const { feed, rows } of indices) {
    for (const { name, version } of rows) {
      const key = `${feed.url} ${name}`;
      const known = newest.get(key);
      if (known === undefined || compareVersions(version, known.version) > 0) {
        newest.set(key, { name, feed: feed.name, version });
      }
    }
  }
  return newest;
}
