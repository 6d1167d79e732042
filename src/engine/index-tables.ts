/**
 * The tables of the feeds' indices (docs/formats/index-cache.md), kept beside the snapshots that they belong to:
 *
 * ```
 * <repo>/extensions/opkg-ostree/index/<digest of the index>
 * ```
 *
 * `extensions` is the folder that libostree leaves to others.
 */
import { join } from 'node:path/posix';
import { type Checksum, equalBytes, isChecksum, isOpkgOstreeError } from '../base/index.ts';
import {
  FeedIndex,
  type IndexTable,
  makeIndexTable,
  parseIndexTable,
  renderIndexTable,
  unpackIndexSync,
} from '../ipk/index.ts';
import type { Repository } from '../ostree/index.ts';
import {
  mkdirp,
  readdirIfExists,
  readFileIfExists,
  statIfExists,
  unlinkIfExists,
  writeFileDurable,
} from '../sys/index.ts';

interface KnownIndex {
  readonly name: string;
  readonly url: string;
  readonly digest: Checksum;
}

/** A table of the largest index that is read stays below this. */
const maxTableBytes = 128 << 20;

/** The feed's index, by its table; where that is missing or damaged it is made again from the index, and kept if that can be. */
export function openIndex(repo: Repository, feed: KnownIndex, served: () => Uint8Array): FeedIndex {
  const table = readTable(repo, feed.digest);
  if (table !== undefined) return new FeedIndex(feed, table, served);
  const index = served();
  return new FeedIndex(feed, storeTable(repo, feed.digest, index), () => index);
}

/** As `openIndex`, with the table made from the index in any case: what `update` does, so that no table outlives a doubt. */
export function renewIndex(repo: Repository, feed: KnownIndex, index: Uint8Array): FeedIndex {
  return new FeedIndex(feed, storeTable(repo, feed.digest, index), () => index);
}

/** Removes the tables of indices that nothing names any more. */
export function sweepTables(repo: Repository, keep: ReadonlySet<string>): void {
  for (const name of readdirIfExists(tableFolder(repo))) {
    if (!isChecksum(name) || !keep.has(name)) unlinkIfExists(join(tableFolder(repo), name));
  }
}

function readTable(repo: Repository, digest: Checksum): IndexTable | undefined {
  const path = join(tableFolder(repo), digest);
  try {
    const stats = statIfExists(path);
    if (stats?.isFile() !== true || stats.size > maxTableBytes) return undefined;
    const bytes = readFileIfExists(path);
    return bytes === undefined ? undefined : parseIndexTable(bytes, digest);
  } catch (error) {
    // A cache: whatever is wrong with it, the index itself is there.
    if (!isOpkgOstreeError(error)) throw error;
    return undefined;
  }
}

function storeTable(repo: Repository, digest: Checksum, index: Uint8Array): IndexTable {
  const table = makeIndexTable(unpackIndexSync(index));
  const bytes = renderIndexTable(table, digest);
  const path = join(tableFolder(repo), digest);
  try {
    const present = readFileIfExists(path);
    // Flash writes are counted.
    if (present !== undefined && equalBytes(present, bytes)) return table;
    mkdirp(tableFolder(repo));
    writeFileDurable(path, bytes);
  } catch (error) {
    // Who may only read, or has no room, goes without.
    if (!isOpkgOstreeError(error)) throw error;
  }
  return table;
}

function tableFolder(repo: Repository): string {
  return join(repo.path, 'extensions/opkg-ostree/index');
}
