import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  generateUsignKey,
  parseKeyRing,
  parseUsignPublicKey,
  parseUsignSecretKey,
  parseUsignSignature,
  renderUsignPublicKey,
  renderUsignSecretKey,
  signUsign,
  verifyUsign,
} from '../../src/ipk/index.ts';
import { codeOf } from '../support/outcomes.ts';
import { sharedData } from '../support/shared-data.ts';

// The build key of a public 22.03.2 feed and its signature of the empty index, which is one line break.
const publicKey =
  'untrusted comment: OpenWrt usign key\nRWTZeD0v0Gsv+eSSA90sSa7RYWHXGzyEb/F2heflqVe99iblDDjvBlgn\n';
const feeds = sharedData('feeds/x86_64-22.03.2');
const signify = ['/usr/bin/signify-openbsd', '/usr/bin/signify'].find((path) => {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
});
const key = generateUsignKey('test key');
const keys = parseKeyRing([{ name: key.fingerprint, text: renderUsignPublicKey(key) }]).keys;
const message = Buffer.from('Package: a\n\n');

describe('signatures', () => {
  it.skipIf(feeds === undefined)('of real feeds hold under the key that made them', () => {
    const real = parseUsignPublicKey(readFileSync(`${feeds}/key-build.pub`, 'utf8'));
    const ring = new Map([[real.fingerprint, real]]);
    for (const feed of ['base', 'core', 'luci', 'packages', 'passwall', 'routing']) {
      const index = readFileSync(`${feeds}/${feed}/Packages`);
      const signature = parseUsignSignature(readFileSync(`${feeds}/${feed}/Packages.sig`, 'utf8'));
      verifyUsign(index, signature, ring);
      const changed = Buffer.concat([index, Buffer.from(' ')]);
      expect(codeOf(() => verifyUsign(changed, signature, ring))).toBe('SIGNATURE_INVALID');
    }
  });

  it('name the key by its number', () => {
    expect(parseUsignPublicKey(publicKey)).toMatchObject({
      fingerprint: 'd9783d2fd06b2ff9',
      comment: 'OpenWrt usign key',
    });
  });

  it('of ours hold, for every length of a message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        verifyUsign(bytes, parseUsignSignature(signUsign(bytes, key)), keys);
      }),
    );
  });

  it('are refused with a reason of their own', () => {
    const signature = parseUsignSignature(signUsign(message, key));
    expect(codeOf(() => verifyUsign(message, signature, new Map()))).toBe('SIGNATURE_KEY_UNKNOWN');
    const other = { ...signature, signature: signature.signature.toReversed() };
    expect(codeOf(() => verifyUsign(message, other, keys))).toBe('SIGNATURE_INVALID');
    const noPoint = new Map([
      [key.fingerprint, { fingerprint: key.fingerprint, key: new Uint8Array(32).fill(0xff), comment: '' }],
    ]);
    expect(codeOf(() => verifyUsign(message, signature, noPoint))).toBe('SIGNATURE_INVALID');
  });

  it.each([
    '',
    'x',
    publicKey,
    '<html>',
    'untrusted comment: a\nAAAA\n',
    `untrusted comment: a\n${'A'.repeat(9000)}\n`,
  ])('that are none (%j) are refused', (text) => {
    expect(codeOf(() => parseUsignSignature(text))).toBe('SIGNATURE_INVALID');
  });

  it('of any text are parsed or refused with a typed error', () => {
    fc.assert(
      fc.property(fc.string(), fc.base64String(), (comment, body) => {
        for (const parse of [parseUsignPublicKey, parseUsignSignature, parseUsignSecretKey]) {
          try {
            parse(`untrusted comment: ${comment}\n${body}\n`);
          } catch (error) {
            expect(error).toSatisfy(isOpkgOstreeError);
          }
        }
      }),
    );
  });
});

describe('keys', () => {
  it('come back from their text', () => {
    expect(parseUsignSecretKey(renderUsignSecretKey(key))).toMatchObject({
      fingerprint: key.fingerprint,
      seed: Buffer.from(key.seed),
      publicKey: Buffer.from(key.publicKey),
      comment: 'test key',
    });
  });

  it('that are damaged or protected are refused', () => {
    const [comment, body = ''] = renderUsignSecretKey(key).split('\n');
    const changed = (at: number) => {
      const bytes = Buffer.from(body, 'base64');
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return `${comment}\n${bytes.toString('base64')}\n`;
    };
    for (const at of [0, 2, 7, 60])
      expect(codeOf(() => parseUsignSecretKey(changed(at)))).toBe('CONFIG_INVALID');
    expect(codeOf(() => parseUsignPublicKey(renderUsignSecretKey(key)))).toBe('CONFIG_INVALID');
  });

  it('filed under another number, and files that are no keys, are left out with a warning', () => {
    const ring = parseKeyRing([
      { name: 'd9783d2fd06b2ff9', text: publicKey },
      { name: '0000000000000000', text: publicKey },
      { name: 'README', text: 'hello' },
    ]);
    expect([...ring.keys.keys()]).toEqual(['d9783d2fd06b2ff9']);
    expect(ring.warnings).toHaveLength(2);
  });
});

describe.skipIf(signify === undefined)('signify (skipped without signify-openbsd)', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'usign-'));
    writeFileSync(join(folder, 'message'), message);
    writeFileSync(join(folder, 'ours.pub'), renderUsignPublicKey(key));
    writeFileSync(join(folder, 'ours.sec'), renderUsignSecretKey(key), { mode: 0o600 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const run = (...args: string[]) => execFileSync(signify ?? '', args, { cwd: folder, stdio: 'pipe' });

  it('accepts our signature', () => {
    writeFileSync(join(folder, 'message.sig'), signUsign(message, key));
    run('-V', '-p', 'ours.pub', '-m', 'message');
  });

  it('makes keys and signatures that we accept', () => {
    run('-G', '-n', '-p', 'their.pub', '-s', 'their.sec');
    run('-S', '-s', 'their.sec', '-m', 'message', '-x', 'their.sig');
    const theirs = parseUsignPublicKey(readFileSync(join(folder, 'their.pub'), 'utf8'));
    const signature = parseUsignSignature(readFileSync(join(folder, 'their.sig'), 'utf8'));
    verifyUsign(message, signature, new Map([[theirs.fingerprint, theirs]]));
    const secret = parseUsignSecretKey(readFileSync(join(folder, 'their.sec'), 'utf8'));
    expect(secret.fingerprint).toBe(theirs.fingerprint);
    expect(parseUsignSignature(signUsign(message, secret)).signature).toEqual(signature.signature);
  });
});
