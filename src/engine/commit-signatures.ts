/** The signatures of a base commit, and whether a trusted key made them. */
import { type Checksum, isOpkgOstreeError } from '../base/index.ts';
import type { Deployment } from '../boot/index.ts';
import { gpgKey, loadTrustedKeys, type Repository, signaturesIn, verifyEd25519 } from '../ostree/index.ts';

export interface SignatureDocument {
  readonly type: 'ed25519' | 'gpg';
  /** Null where it is not checked here, as with `gpg`, which is checked when the commit is pulled. */
  readonly valid: boolean | null;
  /** The trusted public key that made it, in base64. */
  readonly key: string | null;
  /** Why it does not count: an error code. */
  readonly problem: string | null;
}

/** What is signed about the commit; empty where it has no signatures. Keys are those of the deployment and of its remote. */
export function signaturesOf(
  repo: Repository,
  deployment: Deployment,
  commit: Checksum,
): SignatureDocument[] {
  const detached = repo.loadDetachedMetadata(commit);
  const gpg = signaturesIn(detached, gpgKey).map(
    (): SignatureDocument => ({ type: 'gpg', valid: null, key: null, problem: null }),
  );
  return [...ed25519Signature(repo, deployment, commit), ...gpg];
}

function ed25519Signature(repo: Repository, deployment: Deployment, commit: Checksum): SignatureDocument[] {
  const document = (valid: boolean, key: string | null, problem: string | null): SignatureDocument[] => [
    { type: 'ed25519', valid, key, problem },
  ];
  try {
    const keys = [...loadTrustedKeys({ root: deployment.path }), ...remoteKeys(repo, deployment)];
    const bytes = repo.loadCommitBytes(commit);
    const key = verifyEd25519(`the commit ${commit}`, bytes, repo.loadDetachedMetadata(commit), keys);
    return document(true, key.text, null);
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
    return thrown.code === 'SIGNATURE_MISSING' ? [] : document(false, null, thrown.code);
  }
}

function remoteKeys(repo: Repository, { origin }: Deployment) {
  const separator = origin.refspec?.indexOf(':') ?? -1;
  if (separator < 0) return [];
  const group = `remote "${origin.refspec?.slice(0, separator) ?? ''}"`;
  const key = repo.config.get(group, 'verification-ed25519-key');
  const file = repo.config.get(group, 'verification-ed25519-file');
  if (key === undefined && file === undefined) return [];
  return loadTrustedKeys({ keys: key === undefined ? [] : [key], file });
}
