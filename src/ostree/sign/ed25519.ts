/**
 * ed25519 keys and signatures as `ostree sign` writes them: base64 of 32 bytes (public) or of 64 bytes (secret: the seed,
 * then the public key), 64-byte signatures over the exact bytes of a commit object or summary.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { ConfigError, concat, equalBytes, fromHex } from '../../base/index.ts';

/** DER before the seed (PKCS #8) and before the public key (SPKI): RFC 8410. */
const secretPrefix = fromHex('302e020100300506032b657004220420');
const publicPrefix = fromHex('302a300506032b6570032100');
const keyLength = 32;
const signatureLength = 64;

export interface PublicKey {
  /** 32 bytes. */
  readonly bytes: Uint8Array;
  /** Base64, as key files have it. */
  readonly text: string;
  readonly key: KeyObject;
}

export interface SecretKey {
  readonly key: KeyObject;
  readonly public: PublicKey;
}

/** The key of 32 bytes in base64; ConfigError CONFIG_INVALID. */
export function parsePublicKey(text: string): PublicKey {
  const bytes = decodeBase64(text);
  if (bytes?.byteLength !== keyLength) throw notAKey('public', keyLength);
  return publicKey(bytes);
}

/** The key of 64 bytes in base64; ConfigError CONFIG_INVALID, also where its halves do not belong together. */
export function parseSecretKey(text: string): SecretKey {
  const bytes = decodeBase64(text);
  if (bytes?.byteLength !== 2 * keyLength) throw notAKey('secret', 2 * keyLength);
  const der = Buffer.from(concat([secretPrefix, bytes.subarray(0, keyLength)]));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const derived = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const half = bytes.subarray(keyLength);
  // Signing with a public half that is not the seed's gives the seed away (RFC 8032 implementations hash it in).
  if (!equalBytes(derived.subarray(publicPrefix.byteLength), half)) {
    throw new ConfigError('CONFIG_INVALID', 'the two halves of an ed25519 secret key do not belong together');
  }
  return { key, public: publicKey(half) };
}

/** The keys in a file's text, one a line; empty lines and comments are passed over. ConfigError naming no content. */
export function parseKeyLines<T>(text: string, parse: (line: string) => T): T[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parse);
}

/** 64 bytes. */
export function signMessage(message: Uint8Array, secret: SecretKey): Uint8Array {
  return sign(null, message, secret.key);
}

/** The first of the keys under which one of the signatures holds for the message, or undefined. */
export function verifyingKey(
  message: Uint8Array,
  signatures: readonly Uint8Array[],
  keys: readonly PublicKey[],
): PublicKey | undefined {
  const whole = signatures.filter((signature) => signature.byteLength === signatureLength);
  return keys.find(({ key }) => whole.some((signature) => verify(null, message, key, signature)));
}

function publicKey(bytes: Uint8Array): PublicKey {
  const der = Buffer.from(concat([publicPrefix, bytes]));
  return {
    bytes,
    text: Buffer.from(bytes).toString('base64'),
    key: createPublicKey({ key: der, format: 'der', type: 'spki' }),
  };
}

function decodeBase64(text: string): Uint8Array | undefined {
  const clean = text.trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/u.test(clean)) return undefined;
  return new Uint8Array(Buffer.from(clean, 'base64'));
}

/** Never shows the text: it may be a secret. */
function notAKey(kind: string, length: number): ConfigError {
  return new ConfigError(
    'CONFIG_INVALID',
    `not an ed25519 ${kind} key: it has to be ${length} bytes in base64`,
  );
}
