import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex, silentContext } from '../../src/base/index.ts';
import {
  type FetchIndexOptions,
  fetchIndex,
  generateUsignKey,
  parseKeyRing,
  refetchIndex,
  renderUsignPublicKey,
  signUsign,
  verifyIndex,
} from '../../src/ipk/index.ts';
import { buildIndex, gzip } from '../support/ipk.ts';
import { Mirror } from '../support/mirror.ts';
import { codeOfAsync } from '../support/outcomes.ts';

const key = generateUsignKey();
const stranger = generateUsignKey();
const ring = parseKeyRing([{ name: key.fingerprint, text: renderUsignPublicKey(key) }]).keys;
const text = Buffer.from(
  buildIndex([{ fileName: 'a.ipk', bytes: Buffer.from('a'), control: { Package: 'a' } }]),
);
const newer = Buffer.from(
  buildIndex([{ fileName: 'a.ipk', bytes: Buffer.from('b'), control: { Package: 'a', Version: '2' } }]),
);
const options: FetchIndexOptions = {
  keys: ring,
  retry: { attempts: 2, firstDelay: 1, maxDelay: 1 },
  stallTimeout: 200,
  proxy: {},
};
let mirror: Mirror;
const feed = () => ({ name: 'base', url: mirror.url, gzip: true });
const fetch = (change: Partial<FetchIndexOptions> = {}) =>
  fetchIndex(feed(), { ...options, ...change }, silentContext);

function publish(index: Uint8Array, signed: Uint8Array = index, signer = key): void {
  mirror.files.set('/Packages.gz', { bytes: gzip(index), etag: `"${sha256Hex(index).slice(0, 8)}"` });
  mirror.files.set('/Packages.sig', { bytes: Buffer.from(signUsign(signed, signer)) });
}

beforeAll(async () => {
  mirror = await Mirror.start();
});
afterAll(() => mirror.stop());
beforeEach(() => {
  mirror.files.clear();
  mirror.asked.length = 0;
  mirror.answer();
  publish(text);
});

describe('a feed', () => {
  it('is accepted with a good signature, byte for byte as served', async () => {
    const fetched = await fetch();
    expect(fetched.index).toEqual(Buffer.from(gzip(text)));
    expect(fetched.keyId).toBe(key.fingerprint);
    expect(fetched.digest).toBe(sha256Hex(fetched.index));
    expect(await verifyIndex(fetched.index, fetched.signature ?? new Uint8Array(), ring)).toBe(
      key.fingerprint,
    );
  });

  it('may be empty, and may be a plain Packages', async () => {
    mirror.files.set('/Packages', { bytes: Buffer.from('\n') });
    mirror.files.set('/Packages.sig', { bytes: Buffer.from(signUsign(Buffer.from('\n'), key)) });
    const fetched = await fetchIndex({ ...feed(), gzip: false }, options, silentContext);
    expect(fetched.index.byteLength).toBe(1);
  });

  it('is not asked for a signature where none is wanted', async () => {
    const fetched = await fetch({ keys: undefined });
    expect(fetched).toMatchObject({ signature: undefined, keyId: undefined });
    expect(mirror.asked).toEqual(['/Packages.gz']);
  });

  it('that has not changed is told from one that has', async () => {
    const { validators } = await fetch();
    expect(await refetchIndex(feed(), validators, options, silentContext)).toBeUndefined();
    publish(newer);
    expect(await refetchIndex(feed(), validators, options, silentContext)).toMatchObject({
      keyId: key.fingerprint,
    });
  });

  it('that is published between its two files is asked again', async () => {
    publish(newer, text);
    const right = signUsign(newer, key);
    const pending = fetch();
    const timer = setInterval(() => {
      // Once the old signature has been handed out, the new one is in place.
      if (mirror.asked.length >= 2) mirror.files.set('/Packages.sig', { bytes: Buffer.from(right) });
    }, 1);
    const fetched = await pending.finally(() => clearInterval(timer));
    expect(fetched.keyId).toBe(key.fingerprint);
  });

  it.each<[string, () => void, string]>([
    ['changed after it was signed', () => publish(newer, text), 'SIGNATURE_INVALID'],
    ['signed by a stranger', () => publish(text, text, stranger), 'SIGNATURE_KEY_UNKNOWN'],
    ['without signature', () => mirror.files.delete('/Packages.sig'), 'SIGNATURE_MISSING'],
    [
      'with a web page for a signature',
      () => mirror.files.set('/Packages.sig', { bytes: Buffer.from('<html>') }),
      'SIGNATURE_INVALID',
    ],
    ['that is not there', () => mirror.files.delete('/Packages.gz'), 'FEED_MISSING'],
    [
      'with damaged gzip',
      () => mirror.files.set('/Packages.gz', { bytes: gzip(text).subarray(0, 50) }),
      'SIGNATURE_INVALID',
    ],
    [
      'on a server that is broken',
      () => mirror.answer(...Array(9).fill({ kind: 'status', status: 500 })),
      'NETWORK_HTTP_STATUS',
    ],
    [
      'with an endless signature',
      () => mirror.files.set('/Packages.sig', { bytes: Buffer.alloc(100_000) }),
      'NETWORK_TOO_LARGE',
    ],
  ])('%s is refused', async (_, spoil, code) => {
    spoil();
    expect(await codeOfAsync(() => fetch())).toBe(code);
  });

  it('is fetched again after a cut', async () => {
    mirror.answer({ kind: 'cut', after: 10 });
    expect((await fetch()).keyId).toBe(key.fingerprint);
  });

  it('shows no password in its errors', async () => {
    const url = mirror.url.replace('://', '://me:secret@');
    mirror.files.clear();
    await expect(fetchIndex({ name: 'x', url, gzip: true }, options, silentContext)).rejects.toSatisfy(
      (error) => !JSON.stringify(error).includes('secret') && !String(error).includes('secret'),
    );
  });
});
