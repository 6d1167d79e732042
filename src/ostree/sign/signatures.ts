/** Signatures inside `.commitmeta` and `summary.sig`: lists of byte strings under a key for each kind. */
import { VerificationError } from '../../base/index.ts';
import { dictGet, listOf, type VariantDict, type VariantValue } from '../gvariant.ts';
import { type PublicKey, type SecretKey, signMessage, verifyingKey } from './ed25519.ts';

/** The key of `ostree sign`'s ed25519 signatures. */
export const ed25519Key = 'ostree.sign.ed25519';
/** The key of binary detached OpenPGP signatures. */
export const gpgKey = 'ostree.gpgsigs';
/** More would only serve to keep the verifier busy. */
const maxSignatures = 64;

/** The signatures of that kind (`aay`); none where there is no such key or it has another type. */
export function signaturesIn(dict: VariantDict, key: string): Uint8Array[] {
  const found = dictGet(dict, key);
  if (found?.type !== 'aay') return [];
  const list: readonly VariantValue[] = listOf(found.value);
  return list.filter((item) => item instanceof Uint8Array).slice(0, maxSignatures);
}

/** The dictionary with signatures of the message appended; those of a key whose signature is there already are not. */
export function withSignatures(
  dict: VariantDict,
  message: Uint8Array,
  secrets: readonly SecretKey[],
): VariantDict {
  const present = signaturesIn(dict, ed25519Key);
  const fresh = secrets
    .filter((secret) => verifyingKey(message, present, [secret.public]) === undefined)
    .map((secret) => signMessage(message, secret));
  const value = { type: 'aay', value: [...present, ...fresh] };
  const has = dict.some(([name]) => name === ed25519Key);
  return has
    ? dict.map(([name, old]) => (name === ed25519Key ? [name, value] : [name, old]))
    : [...dict, [ed25519Key, value]];
}

/** The dictionary without the signatures of these keys. */
export function withoutSignatures(
  dict: VariantDict,
  message: Uint8Array,
  keys: readonly PublicKey[],
): VariantDict {
  const kept = signaturesIn(dict, ed25519Key).filter(
    (signature) => verifyingKey(message, [signature], keys) === undefined,
  );
  return dict.flatMap(([name, value]) => {
    if (name !== ed25519Key) return [[name, value] as const];
    return kept.length === 0 ? [] : [[name, { type: 'aay', value: kept }] as const];
  });
}

/**
 * The trusted key that signed the message. VerificationError: SIGNATURE_MISSING where there is no ed25519 signature,
 * SIGNATURE_KEY_UNKNOWN where no key is trusted at all, SIGNATURE_INVALID where no trusted key made any of them.
 */
export function verifyEd25519(
  what: string,
  message: Uint8Array,
  dict: VariantDict,
  keys: readonly PublicKey[],
): PublicKey {
  const signatures = signaturesIn(dict, ed25519Key);
  if (signatures.length === 0) {
    throw new VerificationError('SIGNATURE_MISSING', `${what} has no ed25519 signature`, {
      hint: 'have it signed, or use a remote that is',
    });
  }
  if (keys.length === 0) {
    throw new VerificationError('SIGNATURE_KEY_UNKNOWN', `no ed25519 key is trusted for ${what}`, {
      hint: "put the public key into the remote's verification-ed25519-file or /etc/ostree/trusted.ed25519",
    });
  }
  const key = verifyingKey(message, signatures, keys);
  if (key !== undefined) return key;
  throw new VerificationError('SIGNATURE_INVALID', `no trusted ed25519 key has signed ${what}`, {
    hint: 'do not use it; check which keys are trusted',
    details: { signatures: signatures.length, keys: keys.map(({ text }) => text) },
  });
}
