/**
 * Feed snapshots in the object store. A snapshot holds every feed's index and signature, byte for byte, as a commit; a
 * deployment's origin names the one it was solved against, so that its layer can be built again without the network. The
 * commit's checksum is the snapshot's id: the same indices give the same id on every router.
 *
 * ```
 * refs/heads/opkg-ostree/feeds/current   the newest
 * refs/heads/opkg-ostree/feeds/<id>      kept while an origin names it
 *   <n>/index      Packages or Packages.gz as it came, for the n-th feed of the metadata
 *   <n>/signature  Packages.sig, where there is one
 * ```
 */
import {
  type Checksum,
  isChecksum,
  ParseError,
  type RefName,
  sha256Hex,
  toRefName,
  toRelPath,
} from '../base/index.ts';
import type { FeedIndex } from '../ipk/index.ts';
import {
  type Attributes,
  type Commit,
  dictGet,
  dictString,
  MutableTree,
  type Repository,
  type VariantDict,
  v,
} from '../ostree/index.ts';
import type { PackageLookup } from '../packages/index.ts';
import { openIndex, sweepTables } from './index-tables.ts';

/** One feed of a snapshot. */
export interface SnapshotFeed {
  readonly name: string;
  readonly url: string;
  /** SHA-256 of the index as it came. */
  readonly digest: Checksum;
  /** Fingerprint of the key that signed it; undefined where the admin took it unsigned. */
  readonly keyId: string | undefined;
}

export interface FeedSnapshot {
  readonly id: Checksum;
  readonly feeds: readonly SnapshotFeed[];
  /** The feeds' indices in the same order; what they offer is read when it is asked for. */
  readonly indices: readonly FeedIndex[];
  /** What all feeds offer, by name. */
  readonly lookup: PackageLookup;
  /** Entries of the indices that cannot be used, with the reason. */
  readonly skipped: readonly string[];
}

/** A feed's index as it was fetched and verified. */
export interface FetchedFeed extends SnapshotFeed {
  readonly index: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

const prefix = 'opkg-ostree/feeds';
const currentRef = toRefName(`${prefix}/current`);
const directory: Attributes = { uid: 0, gid: 0, mode: 0o040755, xattrs: [] };
const plainFile: Attributes = { uid: 0, gid: 0, mode: 0o100644, xattrs: [] };
const feedsKey = 'opkgostree.feeds';
const maxIndexBytes = 128 << 20;

/** Stores a snapshot and makes it the newest; returns its id. */
export function writeSnapshot(repo: Repository, feeds: readonly FetchedFeed[]): Promise<Checksum> {
  return repo.withTransaction((txn) => {
    const tree = MutableTree.empty(repo, directory);
    feeds.forEach((feed, index) => {
      tree.ensureDirectory(toRelPath(String(index)), directory);
      tree.putFile(toRelPath(`${index}/index`), txn.writeFile(plainFile, feed.index));
      if (feed.signature !== undefined)
        tree.putFile(toRelPath(`${index}/signature`), txn.writeFile(plainFile, feed.signature));
    });
    const commit = txn.writeCommit({
      metadata: [[feedsKey, { type: 'aa{sv}', value: feeds.map(encodeFeed) }]],
      subject: 'feed snapshot',
      body: '',
      timestamp: 0,
      ...tree.write(txn),
    });
    txn.setRef(currentRef, commit);
    txn.setRef(snapshotRef(commit), commit);
    return commit;
  });
}

/** The id of the newest snapshot, or undefined before the first `update`. */
export function currentSnapshotId(repo: Repository): Checksum | undefined {
  return repo.readRef(currentRef);
}

/** The names below `opkg-ostree/feeds` that belong to the newest snapshot. */
export function currentSnapshotNames(repo: Repository): string[] {
  const id = currentSnapshotId(repo);
  return id === undefined ? [] : ['current', id];
}

/** The newest snapshot, or undefined before the first `update`. */
export async function loadCurrentSnapshot(repo: Repository): Promise<FeedSnapshot | undefined> {
  return loadSnapshot(repo, currentSnapshotId(repo));
}

/** The snapshot of that id, or undefined where it is not (or no longer) in the repository. */
export async function loadSnapshot(
  repo: Repository,
  id: string | undefined,
): Promise<FeedSnapshot | undefined> {
  if (id === undefined || !isChecksum(id) || !repo.hasObject('commit', id)) return undefined;
  const commit = repo.loadCommit(id);
  const feeds = decodeFeeds(commit);
  const indices = feeds.map((feed, at) =>
    openIndex(repo, feed, () => readSnapshotFile(repo, commit, `${at}/index`)),
  );
  return makeSnapshot(id, feeds, indices);
}

function makeSnapshot(
  id: Checksum,
  feeds: readonly SnapshotFeed[],
  indices: readonly FeedIndex[],
): FeedSnapshot {
  return {
    id,
    feeds,
    indices,
    lookup: {
      answering: (name) => indices.flatMap((index) => index.answering(name)),
      names: () => indices.flatMap((index) => [...index.names()]),
    },
    skipped: indices.flatMap((index) => index.skipped.map((reason) => `${index.feed.name}: ${reason}`)),
  };
}

/** An index of the newest snapshot, by its address and digest, with its signature where it has one. */
export function findStoredIndex(
  repo: Repository,
  wanted: { readonly url: string; readonly digest: Checksum },
): { readonly index: Uint8Array; readonly signature: Uint8Array | undefined } | undefined {
  const id = currentSnapshotId(repo);
  if (id === undefined || !repo.hasObject('commit', id)) return undefined;
  const commit = repo.loadCommit(id);
  const at = decodeFeeds(commit).findIndex(
    ({ url, digest }) => url === wanted.url && digest === wanted.digest,
  );
  if (at === -1) return undefined;
  const index = readSnapshotFile(repo, commit, `${at}/index`);
  // A disk that lost a bit must not be mistaken for what the server still has.
  if (sha256Hex(index) !== wanted.digest) return undefined;
  const hasSignature = lookupFile(repo, commit, `${at}/signature`) !== undefined;
  return { index, signature: hasSignature ? readSnapshotFile(repo, commit, `${at}/signature`) : undefined };
}

/** The indices of the newest snapshot as they came, each with its signature where it has one; none before the first `update`. */
export function readSnapshotFiles(
  repo: Repository,
): { readonly name: string; readonly index: Uint8Array; readonly signature: Uint8Array | undefined }[] {
  const id = currentSnapshotId(repo);
  if (id === undefined || !repo.hasObject('commit', id)) return [];
  const commit = repo.loadCommit(id);
  return decodeFeeds(commit).map(({ name }, at) => ({
    name,
    index: readSnapshotFile(repo, commit, `${at}/index`),
    signature:
      lookupFile(repo, commit, `${at}/signature`) === undefined
        ? undefined
        : readSnapshotFile(repo, commit, `${at}/signature`),
  }));
}

/** Removes the index tables that belong to no snapshot of the repository any more. */
export function sweepIndexTables(repo: Repository): void {
  const commits = [...repo.listRefs(prefix).values()].filter((id) => repo.hasObject('commit', id));
  sweepTables(
    repo,
    new Set(commits.flatMap((id) => decodeFeeds(repo.loadCommit(id)).map(({ digest }) => digest))),
  );
}

function readSnapshotFile(repo: Repository, commit: Commit, path: string): Uint8Array {
  const checksum = lookupFile(repo, commit, path);
  if (checksum === undefined) throw brokenSnapshot();
  return repo.loadFile(checksum).readAll(maxIndexBytes);
}

function lookupFile(repo: Repository, commit: Commit, path: string): Checksum | undefined {
  const entry = MutableTree.open(repo, commit.tree, commit.meta).lookup(toRelPath(path));
  return entry?.kind === 'file' ? entry.checksum : undefined;
}

function encodeFeed(feed: SnapshotFeed): VariantDict {
  return [
    ['name', v.string(feed.name)],
    ['url', v.string(feed.url)],
    ['digest', v.string(feed.digest)],
    ...(feed.keyId === undefined ? [] : [['key', v.string(feed.keyId)] as const]),
  ];
}

function decodeFeeds(commit: Commit): SnapshotFeed[] {
  const variant = dictGet(commit.metadata, feedsKey);
  if (variant?.type !== 'aa{sv}') throw brokenSnapshot();
  // The type string has just been checked: an array of dictionaries.
  return (variant.value as readonly VariantDict[]).map((dict) => {
    const digest = dictString(dict, 'digest') ?? '';
    if (!isChecksum(digest)) throw brokenSnapshot();
    return {
      name: dictString(dict, 'name') ?? '',
      url: dictString(dict, 'url') ?? '',
      digest,
      keyId: dictString(dict, 'key'),
    };
  });
}

function snapshotRef(id: Checksum): RefName {
  return toRefName(`${prefix}/${id}`);
}

function brokenSnapshot(): ParseError {
  return new ParseError('OSTREE_OBJECT_CORRUPT', 'the feed snapshot is damaged', {
    hint: "fetch it anew with 'opkg-ostree update'",
  });
}
