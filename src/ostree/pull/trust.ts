/** What a remote demands of commits and summaries before they count. */
import { type Checksum, VerificationError } from '../../base/index.ts';
import { dictGet, dictString, dictStrings, type VariantDict } from '../gvariant.ts';
import type { Commit } from '../objects.ts';
import type { Repository } from '../repository.ts';
import { gpgKeyrings, loadTrustedKeys, verifyEd25519, verifyGpg } from '../sign/index.ts';
import type { RemoteConfig } from './remote-config.ts';

/** The demands of one remote, its keys read once. */
export class Trust {
  readonly #repo: Repository;
  readonly #remote: RemoteConfig;
  readonly #keysRoot: string | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor(
    repo: Repository,
    remote: RemoteConfig,
    keysRoot: string | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#repo = repo;
    this.#remote = remote;
    this.#keysRoot = keysRoot;
    this.#signal = signal;
  }

  /** True where a summary without a signature does not count. */
  get demandsSummary(): boolean {
    return this.#remote.gpgVerifySummary || this.#remote.signVerifySummary.length > 0;
  }

  /** Throws VerificationError SIGNATURE_* unless each demanded kind of signature holds for the commit's bytes. */
  checkCommit(commit: Checksum, bytes: Uint8Array, detached: VariantDict): Promise<void> {
    const { gpgVerify, signVerify } = this.#remote;
    return this.#check(`the commit ${commit}`, bytes, detached, gpgVerify, signVerify.length > 0);
  }

  /** As `checkCommit` for the bytes of a summary and what is in its `summary.sig`. */
  checkSummary(bytes: Uint8Array, signatures: VariantDict): Promise<void> {
    const { gpgVerifySummary, signVerifySummary, name } = this.#remote;
    const what = `the summary of '${name}'`;
    return this.#check(what, bytes, signatures, gpgVerifySummary, signVerifySummary.length > 0);
  }

  async #check(
    what: string,
    bytes: Uint8Array,
    dict: VariantDict,
    gpg: boolean,
    ed25519: boolean,
  ): Promise<void> {
    const { ed25519Keys, ed25519File, name, gpgKeyPaths } = this.#remote;
    if (ed25519) {
      const keys = loadTrustedKeys({ keys: ed25519Keys, file: ed25519File, root: this.#keysRoot });
      verifyEd25519(what, bytes, dict, keys);
    }
    if (gpg) {
      const rings = gpgKeyrings(this.#repo.path, name, gpgKeyPaths);
      await verifyGpg(what, bytes, dict, rings, this.#signal);
    }
  }
}

/**
 * A commit that says to which refs it belongs must not arrive under another name, nor, where the remote is a
 * collection, from another one. VerificationError OSTREE_REF_BINDING.
 */
export function checkBinding(
  remote: RemoteConfig,
  ref: string,
  commit: Checksum,
  { metadata }: Commit,
): void {
  const bound = dictStrings(metadata, 'ostree.ref-binding');
  const has = dictGet(metadata, 'ostree.ref-binding') !== undefined;
  const { collectionId } = remote;
  if (has ? bound?.includes(ref) !== true : collectionId !== undefined) {
    throw new VerificationError(
      'OSTREE_REF_BINDING',
      `the commit ${commit} is not bound to the ref '${ref}'`,
      {
        details: { ref, commit, bound: bound ?? null },
      },
    );
  }
  const collection = dictString(metadata, 'ostree.collection-binding');
  if (collectionId === undefined || collection === collectionId) return;
  throw new VerificationError(
    'OSTREE_REF_BINDING',
    `the commit ${commit} is not bound to the collection '${collectionId}'`,
    { details: { ref, commit, collection: collection ?? null } },
  );
}

/** VerificationError DOWNGRADE_REFUSED where the commit is older than the one that is here. */
export function checkNotOlder(ref: string, from: Commit, commit: Checksum, to: Commit): void {
  if (to.timestamp >= from.timestamp) return;
  throw new VerificationError(
    'DOWNGRADE_REFUSED',
    `the commit ${commit} of '${ref}' is older than the one that is here`,
    {
      hint: 'pull without the check of times if this is wanted',
      details: { ref, commit, from: from.timestamp, to: to.timestamp },
    },
  );
}
