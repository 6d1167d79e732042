/**
 * usign, OpenWrt's signify: Ed25519 over the whole, uncompressed message (docs/formats/ipk.md). Three kinds of file, each
 * two lines: `untrusted comment: <text>` and one line of base64.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { ConfigError, concat, equalBytes, type OpkgOstreeError, VerificationError } from '../base/index.ts';

export interface UsignPublicKey {
  /** The key number as 16 lower-case hex digits, in stored order: the name of its file in `/etc/opkg/keys`. */
  readonly fingerprint: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly comment: string;
}

export interface UsignSignature {
  /** Of the key that made it. */
  readonly fingerprint: string;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  readonly comment: string;
}

export interface UsignSecretKey {
  readonly fingerprint: string;
  /** 32 bytes: the private part. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly comment: string;
}

/** Public keys by fingerprint. */
export type UsignKeyRing = ReadonlyMap<string, UsignPublicKey>;

const algorithm = Buffer.from('Ed');
const kdfAlgorithm = Buffer.from('BK');
const commentPrefix = 'untrusted comment: ';
const maxText = 4096;
const sizes = { publicKey: 42, signature: 74, secretKey: 104 } as const;
// DER wrappings of a raw Ed25519 key, RFC 8410 sections 4 and 7.
const publicKeyDer = Buffer.from('302a300506032b6570032100', 'hex');
const privateKeyDer = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key in the text; ConfigError CONFIG_INVALID for anything else. */
export function parseUsignPublicKey(text: string): UsignPublicKey {
  const { comment, bytes } = parseFile(text, sizes.publicKey, () => badKey('not a usign public key'));
  return { comment, fingerprint: fingerprintAt(bytes, 2), key: bytes.subarray(10) };
}

/** The signature in the text; VerificationError SIGNATURE_INVALID for anything else. */
export function parseUsignSignature(text: string): UsignSignature {
  const { comment, bytes } = parseFile(
    text,
    sizes.signature,
    () => new VerificationError('SIGNATURE_INVALID', 'the signature file is malformed'),
  );
  return { comment, fingerprint: fingerprintAt(bytes, 2), signature: bytes.subarray(10) };
}

/** The secret key in the text; ConfigError CONFIG_INVALID where it is none, damaged, or needs a passphrase, as usign's never do. */
export function parseUsignSecretKey(text: string): UsignSecretKey {
  const { comment, bytes } = parseFile(text, sizes.secretKey, () => badKey('not a usign secret key'));
  if (!equalBytes(bytes.subarray(2, 4), kdfAlgorithm)) throw badKey('not a usign secret key');
  if (bytes.readUInt32BE(4) !== 0) throw badKey('the secret key is protected by a passphrase');
  const pair = bytes.subarray(40);
  if (!equalBytes(bytes.subarray(24, 32), checksumOf(pair))) throw badKey('the secret key is damaged');
  return {
    comment,
    fingerprint: fingerprintAt(bytes, 32),
    seed: pair.subarray(0, 32),
    publicKey: pair.subarray(32),
  };
}

/**
 * Returns only if `message` was signed by a key of the ring, which is picked by the number in the signature.
 * VerificationError SIGNATURE_KEY_UNKNOWN or SIGNATURE_INVALID.
 */
export function verifyUsign(message: Uint8Array, signature: UsignSignature, keys: UsignKeyRing): void {
  const { fingerprint } = signature;
  const key = keys.get(fingerprint);
  if (key === undefined) {
    throw new VerificationError('SIGNATURE_KEY_UNKNOWN', `signed by the unknown key ${fingerprint}`, {
      hint: `check where the key ${fingerprint} comes from and, if you trust it, put it at /etc/opkg/keys/${fingerprint}`,
      details: { fingerprint },
    });
  }
  if (!isSignedBy(message, signature.signature, key.key)) {
    throw new VerificationError(
      'SIGNATURE_INVALID',
      `the signature by key ${fingerprint} does not match the content`,
      {
        hint: "run 'opkg-ostree update' again; if it stays, the mirror serves something else than was signed",
        details: { fingerprint },
      },
    );
  }
}

/** The keys of a key folder's files; what is no key, or is filed under another key's number, becomes a warning. */
export function parseKeyRing(files: Iterable<{ readonly name: string; readonly text: string }>): {
  readonly keys: UsignKeyRing;
  readonly warnings: readonly string[];
} {
  const keys = new Map<string, UsignPublicKey>();
  const warnings: string[] = [];
  for (const { name, text } of files) {
    try {
      const key = parseUsignPublicKey(text);
      if (key.fingerprint === name) keys.set(name, key);
      else warnings.push(`key file '${name}' holds the key ${key.fingerprint} and is ignored`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      warnings.push(`key file '${name}' is ignored: ${error.message}`);
    }
  }
  return { keys, warnings };
}

/** The text of a signature over the message. */
export function signUsign(message: Uint8Array, secret: UsignSecretKey): string {
  const key = createPrivateKey({
    key: concatBuffer(privateKeyDer, secret.seed),
    format: 'der',
    type: 'pkcs8',
  });
  const number = Buffer.from(secret.fingerprint, 'hex');
  const bytes = concat([algorithm, number, sign(null, message, key)]);
  return renderFile(`signed by key ${secret.fingerprint}`, bytes);
}

/** A new key pair without passphrase. */
export function generateUsignKey(comment = 'opkg-ostree key'): UsignSecretKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const publicDer = publicKey.export({ format: 'der', type: 'spki' });
  const privateDer = privateKey.export({ format: 'der', type: 'pkcs8' });
  return {
    comment,
    fingerprint: randomBytes(8).toString('hex'),
    seed: new Uint8Array(privateDer.subarray(privateKeyDer.byteLength)),
    publicKey: new Uint8Array(publicDer.subarray(publicKeyDer.byteLength)),
  };
}

/** The public half's text, as it goes to `/etc/opkg/keys/<fingerprint>`. */
export function renderUsignPublicKey(
  key: Pick<UsignSecretKey, 'fingerprint' | 'publicKey' | 'comment'>,
): string {
  return renderFile(key.comment, concat([algorithm, Buffer.from(key.fingerprint, 'hex'), key.publicKey]));
}

/** The secret key's text, for usign and signify alike; keep it in a file that only its owner may read. */
export function renderUsignSecretKey(key: UsignSecretKey): string {
  const pair = concat([key.seed, key.publicKey]);
  const salt = randomBytes(16);
  const number = Buffer.from(key.fingerprint, 'hex');
  const bytes = concat([algorithm, kdfAlgorithm, Buffer.alloc(4), salt, checksumOf(pair), number, pair]);
  return renderFile(key.comment, bytes);
}

function isSignedBy(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  try {
    const publicKey = createPublicKey({ key: concatBuffer(publicKeyDer, key), format: 'der', type: 'spki' });
    return verify(null, message, publicKey, signature);
  } catch {
    // OpenSSL throws for bytes that are no point of the curve: no signature can be good under such a key.
    return false;
  }
}

function parseFile(
  text: string,
  size: number,
  error: () => OpkgOstreeError,
): { comment: string; bytes: Buffer } {
  const match = /^untrusted comment: ([^\n]*)\n([A-Za-z0-9+/]+={0,2})\s*$/u.exec(text.slice(0, maxText));
  if (match?.[1] === undefined || match[2] === undefined || text.length > maxText) throw error();
  const bytes = Buffer.from(match[2], 'base64');
  if (bytes.byteLength !== size || !equalBytes(bytes.subarray(0, 2), algorithm)) throw error();
  return { comment: match[1].trimEnd(), bytes };
}

function renderFile(comment: string, bytes: Uint8Array): string {
  return `${commentPrefix}${comment.replace(/[\r\n]/gu, ' ')}\n${Buffer.from(bytes).toString('base64')}\n`;
}

function fingerprintAt(bytes: Buffer, offset: number): string {
  return bytes.toString('hex', offset, offset + 8);
}

function checksumOf(pair: Uint8Array): Uint8Array {
  return createHash('sha512').update(pair).digest().subarray(0, 8);
}

function concatBuffer(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.concat([a, b]);
}

function badKey(message: string): ConfigError {
  return new ConfigError('CONFIG_INVALID', message);
}
