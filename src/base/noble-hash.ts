import { sha256 as nobleSha256 } from '@noble/hashes/sha2';
import type { HashProvider } from './hash.ts';

/**
 * SHA-256 in JavaScript alone, for runtimes whose node:crypto cannot hash; a tenth of its speed, so never the first
 * choice. Pass it to `useHashProvider`.
 */
export const nobleHashProvider: HashProvider = () => nobleSha256.create();
