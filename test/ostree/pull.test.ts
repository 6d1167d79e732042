import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checksum, ProgressEvent, RefName } from '../../src/base/index.ts';
import {
  fsck,
  MutableTree,
  type PullOptions,
  parseSecretKey,
  pull,
  type RepoMode,
  type Repository,
  signCommit,
  signSummary,
  v,
  writeSummary,
} from '../../src/ostree/index.ts';
import { type FaultyServer, faultyServer } from '../support/faulty-server.ts';
import { dirAttributes, fileAttributes, linkAttributes, newRepo, p, scratch } from './support.ts';

const dir = scratch();
const secret = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==';
const publicKey = 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=';
const retry = { attempts: 3, firstDelay: 5, maxDelay: 20 };
let counter = 0;
let src: Repository;
let server: FaultyServer;
const commits: Checksum[] = [];

async function commit(repo: Repository, files: ReadonlyMap<string, Uint8Array>, parent?: Checksum) {
  return repo.withTransaction((txn) => {
    const tree = MutableTree.empty(repo, dirAttributes());
    for (const [path, content] of files) {
      const slash = path.lastIndexOf('/');
      if (slash > 0) tree.ensureDirectory(p(path.slice(0, slash)), dirAttributes());
      tree.putFile(p(path), txn.writeFile(fileAttributes(), content));
    }
    tree.putFile(p('link'), txn.writeSymlink(linkAttributes, 'usr/big'));
    const made = txn.writeCommit({
      metadata: [['ostree.ref-binding', v.strings(['main'])]],
      ...(parent === undefined ? {} : { parent }),
      subject: 's',
      body: '',
      timestamp: 1_700_000_000 + commits.length,
      ...tree.write(txn),
    });
    txn.setRef('main' as RefName, made);
    commits.push(made);
    return made;
  });
}

function client(mode: RepoMode = 'bare-user-only', config: Record<string, string> = {}): Repository {
  const repo = newRepo(join(dir, `client-${counter++}`), mode);
  const group = 'remote "o"';
  const values = { url: server.url, 'gpg-verify': 'false', ...config };
  for (const [key, value] of Object.entries(values)) repo.config.set(group, key, value);
  repo.writeConfig();
  return repo;
}

const take = (repo: Repository, options: PullOptions = {}) =>
  pull(repo, 'o', { refs: ['main'], retry, stallTimeout: 400, ...options });

async function expectWhole(repo: Repository, tip = commits.at(-1)): Promise<void> {
  expect(repo.readRef('o:main') ?? repo.readRef('main')).toBe(tip);
  expect(readdirSync(join(repo.path, 'state'))).toEqual([]);
  expect((await fsck(repo)).faults).toEqual([]);
}

beforeAll(async () => {
  src = newRepo(join(dir, 'src'), 'archive');
  const files = new Map<string, Uint8Array>();
  for (let i = 0; i < 60; i++) files.set(`usr/d${i % 6}/f${i}`, randomBytes(50 + i * 97));
  files.set('usr/big', Buffer.concat([randomBytes(900_000), Buffer.alloc(1_500_000)]));
  const first = await commit(src, files);
  files.set('usr/d1/new', Buffer.from('new'));
  await commit(src, files, first);
  server = await faultyServer(src.path);
});
afterAll(() => server.close());

function calm(): void {
  server.fault = () => undefined;
  server.requests.length = 0;
}

describe('pull', () => {
  it.each(['bare-user-only', 'archive'] as const)(
    'takes a branch into a repository of mode %s',
    async (mode) => {
      calm();
      const repo = client(mode);
      const report = await take(repo);
      expect(report.refs).toEqual([{ ref: 'o:main', commit: commits[1], previous: undefined }]);
      await expectWhole(repo);
      expect(readdirSync(join(repo.path, 'tmp'))).toEqual(['cache']);
      calm();
      expect((await take(repo)).objects).toBe(0);
      expect(server.requests.some((path) => path.endsWith('.filez'))).toBe(false);
    },
  );

  it('takes parents, parts and bare commits', async () => {
    calm();
    const deep = client();
    await take(deep, { depth: -1 });
    expect(deep.hasObject('commit', commits[0] as Checksum)).toBe(true);
    await expectWhole(deep);
    const part = client();
    await take(part, { subpaths: ['/usr/d1'] });
    expect(part.isPartial(commits[1] as Checksum)).toBe(true);
    expect(server.requests.length).toBeGreaterThan(0);
    const bare = client();
    expect((await take(bare, { commitMetadataOnly: true })).objects).toBe(1);
    expect(bare.isPartial(commits[1] as Checksum)).toBe(true);
    await take(part);
    await expectWhole(part);
  });

  it('counts bytes or objects upwards, the last event with the total', async () => {
    calm();
    const events: ProgressEvent[] = [];
    await pull(client(), 'o', { refs: ['main'] }, { onProgress: (e) => events.push(e), signal: undefined });
    const done = events.filter(({ phase }) => phase === 'download').map((event) => event.done ?? 0);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(events.at(-1)?.total).toBe(events.at(-1)?.done);
  });

  it('refuses to make a mirror or a branch out of nothing', async () => {
    calm();
    await expect(take(client(), { refs: ['nope'] })).rejects.toMatchObject({ code: 'OSTREE_REF_NOT_FOUND' });
    await expect(take(client(), { refs: [] })).rejects.toMatchObject({ code: 'OSTREE_REF_NOT_FOUND' });
    await expect(pull(client(), 'other')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a server that misbehaves', () => {
  const isObject = (path: string) => path.startsWith('objects/') && !path.endsWith('.commitmeta');

  it.each([
    ['cuts', { kind: 'cut', at: 40 }],
    ['closes', { kind: 'last' }],
    ['is busy', { kind: 'status', status: 503 }],
    ['stalls', { kind: 'stall' }],
    ['chunks', { kind: 'chunked' }],
  ] as const)('%s now and then: the pull succeeds', async (_name, fault) => {
    calm();
    let left = fault.kind === 'stall' ? 2 : 25;
    server.fault = (path, count) => (isObject(path) && count % 3 === 0 && left-- > 0 ? fault : undefined);
    const repo = client();
    await take(repo, { retry: { ...retry, attempts: 8 } });
    await expectWhole(repo);
  });

  it('resumes a large body where it was cut', async () => {
    calm();
    const big = [...src.listRefs().values()].length;
    expect(big).toBe(1);
    let cuts = 0;
    server.fault = (path) => (path.endsWith('.filez') && cuts++ === 0 ? undefined : undefined);
    server.fault = (path, count) => {
      const name = `${src.path}/${path}`;
      if (!path.endsWith('.filez') || !existsSync(name) || count < 0) return undefined;
      return cuts === 0 && largest() === path && ++cuts > 0 ? { kind: 'cut', at: 600_000 } : undefined;
    };
    const repo = client();
    const report = await take(repo);
    await expectWhole(repo);
    expect(cuts).toBe(1);
    expect(report.bytes).toBeLessThan(1_250_000);
  });

  it.each([
    ['wrong bytes', { kind: 'flip', at: 30 }, 'OSTREE_OBJECT_CORRUPT'],
    ['404', { kind: 'status', status: 404 }, 'NETWORK_HTTP_STATUS'],
    ['no HTTP', { kind: 'garbage' }, 'NETWORK_UNREACHABLE'],
  ] as const)(
    '%s in one object: no ref, and the next pull fetches only what is missing',
    async (_n, fault, code) => {
      calm();
      const target = largest();
      server.fault = (path) => (path === target ? fault : undefined);
      const repo = client();
      await expect(take(repo)).rejects.toMatchObject({ code });
      expect(repo.readRef('o:main')).toBeUndefined();
      expect(repo.isPartial(commits[1] as Checksum)).toBe(true);
      const had = new Set(server.requests.filter((path) => isObject(path) && path !== target));
      const stored = [...had].filter((path) => exists(repo, path));
      calm();
      await take(repo);
      await expectWhole(repo);
      expect(server.requests.filter((path) => stored.includes(path))).toEqual([]);
    },
  );

  it.each(['archive', 'bare-user-only'] as const)(
    'keeps nothing of what comes after an object (%s)',
    async (mode) => {
      calm();
      const target = largest();
      server.fault = (path) => (path === target ? { kind: 'endless' } : undefined);
      const repo = client(mode);
      await take(repo);
      await expectWhole(repo);
      if (mode === 'archive')
        expect(statSync(join(repo.path, target)).size).toBe(statSync(join(src.path, target)).size);
      server.fault = (path) => (path === 'summary.sig' ? { kind: 'endless' } : undefined);
      await expect(take(repo)).rejects.toMatchObject({ code: 'NETWORK_TOO_LARGE' });
    },
  );

  it('follows redirects, and gives up on circles', async () => {
    calm();
    const other = await faultyServer(src.path);
    server.fault = (path) => (isObject(path) ? { kind: 'redirect', to: `${other.url}/${path}` } : undefined);
    const repo = client();
    await take(repo);
    await expectWhole(repo);
    await other.close();
    server.fault = (path) => ({ kind: 'redirect', to: `${server.url}/${path}` });
    await expect(take(client())).rejects.toMatchObject({ code: 'NETWORK_HTTP_STATUS' });
  });

  it('goes on to the next mirror of a list', async () => {
    calm();
    writeFileSync(join(src.path, 'mirrors'), `# mirrors\nhttp://127.0.0.1:1/\n${server.url}/\n`);
    const repo = client('bare-user-only', { url: `mirrorlist=${server.url}/mirrors` });
    await take(repo);
    await expectWhole(repo);
  });

  it('stops when it is told to, with what came', async () => {
    calm();
    const stop = new AbortController();
    const target = largest();
    server.fault = (path, count) => {
      if (count > 40) stop.abort();
      return path === target ? { kind: 'stall' } : undefined;
    };
    const repo = client();
    const ctx = { onProgress: () => undefined, signal: stop.signal };
    await expect(pull(repo, 'o', { refs: ['main'], retry }, ctx)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    calm();
    await take(repo);
    await expectWhole(repo);
  });

  it('survives a cut at every one of many places', async () => {
    const repo = client();
    for (let round = 0; round < 25; round++) {
      calm();
      server.fault = (_path, count) => (count > 3 + round * 3 ? { kind: 'cut', at: round * 37 } : undefined);
      await take(repo, { retry: { ...retry, attempts: 1 } }).catch((error: unknown) =>
        expect(error).toMatchObject({ kind: 'network' }),
      );
    }
    calm();
    await take(repo);
    await expectWhole(repo);
  });
});

describe('trust', () => {
  const demanding = { 'sign-verify': 'true', 'verification-ed25519-key': publicKey };

  it('never gives a ref to a commit without the signature that is demanded', async () => {
    calm();
    const repo = client('bare-user-only', demanding);
    await expect(take(repo)).rejects.toMatchObject({ code: 'SIGNATURE_MISSING' });
    expect(repo.listRefs().size).toBe(0);
    await expect(take(client('bare-user-only', { 'gpg-verify': 'true' }))).rejects.toMatchObject({
      code: 'SIGNATURE_MISSING',
    });
    await expect(take(client('bare-user-only', { 'sign-verify': 'spki' }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    // Here already, from a remote that demanded nothing.
    repo.config.set('remote "free"', 'url', server.url);
    repo.config.set('remote "free"', 'gpg-verify', 'false');
    await pull(repo, 'free', { refs: ['main'] });
    await expect(take(repo)).rejects.toMatchObject({ code: 'SIGNATURE_MISSING' });
    expect(repo.readRef('o:main')).toBeUndefined();
    await signCommit(src, commits[1] as Checksum, [parseSecretKey(secret)]);
    await take(repo);
    await expectWhole(repo);
  });

  it('refuses older commits when asked, and commits of another branch', async () => {
    calm();
    const repo = client();
    await take(repo);
    await src.withTransaction((txn) => txn.setRef('main' as RefName, commits[0]));
    await expect(take(repo, { timestampCheck: true })).rejects.toMatchObject({ code: 'DOWNGRADE_REFUSED' });
    await src.withTransaction((txn) => {
      txn.setRef('main' as RefName, commits[1]);
      txn.setRef('other' as RefName, commits[1]);
    });
    await expect(take(repo, { refs: ['other'] })).rejects.toMatchObject({ code: 'OSTREE_REF_BINDING' });
    await src.withTransaction((txn) => txn.setRef('other' as RefName, undefined));
  });

  it('takes no summary that is unsigned, forged or older than the last', async () => {
    calm();
    const config = { 'sign-verify-summary': 'ed25519', 'verification-ed25519-key': publicKey };
    const repo = client('archive', config);
    writeSummary(src, 2000);
    await expect(take(repo)).rejects.toMatchObject({ code: 'SIGNATURE_MISSING' });
    signSummary(src, [parseSecretKey(secret)]);
    await take(repo, { mirror: true, refs: [] });
    await expectWhole(repo);
    expect(existsSync(join(repo.path, 'summary.sig'))).toBe(true);
    calm();
    await take(repo);
    expect(server.requests).not.toContain('summary');
    server.fault = (path) => (path === 'summary' ? { kind: 'flip', at: 60 } : undefined);
    await expect(take(client('archive', config))).rejects.toThrow();
    calm();
    writeFileSync(join(src.path, 'summary'), '');
    const old = writeSummary(newRepo(join(dir, 'empty'), 'archive'), 1000);
    expect(old.refs).toEqual([]);
    copyFileSync(join(dir, 'empty/summary'), join(src.path, 'summary'));
    writeFileSync(join(src.path, 'summary.sig'), '');
    signSummary(src, [parseSecretKey(secret)]);
    await expect(take(repo)).rejects.toMatchObject({ code: 'DOWNGRADE_REFUSED' });
  });
});

function exists(repo: Repository, path: string): boolean {
  return existsSync(join(repo.path, path.replace(/\.filez$/u, repo.mode === 'archive' ? '.filez' : '.file')));
}

let found: string | undefined;
/** The path of the one large object. */
function largest(): string {
  if (found !== undefined) return found;
  for (const folder of readdirSync(join(src.path, 'objects')))
    for (const name of readdirSync(join(src.path, 'objects', folder))) {
      const path = `objects/${folder}/${name}`;
      if (statSync(join(src.path, path)).size > 500_000) found = path;
    }
  return found ?? '';
}
