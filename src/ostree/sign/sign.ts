/** Signing and verifying the commits and the summary of a repository. */
import type { Checksum } from '../../base/index.ts';
import { readFile, readTextIfExists, writeFileDurable } from '../../sys/index.ts';
import { decodeDict, encodeDict, type VariantDict } from '../gvariant.ts';
import type { Repository } from '../repository.ts';
import type { PublicKey, SecretKey } from './ed25519.ts';
import { verifyEd25519, withoutSignatures, withSignatures } from './signatures.ts';

/** Adds a signature of each key to the commit's detached metadata; other signatures and keys stay. */
export async function signCommit(
  repo: Repository,
  commit: Checksum,
  secrets: readonly SecretKey[],
): Promise<void> {
  await changeDetached(repo, commit, (dict, bytes) => withSignatures(dict, bytes, secrets));
}

/** Takes the signatures of these keys away. */
export async function unsignCommit(
  repo: Repository,
  commit: Checksum,
  keys: readonly PublicKey[],
): Promise<void> {
  await changeDetached(repo, commit, (dict, bytes) => withoutSignatures(dict, bytes, keys));
}

/** The trusted key that signed the commit; VerificationError SIGNATURE_* where none did. */
export function verifyCommit(repo: Repository, commit: Checksum, keys: readonly PublicKey[]): PublicKey {
  const bytes = repo.loadCommitBytes(commit);
  return verifyEd25519(`the commit ${commit}`, bytes, repo.loadDetachedMetadata(commit), keys);
}

/** Signs the summary as it is; `summary.sig` is written durably. */
export function signSummary(repo: Repository, secrets: readonly SecretKey[]): void {
  const path = `${repo.path}/summary.sig`;
  const old = readTextIfExists(path) === undefined ? [] : decodeDict(readFile(path));
  const dict = withSignatures(old, readFile(`${repo.path}/summary`), secrets);
  writeFileDurable(path, encodeDict(dict));
}

/** The trusted key that signed the repository's summary; VerificationError SIGNATURE_* where none did. */
export function verifySummary(repo: Repository, keys: readonly PublicKey[]): PublicKey {
  const path = `${repo.path}/summary.sig`;
  const dict = readTextIfExists(path) === undefined ? [] : decodeDict(readFile(path));
  return verifyEd25519('the summary', readFile(`${repo.path}/summary`), dict, keys);
}

async function changeDetached(
  repo: Repository,
  commit: Checksum,
  change: (dict: VariantDict, bytes: Uint8Array) => VariantDict,
): Promise<void> {
  const bytes = repo.loadCommitBytes(commit);
  await repo.withTransaction((txn) => {
    // Read under the lock: another signer may have come before.
    txn.writeDetachedMetadata(commit, change(repo.loadDetachedMetadata(commit), bytes));
  });
}
