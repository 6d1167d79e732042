import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ed25519Key,
  loadTrustedKeys,
  parsePublicKey,
  parseSecretKey,
  signaturesIn,
  signCommit,
  unsignCommit,
  verifyCommit,
  verifyEd25519,
  withSignatures,
} from '../../src/ostree/index.ts';
import { codeOf, commitSpec, newRepo, scratch } from './support.ts';

// The seed 000102..1f in libsodium's layout; the key pair follows from RFC 8032.
const secret = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==';
const publicKey = 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=';
// The seed of 32 zero bytes and its public key.
const other = parseSecretKey(
  Buffer.concat([
    Buffer.alloc(32),
    Buffer.from('3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29', 'hex'),
  ]).toString('base64'),
);
const dir = scratch();
const message = Buffer.from('message');

describe('ed25519', () => {
  it('makes the public key of the secret one, and refuses halves that do not fit', async () => {
    expect(parseSecretKey(secret).public.text).toBe(publicKey);
    const broken = Buffer.from(secret, 'base64');
    broken[40] = (broken[40] ?? 0) ^ 1;
    for (const text of [broken.toString('base64'), 'AAAA', 'no key', ''])
      expect(await codeOf(() => parseSecretKey(text))).toBe('CONFIG_INVALID');
    expect(await codeOf(() => parsePublicKey(secret))).toBe('CONFIG_INVALID');
  });

  it('appends signatures, keeps other keys of the dictionary, and signs once', () => {
    const key = parseSecretKey(secret);
    const before = [['x', { type: 's', value: 'y' }]] as const;
    const once = withSignatures(before, message, [key]);
    const twice = withSignatures(once, message, [key, other]);
    expect(twice.map(([name]) => name)).toEqual(['x', ed25519Key]);
    expect(signaturesIn(twice, ed25519Key).map((bytes) => bytes.byteLength)).toEqual([64, 64]);
    expect(verifyEd25519('it', message, twice, [other.public]).text).toBe(other.public.text);
  });

  it('says what is wrong', async () => {
    const key = parseSecretKey(secret);
    const signed = withSignatures([], message, [key]);
    const check = (bytes: Uint8Array, dict: typeof signed, keys = [key.public]) =>
      codeOf(() => verifyEd25519('it', bytes, dict, keys));
    expect(await check(message, [])).toBe('SIGNATURE_MISSING');
    expect(await check(message, signed, [])).toBe('SIGNATURE_KEY_UNKNOWN');
    expect(await check(Buffer.from('other'), signed)).toBe('SIGNATURE_INVALID');
    expect(await check(message, signed, [other.public])).toBe('SIGNATURE_INVALID');
    expect(await check(message, [[ed25519Key, { type: 's', value: 'no list' }]])).toBe('SIGNATURE_MISSING');
    expect(await check(message, signed)).toBe('no error');
  });

  it('signs a commit of a repository, and takes it away again', async () => {
    const repo = newRepo(join(dir, 'repo'), 'archive');
    const commit = await commitSpec(repo, 'main', { a: 'b' });
    const key = parseSecretKey(secret);
    await signCommit(repo, commit, [key, other]);
    expect(verifyCommit(repo, commit, [key.public]).text).toBe(publicKey);
    await unsignCommit(repo, commit, [key.public]);
    expect(await codeOf(() => verifyCommit(repo, commit, [key.public]))).toBe('SIGNATURE_INVALID');
    await unsignCommit(repo, commit, [other.public]);
    expect(repo.loadDetachedMetadata(commit)).toEqual([]);
  });

  it("reads a remote's keys or the system's, without those that are revoked", () => {
    const root = join(dir, 'root');
    mkdirSync(join(root, 'etc/ostree/trusted.ed25519.d'), { recursive: true });
    mkdirSync(join(root, 'usr/share/ostree'), { recursive: true });
    writeFileSync(join(root, 'etc/ostree/trusted.ed25519'), `# ours\n\n${publicKey}\n`);
    writeFileSync(join(root, 'etc/ostree/trusted.ed25519.d/b'), other.public.text);
    const texts = (places: object) => loadTrustedKeys({ root, ...places }).map(({ text }) => text);
    expect(texts({})).toEqual([publicKey, other.public.text]);
    expect(texts({ keys: [publicKey] })).toEqual([publicKey]);
    writeFileSync(join(root, 'usr/share/ostree/revoked.ed25519'), `${publicKey}\n`);
    expect(texts({})).toEqual([other.public.text]);
    expect(texts({ keys: [publicKey] })).toEqual([]);
    expect(texts({ file: join(root, 'etc/ostree/trusted.ed25519') })).toEqual([]);
  });
});
