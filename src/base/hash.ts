import { createHash } from 'node:crypto';
import type { Checksum } from './brands.ts';

/** A SHA-256 in progress. */
export interface Sha256 {
  update(bytes: Uint8Array): this;
  digest(): Uint8Array;
}

/** What makes hashes: node:crypto here, @noble/hashes where a runtime has none (and as the tests' oracle). */
export type HashProvider = () => Sha256;

const nodeProvider: HashProvider = () => {
  const hash = createHash('sha256');
  return {
    update(bytes) {
      hash.update(bytes);
      return this;
    },
    digest: () => hash.digest(),
  };
};

let provider: HashProvider = nodeProvider;

/** Makes every later hash come from `next`; returns the provider that was in use. */
export function useHashProvider(next: HashProvider): HashProvider {
  const previous = provider;
  provider = next;
  return previous;
}

/** A new SHA-256. */
export function sha256(): Sha256 {
  return provider();
}

/** The SHA-256 of the parts, one after the other, as lower-case hex. */
export function sha256Hex(...parts: readonly Uint8Array[]): Checksum {
  const hash = provider();
  for (const part of parts) hash.update(part);
  return hexOf(hash.digest());
}

/** A finished hash's bytes as a Checksum. */
export function hexOf(digest: Uint8Array): Checksum {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex') as Checksum;
}
