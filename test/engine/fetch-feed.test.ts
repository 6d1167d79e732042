import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PackageName, sha256Hex, silentContext, toRefName } from '../../src/base/index.ts';
import { loadSnapshot, sweepIndexTables, writeSnapshot } from '../../src/engine/feed-snapshot.ts';
import { type FetchedNow, fetchFeed, readRemembered, writeRemembered } from '../../src/engine/fetch-feed.ts';
import {
  type Feed,
  generateUsignKey,
  parseKeyRing,
  renderUsignPublicKey,
  signUsign,
  type UsignKeyRing,
} from '../../src/ipk/index.ts';
import { Repository } from '../../src/ostree/index.ts';
import { buildIndex, gzip } from '../support/ipk.ts';
import { Mirror } from '../support/mirror.ts';
import { codeOfAsync } from '../support/outcomes.ts';

const key = generateUsignKey();
const otherKey = generateUsignKey();
const ringOf = (made: typeof key): UsignKeyRing =>
  parseKeyRing([{ name: made.fingerprint, text: renderUsignPublicKey(made) }]).keys;
const keys = ringOf(key);
const indexOf = (version: string) =>
  Buffer.from(
    buildIndex([
      { fileName: 'a.ipk', bytes: Buffer.from(version), control: { Package: 'a', Version: version } },
    ]),
  );

let mirror: Mirror;
let folder: string;
let repo: Repository;
const feed = (): Feed => ({ name: 'base', url: mirror.url, gzip: true, file: '/etc/opkg.conf', line: 1 });

function publish(index: Uint8Array, signer = key): void {
  mirror.files.set('/Packages.gz', { bytes: gzip(index), etag: `"${sha256Hex(index).slice(0, 8)}"` });
  mirror.files.set('/Packages.sig', { bytes: Buffer.from(signUsign(index, signer)) });
}

/** Fetches as `update` does and stores what came; returns it with the snapshot's id. */
async function update(ring: UsignKeyRing | 'unsigned' = keys): Promise<FetchedNow & { id: string }> {
  const options = {
    keys: ring === 'unsigned' ? undefined : ring,
    retry: { attempts: 1, firstDelay: 1, maxDelay: 1 },
    proxy: {},
  };
  const now = await fetchFeed(repo, feed(), readRemembered(repo), options, silentContext);
  const id = await writeSnapshot(repo, [now.feed]);
  writeRemembered(repo, [now.remembered]);
  return { ...now, id };
}

const tableOf = (now: FetchedNow) => join(repo.path, 'extensions/opkg-ostree/index', now.feed.digest);

beforeAll(async () => {
  mirror = await Mirror.start();
});
afterAll(() => mirror.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fetch-feed-'));
  repo = Repository.init(join(folder, 'repo'), { mode: 'bare-user' });
  mirror.files.clear();
  mirror.asked.length = 0;
  publish(indexOf('1'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('an index that did not change', () => {
  it('is not sent again, and its signature is not asked for', async () => {
    const first = await update();
    expect(mirror.asked).toEqual(['/Packages.gz', '/Packages.sig']);
    const second = await update();
    expect(mirror.asked).toEqual(['/Packages.gz', '/Packages.sig', '/Packages.gz']);
    expect(second).toEqual(first);
  });

  it('is fetched as if it had never been once its key is gone', async () => {
    await update();
    expect(await codeOfAsync(() => update(ringOf(otherKey)))).toBe('SIGNATURE_KEY_UNKNOWN');
    publish(indexOf('1'), otherKey);
    const second = await update(ringOf(otherKey));
    expect(second.feed.keyId).toBe(otherKey.fingerprint);
  });

  it('is fetched again when it was taken unsigned and a signature is wanted now', async () => {
    const first = await update('unsigned');
    expect(first.feed.signature).toBeUndefined();
    const second = await update();
    expect(second.feed.keyId).toBe(key.fingerprint);
    expect(mirror.asked).toEqual(['/Packages.gz', '/Packages.gz', '/Packages.sig']);
  });

  it('is fetched again when what was remembered is damaged', async () => {
    const first = await update();
    for (const text of [
      '',
      '[',
      '{}',
      '[1]',
      '[{"url":1}]',
      JSON.stringify([{ ...first.remembered, etag: 'a\nb: c' }]),
    ]) {
      writeFileSync(join(repo.path, 'extensions/opkg-ostree/fetched.json'), text);
      mirror.asked.length = 0;
      expect(await update()).toEqual(first);
      expect(mirror.asked).toEqual(['/Packages.gz', '/Packages.sig']);
    }
  });
});

it('an index that did change is fetched, verified and remembered', async () => {
  const first = await update();
  publish(indexOf('2'));
  const second = await update();
  expect(second.feed.digest).not.toBe(first.feed.digest);
  mirror.asked.length = 0;
  await update();
  expect(mirror.asked).toEqual(['/Packages.gz']);
});

describe('the table of an index', () => {
  const versions = async (id: string) =>
    (await loadSnapshot(repo, id))?.lookup.answering('a' as PackageName).map(({ version }) => version);

  it('is made when it is missing, and made again when it is damaged', async () => {
    const now = await update();
    expect(await versions(now.id)).toEqual(['1']);
    const good = readFileSync(tableOf(now));
    for (const damage of [Buffer.alloc(0), good.subarray(0, 90), Buffer.from(good).fill(0, 100, 104)]) {
      writeFileSync(tableOf(now), damage);
      expect(await versions(now.id)).toEqual(['1']);
      expect(readFileSync(tableOf(now))).toEqual(good);
    }
  });

  it('goes with the last snapshot that has the index', async () => {
    const first = await update();
    await versions(first.id);
    publish(indexOf('2'));
    const second = await update();
    await versions(second.id);
    sweepIndexTables(repo);
    expect(readFileSync(tableOf(first)).byteLength).toBeGreaterThan(0);
    await repo.withTransaction((txn) => txn.setRef(toRefName(`opkg-ostree/feeds/${first.id}`), undefined));
    sweepIndexTables(repo);
    expect(() => readFileSync(tableOf(first))).toThrow('ENOENT');
    expect(readFileSync(tableOf(second)).byteLength).toBeGreaterThan(0);
  });
});
