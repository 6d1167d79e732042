import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';

/** DER prefix of a PKCS#8 Ed25519 private key (RFC 8410); the seed follows. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A usign key pair made from a label: the same label, the same key. Its secret is public: fit for fixtures alone. */
export interface FixtureKey {
  /** 16 hex digits: the name of the file below /etc/opkg/keys. */
  readonly fingerprint: string;
  /** The public key file. */
  readonly publicText: string;
  /** The secret key file, as `usign -G` writes it. */
  readonly secretText: string;
  /** The signature file of `message`. */
  sign(message: Uint8Array): string;
}

/** The key of `label`. */
export function fixtureKey(label: string): FixtureKey {
  const seed = createHash('sha256').update(`opkg-ostree fixture key: ${label}`).digest();
  const number = createHash('sha256').update(seed).digest().subarray(0, 8);
  const secret = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const fingerprint = number.toString('hex');
  return {
    fingerprint,
    publicText: twoLines(
      `fixture key ${label}`,
      Buffer.concat([Buffer.from('Ed'), number, rawPublic(secret)]),
    ),
    secretText: twoLines(`fixture key ${label}`, secretBytes(seed, rawPublic(secret), number)),
    sign: (message) =>
      twoLines(
        `signed by key ${fingerprint}`,
        Buffer.concat([Buffer.from('Ed'), number, sign(null, message, secret)]),
      ),
  };
}

function rawPublic(secret: KeyObject): Buffer {
  return createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
}

/** usign's layout: "Ed", "BK", rounds 0, salt, checksum of the key, key number, seed and public key. */
function secretBytes(seed: Buffer, publicKey: Buffer, number: Buffer): Buffer {
  const key = Buffer.concat([seed, publicKey]);
  const checksum = createHash('sha512').update(key).digest().subarray(0, 8);
  return Buffer.concat([Buffer.from('EdBK'), Buffer.alloc(4), Buffer.alloc(16), checksum, number, key]);
}

function twoLines(comment: string, bytes: Buffer): string {
  return `untrusted comment: ${comment}\n${bytes.toString('base64')}\n`;
}
