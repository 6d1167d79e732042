export {
  type PublicKey,
  parseKeyLines,
  parsePublicKey,
  parseSecretKey,
  type SecretKey,
} from './ed25519.ts';
export { gpgKeyrings, verifyGpg } from './gpg.ts';
export * from './sign.ts';
export { ed25519Key, gpgKey, signaturesIn, verifyEd25519, withSignatures } from './signatures.ts';
export { type KeyPlaces, loadTrustedKeys } from './trusted-keys.ts';
