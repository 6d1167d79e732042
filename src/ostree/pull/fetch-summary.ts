/**
 * A remote's summary, verified where that is demanded, and kept with its signature:
 *   tmp/cache/summaries/<remote>  <remote>.sig
 * While the signature is the same, the summary is not fetched again.
 */
import { equalBytes, ParseError, VerificationError } from '../../base/index.ts';
import { mkdirp, now, readFileIfExists, unlinkIfExists, writeFileDurable } from '../../sys/index.ts';
import { decodeDict } from '../gvariant.ts';
import type { Repository } from '../repository.ts';
import { decodeSummary, maxSummarySize, type Summary, summaryExpiry, summaryModified } from '../summary.ts';
import type { Source } from './source.ts';
import type { Trust } from './trust.ts';

export interface FetchedSummary {
  readonly summary: Summary;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array | undefined;
}

const maxSignatureFile = 1 << 20;

/**
 * The summary, or undefined where the remote has none and none is demanded. VerificationError SIGNATURE_* where its
 * signature does not hold, DOWNGRADE_REFUSED where a signed one is older than the last one seen, or has expired.
 */
export async function fetchSummary(
  repo: Repository,
  remote: string,
  source: Source,
  trust: Trust,
): Promise<FetchedSummary | undefined> {
  const cache = new SummaryCache(repo, remote);
  const signature = await source.readIfThere('repo', 'summary.sig', maxSignatureFile);
  const known = cache.read();
  if (signature === undefined && trust.demandsSummary) {
    throw new VerificationError('SIGNATURE_MISSING', `the summary of '${remote}' is not signed`, {
      hint: 'have it signed, or use a remote that is',
    });
  }
  if (signature !== undefined && known !== undefined && equalBytes(signature, known.signature)) {
    const verified = await tryVerify(known.bytes, signature, trust);
    if (verified !== undefined) return { summary: verified, bytes: known.bytes, signature };
  }
  const bytes = await source.readIfThere('repo', 'summary', maxSummarySize);
  if (bytes === undefined) {
    if (!trust.demandsSummary) return undefined;
    throw new VerificationError('SIGNATURE_MISSING', `'${remote}' has no summary`);
  }
  const summary = decodeSummary(bytes);
  if (trust.demandsSummary && signature !== undefined) {
    await trust.checkSummary(bytes, decodeDict(signature));
    // Only what verifies counts as seen: anybody could have put an unsigned one there.
    const before = known === undefined ? undefined : await tryVerify(known.bytes, known.signature, trust);
    checkTime(remote, summary, before);
  }
  if (signature === undefined) cache.forget();
  else cache.write(bytes, signature);
  return { summary, bytes, signature };
}

async function tryVerify(
  bytes: Uint8Array,
  signature: Uint8Array,
  trust: Trust,
): Promise<Summary | undefined> {
  try {
    if (trust.demandsSummary) await trust.checkSummary(bytes, decodeDict(signature));
    return decodeSummary(bytes);
  } catch (error) {
    // A cache that does not fit, or not any more, is as good as none.
    if (error instanceof VerificationError || error instanceof ParseError) return undefined;
    throw error;
  }
}

/** Only signed times mean anything: who can change the summary could change them. */
function checkTime(remote: string, summary: Summary, before: Summary | undefined): void {
  const modified = summaryModified(summary);
  const last = before === undefined ? undefined : summaryModified(before);
  if (last !== undefined && (modified === undefined || modified < last)) {
    throw new VerificationError(
      'DOWNGRADE_REFUSED',
      `the summary of '${remote}' is older than the last one that was seen`,
      { hint: 'use another mirror', details: { last, modified: modified ?? null } },
    );
  }
  const expires = summaryExpiry(summary);
  if (expires !== undefined && expires * 1000 < now()) {
    throw new VerificationError('DOWNGRADE_REFUSED', `the summary of '${remote}' has expired`, {
      hint: 'use another mirror, or check the clock',
      details: { expires },
    });
  }
}

class SummaryCache {
  readonly #folder: string;
  readonly #path: string;

  constructor(repo: Repository, remote: string) {
    this.#folder = `${repo.path}/tmp/cache/summaries`;
    this.#path = `${this.#folder}/${remote}`;
  }

  read(): { bytes: Uint8Array; signature: Uint8Array } | undefined {
    const bytes = readFileIfExists(this.#path);
    const signature = readFileIfExists(`${this.#path}.sig`);
    return bytes === undefined || signature === undefined ? undefined : { bytes, signature };
  }

  /** The signature goes first and comes last: beside it there is never another summary. */
  write(bytes: Uint8Array, signature: Uint8Array): void {
    mkdirp(this.#folder);
    unlinkIfExists(`${this.#path}.sig`);
    writeFileDurable(this.#path, bytes);
    writeFileDurable(`${this.#path}.sig`, signature);
  }

  forget(): void {
    unlinkIfExists(`${this.#path}.sig`);
    unlinkIfExists(this.#path);
  }
}
