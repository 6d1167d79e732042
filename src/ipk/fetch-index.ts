/** A feed's index and its signature over the network, verified before anything looks into it. */
import {
  type Checksum,
  concat,
  NetworkError,
  type OperationContext,
  ParseError,
  printable,
  sha256Hex,
  textOf,
  VerificationError,
} from '../base/index.ts';
import { type HttpResponse, httpGet } from '../sys/index.ts';
import type { Feed } from './conf.ts';
import { unpackIndex } from './packages-index.ts';
import { defaultRetry, withRetry } from './retry.ts';
import type { TransferOptions } from './transfer.ts';
import { parseUsignSignature, type UsignKeyRing, verifyUsign } from './usign.ts';

/** What a later fetch sends to learn that nothing changed. */
export interface IndexValidators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface FetchIndexOptions extends TransferOptions {
  /** The keys of which one must have signed the index; undefined where `check_signature` is off. */
  readonly keys: UsignKeyRing | undefined;
}

export interface FetchedIndex {
  /** `Packages` or `Packages.gz`, byte for byte as served. */
  readonly index: Uint8Array;
  /** `Packages.sig` as served; undefined where no signature was asked for. */
  readonly signature: Uint8Array | undefined;
  /** Fingerprint of the key that signed it. */
  readonly keyId: string | undefined;
  /** Of `index`. */
  readonly digest: Checksum;
  readonly validators: IndexValidators;
}

type FeedAddress = Pick<Feed, 'name' | 'url' | 'gzip'>;
type Context = Pick<OperationContext, 'signal' | 'onProgress'>;

/** Largest index and signature file as served; OpenWrt's largest index is 1 MiB. */
const maxIndex = 1 << 26;
const maxSignature = 1 << 14;

/**
 * The feed's index. NetworkError, FEED_MISSING among them where the address holds none; VerificationError SIGNATURE_MISSING,
 * SIGNATURE_KEY_UNKNOWN, SIGNATURE_INVALID; ParseError for damaged gzip.
 */
export async function fetchIndex(
  feed: FeedAddress,
  options: FetchIndexOptions,
  ctx: Context,
): Promise<FetchedIndex> {
  const fetched = await refetchIndex(feed, {}, options, ctx);
  if (fetched !== undefined) return fetched;
  throw new NetworkError('NETWORK_HTTP_STATUS', `feed ${feed.name}: the server answered 'unchanged' unasked`);
}

/** As `fetchIndex`, but undefined where the index is still the one that `previous` belongs to. */
export async function refetchIndex(
  feed: FeedAddress,
  previous: IndexValidators,
  options: FetchIndexOptions,
  ctx: Context,
): Promise<FetchedIndex | undefined> {
  const first = await fetchOnce(feed, previous, options, ctx);
  if (first === undefined || options.keys === undefined) return first;
  try {
    return await verified(feed, first, options.keys);
  } catch (error) {
    if (!(error instanceof VerificationError) || error.code !== 'SIGNATURE_INVALID') throw error;
    // The feed may have been published anew between its two files. Asked again at once, both are of one age.
    const second = await fetchOnce(feed, {}, options, ctx);
    if (second === undefined) throw error;
    return verified(feed, second, options.keys);
  }
}

/**
 * Returns the fingerprint of the key that signed the index (as served, gzipped or not); VerificationError SIGNATURE_* if
 * none of the ring did. For an index that was stored: opkg too verifies again at every install.
 */
export async function verifyIndex(
  index: Uint8Array,
  signature: Uint8Array,
  keys: UsignKeyRing,
): Promise<string> {
  const parsed = parseUsignSignature(textOf(signature));
  const pieces: Uint8Array[] = [];
  for await (const piece of unpackIndex([index])) pieces.push(piece);
  verifyUsign(concat(pieces), parsed, keys);
  return parsed.fingerprint;
}

async function verified(feed: FeedAddress, fetched: FetchedIndex, keys: UsignKeyRing): Promise<FetchedIndex> {
  const { index, signature } = fetched;
  if (signature === undefined) throw missingSignature(feed);
  try {
    return { ...fetched, keyId: await verifyIndex(index, signature, keys) };
  } catch (error) {
    throw ofFeed(feed, error);
  }
}

/** The error with the feed's name. An index that cannot even be unpacked is none that its signer signed. */
function ofFeed(feed: FeedAddress, error: unknown): unknown {
  if (!(error instanceof VerificationError) && !(error instanceof ParseError)) return error;
  const code = error instanceof VerificationError ? error.code : 'SIGNATURE_INVALID';
  return new VerificationError(code, `feed ${feed.name}: ${error.message}`, {
    cause: error,
    hint:
      error.hint ??
      "run 'opkg-ostree update' again; if it stays, the mirror serves something else than was signed",
    details: { ...error.details, feed: feed.name },
  });
}

async function fetchOnce(
  feed: FeedAddress,
  previous: IndexValidators,
  options: FetchIndexOptions,
  ctx: Context,
): Promise<FetchedIndex | undefined> {
  const headers = {
    ...(previous.etag === undefined ? {} : { 'if-none-match': previous.etag }),
    ...(previous.lastModified === undefined ? {} : { 'if-modified-since': previous.lastModified }),
  };
  const file = feed.gzip ? 'Packages.gz' : 'Packages';
  const got = await fetchBytes(`${feed.url}/${file}`, { headers, limit: maxIndex }, options, ctx).catch(
    (error) => {
      throw statusOf(error) === 404 ? missingFeed(feed, error) : error;
    },
  );
  if (got.status === 304) return undefined;
  return {
    index: got.bytes,
    signature: options.keys === undefined ? undefined : await fetchSignature(feed, options, ctx),
    keyId: undefined,
    digest: sha256Hex(got.bytes),
    validators: got.validators,
  };
}

async function fetchSignature(
  feed: FeedAddress,
  options: FetchIndexOptions,
  ctx: Context,
): Promise<Uint8Array> {
  const url = `${feed.url}/Packages.sig`;
  const got = await fetchBytes(url, { headers: {}, limit: maxSignature }, options, ctx).catch((error) => {
    throw statusOf(error) === 404 ? missingSignature(feed) : error;
  });
  return got.bytes;
}

interface Got {
  readonly status: number;
  readonly bytes: Uint8Array;
  readonly validators: IndexValidators;
}

function fetchBytes(
  url: string,
  { headers, limit }: { readonly headers: Readonly<Record<string, string>>; readonly limit: number },
  options: TransferOptions,
  ctx: Context,
): Promise<Got> {
  return withRetry(options.retry ?? defaultRetry, ctx.signal, async () => {
    const response = await httpGet({ url, headers, maxSize: limit, ...options, signal: ctx.signal });
    try {
      const isAnswer =
        response.status === 200 || (response.status === 304 && Object.keys(headers).length > 0);
      if (!isAnswer)
        throw new NetworkError('NETWORK_HTTP_STATUS', `${url}: unexpected status ${response.status}`);
      const pieces: Uint8Array[] = [];
      for await (const piece of response.body) pieces.push(piece);
      return { status: response.status, bytes: concat(pieces), validators: validatorsOf(response) };
    } finally {
      response.close();
    }
  });
}

function validatorsOf(response: HttpResponse): IndexValidators {
  const etag = response.header('etag');
  const lastModified = response.header('last-modified');
  return { ...(etag === undefined ? {} : { etag }), ...(lastModified === undefined ? {} : { lastModified }) };
}

function statusOf(error: unknown): unknown {
  return error instanceof NetworkError ? error.details['status'] : undefined;
}

function missingFeed(feed: FeedAddress, cause: unknown): NetworkError {
  return new NetworkError('FEED_MISSING', `feed ${feed.name}: there is no index at ${feed.url}`, {
    cause,
    hint: 'check the address in /etc/opkg/distfeeds.conf or customfeeds.conf',
    details: { feed: feed.name, url: printable(feed.url) },
  });
}

function missingSignature(feed: FeedAddress): VerificationError {
  return new VerificationError(
    'SIGNATURE_MISSING',
    `feed ${feed.name} is not signed: there is no Packages.sig`,
    {
      hint: 'use a signed feed',
      details: { feed: feed.name, url: printable(feed.url) },
    },
  );
}
