import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NetworkError, type ProgressEvent, toChecksum } from '../../src/base/index.ts';
import { type DownloadRequest, downloadFile, limitConcurrency } from '../../src/ipk/index.ts';
import { retryDelay, withRetry } from '../../src/ipk/retry.ts';
import { type Answer, Mirror } from '../support/mirror.ts';
import { codeOfAsync } from '../support/outcomes.ts';

const body = randomBytes(300_000);
const sha256 = toChecksum(createHash('sha256').update(body).digest('hex'));
const retry = { attempts: 4, firstDelay: 1, maxDelay: 20 };
const once = { ...retry, attempts: 1 };
let mirror: Mirror;
let folder: string;
let path: string;
let request: DownloadRequest;

beforeAll(async () => {
  mirror = await Mirror.start();
});
afterAll(() => mirror.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'download-'));
  path = join(folder, 'a.ipk');
  mirror.asked.length = 0;
  mirror.answer();
  mirror.files.clear();
  mirror.files.set('/a.ipk', { bytes: body, etag: '"v1"' });
  request = { url: `${mirror.url}/a.ipk`, path, size: body.byteLength, sha256 };
});
afterEach(() => rmSync(folder, { recursive: true }));

interface How {
  readonly signal?: AbortSignal;
  readonly events?: ProgressEvent[];
  readonly policy?: typeof retry;
}

function download(change: Partial<DownloadRequest> = {}, { signal, events, policy = retry }: How = {}) {
  const ctx = { signal, onProgress: (event: ProgressEvent) => void events?.push(event) };
  return downloadFile({ ...request, ...change }, ctx, { retry: policy, stallTimeout: 100, proxy: {} });
}

describe('a download', () => {
  it('is in place when it is whole, and leaves nothing else', async () => {
    expect(await download()).toEqual({ path, size: body.byteLength, sha256, resumedFrom: 0 });
    expect(readFileSync(path).equals(body)).toBe(true);
    expect(readdirSync(folder)).toEqual(['a.ipk']);
  });

  it('is not repeated where the file is there with the right digest', async () => {
    await download();
    await download();
    expect(mirror.asked).toHaveLength(1);
    writeFileSync(path, Buffer.alloc(body.byteLength));
    await download();
    expect(readFileSync(path).equals(body)).toBe(true);
  });

  it.each<[string, Answer[], string[]]>([
    ['a cut', [{ kind: 'cut', after: 100_000 }], ['/a.ipk', '/a.ipk bytes=100000-']],
    ['a stall', [{ kind: 'stall', after: 100_000 }], ['/a.ipk', '/a.ipk bytes=100000-']],
    [
      'two cuts',
      [
        { kind: 'cut', after: 100_000 },
        { kind: 'cut', after: 50_000 },
      ],
      ['/a.ipk', '/a.ipk bytes=100000-', '/a.ipk bytes=150000-'],
    ],
    ['a busy server', [{ kind: 'status', status: 503 }], ['/a.ipk', '/a.ipk']],
    [
      'a cut and a server that ignores ranges',
      [{ kind: 'cut', after: 100_000 }, { kind: 'no-range' }],
      ['/a.ipk', '/a.ipk bytes=100000-'],
    ],
    [
      'a cut and a range that begins elsewhere',
      [{ kind: 'cut', after: 100_000 }, { kind: 'wrong-range' }],
      ['/a.ipk', '/a.ipk bytes=100000-', '/a.ipk'],
    ],
    [
      'a cut and a range that cannot be had',
      [
        { kind: 'cut', after: 100_000 },
        { kind: 'status', status: 416 },
      ],
      ['/a.ipk', '/a.ipk bytes=100000-', '/a.ipk'],
    ],
    [
      'a cut and other bytes behind the same validator',
      [{ kind: 'cut', after: 100_000 }, { kind: 'other-range' }],
      ['/a.ipk', '/a.ipk bytes=100000-', '/a.ipk'],
    ],
  ])('survives %s', async (_, answers, asked) => {
    mirror.answer(...answers);
    await download();
    expect(readFileSync(path).equals(body)).toBe(true);
    expect(readdirSync(folder)).toEqual(['a.ipk']);
    expect(mirror.asked).toEqual(asked);
  });

  it('goes on where an earlier run was cut', async () => {
    mirror.answer({ kind: 'cut', after: 200_000 });
    expect(await codeOfAsync(() => download({}, { policy: once }))).toBe('NETWORK_TRUNCATED');
    expect(existsSync(path)).toBe(false);
    expect(await download()).toMatchObject({ resumedFrom: 200_000 });
    expect(readFileSync(path).equals(body)).toBe(true);
  });

  it('begins anew when the file has changed meanwhile', async () => {
    mirror.files.set('/a.ipk', { bytes: Buffer.alloc(body.byteLength, 'old'), etag: '"v0"' });
    mirror.answer({ kind: 'cut', after: 200_000 });
    await codeOfAsync(() => download({}, { policy: once }));
    mirror.files.set('/a.ipk', { bytes: body, etag: '"v1"' });
    expect(await download()).toMatchObject({ resumedFrom: 0 });
    expect(readFileSync(path).equals(body)).toBe(true);
  });

  const modified = 'Sat, 21 Nov 2026 10:00:00 GMT';
  it.each<[string, { etag?: string; lastModified?: string }, boolean, boolean]>([
    ['a weak validator', { etag: 'W/"v1"' }, true, false],
    ['no validator', {}, true, false],
    ['a time and a digest', { lastModified: modified }, true, true],
    ['a time and no digest', { lastModified: modified }, false, false],
    ['a strong validator and no digest', { etag: '"v1"' }, false, true],
    ['an absurd validator', { etag: `"${'x'.repeat(500)}"` }, true, false],
  ])('with %s: resumed %o, digest %s -> %s', async (_, headers, withDigest, resumed) => {
    mirror.files.set('/a.ipk', { bytes: body, ...headers });
    mirror.answer({ kind: 'cut', after: 100_000 });
    const { sha256: _digest, ...bare } = request;
    const wanted = withDigest ? request : bare;
    const ctx = { signal: undefined, onProgress: () => undefined };
    const got = await downloadFile(wanted, ctx, { retry, stallTimeout: 100, proxy: {} });
    expect(got.resumedFrom > 0).toBe(resumed);
    expect(readFileSync(path).equals(body)).toBe(true);
  });

  it('does not go on with the part of another address or digest', async () => {
    mirror.answer({ kind: 'cut', after: 100_000 });
    await codeOfAsync(() => download({}, { policy: once }));
    mirror.files.set('/b.ipk', { bytes: body, etag: '"v1"' });
    expect(await download({ url: `${mirror.url}/b.ipk` })).toMatchObject({ resumedFrom: 0 });
  });

  it('does not trust a note that a crash has cut', async () => {
    mirror.answer({ kind: 'cut', after: 100_000 });
    await codeOfAsync(() => download({}, { policy: once }));
    writeFileSync(`${path}.part.json`, '{"url":');
    expect(await download()).toMatchObject({ resumedFrom: 0 });
  });

  it.each<[string, Partial<MirrorBody>]>([
    ['another digest', { bytes: Buffer.alloc(body.byteLength) }],
    ['too little', { bytes: body.subarray(1) }],
    ['too much', { bytes: Buffer.concat([body, body]) }],
    ['a sign-in page', { bytes: Buffer.from('<html>sign in</html>') }],
  ])('of %s is a checksum mismatch, and nothing is kept', async (_, served) => {
    mirror.files.set('/a.ipk', { bytes: body, etag: '"v1"', ...served });
    expect(await codeOfAsync(() => download())).toBe('CHECKSUM_MISMATCH');
    expect(readdirSync(folder)).toEqual([]);
    expect(mirror.asked).toHaveLength(1);
  });

  it.each<[string, Answer, string, number]>([
    ['that is not there', { kind: 'status', status: 404 }, 'NETWORK_HTTP_STATUS', 1],
    ['in a redirect loop', { kind: 'loop' }, 'NETWORK_HTTP_STATUS', 6],
    ['that never answers', { kind: 'stall', after: 0 }, 'NETWORK_TRUNCATED', 4],
    ['that is always busy', { kind: 'status', status: 503 }, 'NETWORK_HTTP_STATUS', 4],
  ])('of a file %s ends after a bounded number of requests', async (_, answer, code, requests) => {
    mirror.answer(...Array(20).fill(answer));
    expect(await codeOfAsync(() => download())).toBe(code);
    expect(mirror.asked).toHaveLength(requests);
  });

  it('reports progress that never falls and ends with all', async () => {
    const events: ProgressEvent[] = [];
    mirror.answer({ kind: 'cut', after: 200_000 }, { kind: 'no-range' });
    await download({}, { events });
    const done = events.map((event) => event.done ?? 0);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({
      phase: 'download',
      done: body.byteLength,
      total: body.byteLength,
      unit: 'bytes',
    });
  });

  it('stops when it is cancelled, while waiting for another try too', async () => {
    const stop = new AbortController();
    mirror.answer(...Array(9).fill({ kind: 'status', status: 503 }));
    setTimeout(() => stop.abort(), 50);
    const slow = { attempts: 9, firstDelay: 20_000, maxDelay: 20_000 };
    expect(await codeOfAsync(() => download({}, { signal: stop.signal, policy: slow }))).toBe('INTERRUPTED');
  });

  it('reads file addresses too', async () => {
    const source = join(folder, 'b c+d.ipk');
    writeFileSync(source, body);
    expect(await download({ url: pathToFileURL(source).href })).toMatchObject({ sha256 });
    expect(await codeOfAsync(() => download({ url: 'file:///none/x.ipk', path: `${path}2` }))).toBe(
      'NETWORK_HTTP_STATUS',
    );
  });
});

interface MirrorBody {
  readonly bytes: Uint8Array;
}

describe('trying again', () => {
  const busy = new NetworkError('NETWORK_HTTP_STATUS', 'busy', { details: { status: 503, retryAfter: 2 } });
  const policy = { attempts: 5, firstDelay: 100, maxDelay: 3000 };

  it('waits longer each time, by a share of chance, and never too long', () => {
    const delays = (random: number) =>
      [1, 2, 3, 9].map((tried) => retryDelay(policy, tried, undefined, random));
    expect(delays(0)).toEqual([100, 200, 400, 3000]);
    expect(delays(0.999).every((delay, i) => delay >= (delays(0)[i] ?? 0) / 2)).toBe(true);
    expect(retryDelay(policy, 1, busy, 0)).toBe(2000);
  });

  it('does not happen for an error that it cannot cure', async () => {
    let tries = 0;
    const failing = withRetry(policy, undefined, async () => {
      tries++;
      throw new NetworkError('NETWORK_TOO_LARGE', 'x');
    });
    await expect(failing).rejects.toMatchObject({ code: 'NETWORK_TOO_LARGE' });
    expect(tries).toBe(1);
  });
});

describe('several at once', () => {
  it('are as many as allowed and keep their order', async () => {
    let now = 0;
    let most = 0;
    const results = await limitConcurrency(4, [...Array(20).keys()], async (n) => {
      now++;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, (n % 3) * 3));
      now--;
      return n * 2;
    });
    expect(results).toEqual([...Array(20).keys()].map((n) => n * 2));
    expect(most).toBe(4);
  });

  it('begin nothing new after the first failure and wait for the rest', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const run = limitConcurrency(2, [0, 1, 2, 3, 4], async (n, signal) => {
      begun.push(n);
      if (n === 0) throw new Error('first');
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(signal.aborted).toBe(true);
      ended.push(n);
    });
    await expect(run).rejects.toThrow('first');
    expect(begun).toEqual([0, 1]);
    expect(ended).toEqual([1]);
  });

  it('throw the failure of the earliest, whichever fails first', async () => {
    const run = limitConcurrency(3, [30, 1, 10], async (delay, signal) => {
      await new Promise((resolve) => setTimeout(resolve, delay));
      throw new Error(`${delay}${signal.aborted ? ', told to stop' : ''}`);
    });
    await expect(run).rejects.toThrow(/^30$/u);
  });

  it('may be none', async () => {
    expect(await limitConcurrency(4, [], async () => 1)).toEqual([]);
  });
});
