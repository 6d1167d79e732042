/**
 * What feeds have offered before, against replay: the last snapshot alone would forget a version as soon as one index leaves the
 * package out. Kept in the repository's folder, small: only what the newest indices no longer show.
 *
 * ```
 * extensions/opkg-ostree/feed-floor.json
 *   gone  address -> package -> newest version that was offered, for packages that the newest index lacks
 *   seen  address -> digests of indices that were replaced by others, oldest first
 * ```
 */
import { join } from 'node:path/posix';
import { compareVersions, type FeedIndex } from '../ipk/index.ts';
import type { Repository } from '../ostree/index.ts';
import { mkdirp, readTextIfExists, writeFileDurable } from '../sys/index.ts';

interface FloorOfFeed {
  readonly gone: ReadonlyMap<string, string>;
  readonly seen: readonly string[];
}

/** By a feed's address. */
export type FeedFloor = ReadonlyMap<string, FloorOfFeed>;

/** An index with the digest that it came with. */
export interface FloorIndex {
  readonly index: FeedIndex;
  readonly digest: string;
}

const maxSeen = 64;
const maxGone = 20_000;
const maxFeeds = 200;

/** The floor as it was left; an empty one where there is none or it cannot be read. */
export function readFeedFloor(repo: Repository): FeedFloor {
  try {
    return parseFloor(JSON.parse(readTextIfExists(floorPath(repo)) ?? '{}'));
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}

/** Writes the floor, durably, where it differs. */
export function writeFeedFloor(repo: Repository, floor: FeedFloor): void {
  const text = `${JSON.stringify(renderFloor(floor), null, 1)}\n`;
  if (readTextIfExists(floorPath(repo)) === text) return;
  mkdirp(join(repo.path, 'extensions/opkg-ostree'));
  writeFileDurable(floorPath(repo), text);
}

/** One sentence for each index, or package of one, that went back below the floor. Pure. */
export function belowFloor(floor: FeedFloor, next: readonly FloorIndex[]): string[] {
  return next.flatMap(({ index, digest }) => {
    const { name, url } = index.feed;
    const known = floor.get(url);
    if (known === undefined) return [];
    if (known.seen.includes(digest)) return [`${name}: an index that was replaced by a newer one before`];
    const newest = newestOf(index);
    return [...known.gone].flatMap(([item, version]) => {
      const now = newest.get(item);
      return now !== undefined && compareVersions(now, version) < 0
        ? [`${name}: ${item} ${version} -> ${now}`]
        : [];
    });
  });
}

/** The floor after `next` took the place of `last`; what the admin accepted becomes the new floor. Pure. */
export function raiseFloor(
  floor: FeedFloor,
  last: readonly FloorIndex[],
  next: readonly FloorIndex[],
): FeedFloor {
  const result = new Map(floor);
  for (const { index, digest } of next) {
    const { url } = index.feed;
    const before = last.find((entry) => entry.index.feed.url === url);
    const known = floor.get(url) ?? { gone: new Map(), seen: [] };
    const newest = newestOf(index);
    const missing = before === undefined ? [] : [...newestOf(before.index)];
    const gone = new Map([...known.gone, ...missing].filter(([name]) => !newest.has(name)));
    const replaced = before === undefined || before.digest === digest ? [] : [before.digest];
    const seen = [...known.seen.filter((old) => old !== digest && !replaced.includes(old)), ...replaced];
    // Entered again, so that the addresses in use are the last to be forgotten.
    result.delete(url);
    if (gone.size + seen.length > 0) {
      result.set(url, { gone: new Map([...gone].slice(-maxGone)), seen: seen.slice(-maxSeen) });
    }
  }
  return new Map([...result].slice(-maxFeeds));
}

function newestOf({ rows }: FeedIndex): Map<string, string> {
  const newest = new Map<string, string>();
  for (const { name, version } of rows) {
    const known = newest.get(name);
    if (known === undefined || compareVersions(version, known) > 0) newest.set(name, version);
  }
  return newest;
}

function renderFloor(floor: FeedFloor) {
  const feeds = [...floor].map(([url, { gone, seen }]) => [url, { gone: Object.fromEntries(gone), seen }]);
  return { api: 1, feeds: Object.fromEntries(feeds) };
}

function parseFloor(value: unknown): FeedFloor {
  const feeds = fieldOf(value, 'feeds');
  return new Map(
    entriesOf(feeds).map(([url, entry]) => {
      const seen = fieldOf(entry, 'seen');
      const gone = entriesOf(fieldOf(entry, 'gone')).flatMap(([name, version]): [string, string][] =>
        typeof version === 'string' ? [[name, version]] : [],
      );
      const digests = Array.isArray(seen) ? seen.filter((item) => typeof item === 'string') : [];
      return [url, { gone: new Map(gone), seen: digests }];
    }),
  );
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function fieldOf(value: unknown, name: string): unknown {
  return entriesOf(value).find(([key]) => key === name)?.[1];
}

function floorPath(repo: Repository): string {
  return join(repo.path, 'extensions/opkg-ostree/feed-floor.json');
}
