/** One feed's index, fetched only where it is another one than the newest snapshot's. */
import { join } from 'node:path/posix';
import {
  type Checksum,
  isChecksum,
  isOpkgOstreeError,
  type OperationContext,
  VerificationError,
} from '../base/index.ts';
import {
  type Feed,
  type FetchIndexOptions,
  fetchIndex,
  type IndexValidators,
  refetchIndex,
  verifyIndex,
} from '../ipk/index.ts';
import type { Repository } from '../ostree/index.ts';
import { mkdirp, readTextIfExists, writeFileDurable } from '../sys/index.ts';
import { type FetchedFeed, findStoredIndex } from './feed-snapshot.ts';

/** What a server said of an index when it was fetched: enough to ask it whether that is still the one. */
export interface RememberedFetch extends IndexValidators {
  readonly url: string;
  readonly gzip: boolean;
  readonly digest: Checksum;
}

export interface FetchedNow {
  readonly feed: FetchedFeed;
  readonly remembered: RememberedFetch;
}

const maxRemembered = 1000;
const maxValidator = 1024;

/** What earlier fetches left, by address; nothing where that cannot be read, which costs a transfer and no more. */
export function readRemembered(repo: Repository): readonly RememberedFetch[] {
  try {
    const parsed: unknown = JSON.parse(readTextIfExists(rememberedPath(repo)) ?? '[]');
    return Array.isArray(parsed) ? parsed.slice(0, maxRemembered).flatMap(rememberedFrom) : [];
  } catch (error) {
    if (error instanceof SyntaxError || isOpkgOstreeError(error)) return [];
    throw error;
  }
}

/** Keeps what the servers said for the next fetch. */
export function writeRemembered(repo: Repository, entries: readonly RememberedFetch[]): void {
  const text = `${JSON.stringify(entries, null, 1)}\n`;
  if (readTextIfExists(rememberedPath(repo)) === text) return;
  mkdirp(join(repo.path, 'extensions/opkg-ostree'));
  writeFileDurable(rememberedPath(repo), text);
}

/**
 * The feed's index: the stored one where the server says that it is still the same, verified again with the keys of
 * today; else fetched. Errors as `fetchIndex`.
 */
export async function fetchFeed(
  repo: Repository,
  feed: Feed,
  known: readonly RememberedFetch[],
  options: FetchIndexOptions,
  ctx: OperationContext,
): Promise<FetchedNow> {
  const { name, url, gzip } = feed;
  const before = known.find((entry) => entry.url === url && entry.gzip === gzip);
  const stored = before === undefined ? undefined : await findUsable(repo, before, options);
  const fetched =
    before === undefined || stored === undefined
      ? await fetchIndex(feed, options, ctx)
      : await refetchIndex(feed, validatorsOf(before), options, ctx);
  if (fetched === undefined && before !== undefined && stored !== undefined) {
    return { feed: { name, url, ...stored }, remembered: before };
  }
  const got = fetched ?? (await fetchIndex(feed, options, ctx));
  const { validators, ...rest } = got;
  return { feed: { name, url, ...rest }, remembered: { url, gzip, digest: got.digest, ...validators } };
}

type Stored = Omit<FetchedFeed, 'name' | 'url'>;

/** The stored index, if a key of today's ring signed it (or none is asked for). */
async function findUsable(
  repo: Repository,
  before: RememberedFetch,
  { keys }: FetchIndexOptions,
): Promise<Stored | undefined> {
  if (before.etag === undefined && before.lastModified === undefined) return undefined;
  const stored = findStoredIndex(repo, before);
  if (stored === undefined) return undefined;
  const { digest } = before;
  if (keys === undefined) return { digest, index: stored.index, keyId: undefined, signature: undefined };
  if (stored.signature === undefined) return undefined;
  try {
    return { digest, ...stored, keyId: await verifyIndex(stored.index, stored.signature, keys) };
  } catch (error) {
    if (error instanceof VerificationError) return undefined;
    throw error;
  }
}

function validatorsOf({ etag, lastModified }: RememberedFetch): IndexValidators {
  return { ...(etag === undefined ? {} : { etag }), ...(lastModified === undefined ? {} : { lastModified }) };
}

function rememberedFrom(value: unknown): RememberedFetch[] {
  if (typeof value !== 'object' || value === null) return [];
  const { url, gzip, digest, etag, lastModified } = value as Readonly<Record<string, unknown>>;
  if (typeof url !== 'string' || typeof gzip !== 'boolean') return [];
  if (typeof digest !== 'string' || !isChecksum(digest)) return [];
  return [
    {
      url,
      gzip,
      digest,
      ...(isHeaderValue(etag) ? { etag } : {}),
      ...(isHeaderValue(lastModified) ? { lastModified } : {}),
    },
  ];
}

/** It is sent again as a header: no line breaks, no end in sight neither. */
function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxValidator && /^[\x20-\x7e]+$/u.test(value);
}

function rememberedPath(repo: Repository): string {
  return join(repo.path, 'extensions/opkg-ostree/fetched.json');
}
