import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checksum, toRefName } from '../../src/base/index.ts';
import { commitDirectory, pull, type RepoMode, Repository, v, writeSummary } from '../../src/ostree/index.ts';
import { type StaticServer, serveFolder } from '../../src/sys/index.ts';
import { hasProgram, isRoot, newRepo, scratch } from '../ostree/support.ts';

const usable = isRoot && hasProgram('ostree') && hasProgram('setfattr');
const dir = scratch();
const client = join(dir, 'client.mjs');
const tree = join(dir, 'tree');
const src = join(dir, 'src');
let server: StaticServer;
let counter = 0;
const tips: string[] = [];

function ostree(repo: string, ...args: string[]): string {
  return execFileSync('ostree', [`--repo=${repo}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The real tool in a process of its own while the server runs in this one. */
function ostreeAside(repo: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('ostree', [`--repo=${repo}`, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (bytes) => {
      text += String(bytes);
    });
    child.on('close', (status) => (status === 0 ? resolve(text) : reject(new Error(text))));
  });
}

function theirs(mode: string, url = server.url): string {
  const path = join(dir, `theirs-${counter++}`);
  execFileSync('ostree', [`--repo=${path}`, 'init', `--mode=${mode}`]);
  ostree(path, 'config', 'set', 'core.min-free-space-percent', '0');
  ostree(path, 'remote', 'add', '--no-gpg-verify', 'o', url);
  return path;
}

beforeAll(async () => {
  if (!usable) return;
  for (let i = 0; i < 400; i++) {
    const folder = join(tree, `usr/d${i % 20}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${i}`), randomBytes(i * 61), { mode: i % 3 === 0 ? 0o755 : 0o644 });
  }
  writeFileSync(join(tree, 'big'), Buffer.concat([randomBytes(2_000_000), Buffer.alloc(3_000_000)]));
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'suid'), 'x', { mode: 0o4755 });
  symlinkSync('usr', join(tree, 'link'));
  execFileSync('setfattr', ['-n', 'user.test', '-v', 'value', join(tree, 'empty')]);
  execFileSync('ostree', [`--repo=${src}`, 'init', '--mode=archive']);
  ostree(src, 'config', 'set', 'core.min-free-space-percent', '0');
  for (const text of ['one', 'two']) {
    writeFileSync(join(tree, 'version'), text);
    tips.push(ostree(src, 'commit', '-b', 'main', '-s', text, '--generate-sizes', tree).trim());
  }
  ostree(src, 'summary', '-u');
  server = await serveFolder(src);
  await build({
    entryPoints: [new URL('../support/pull-client.ts', import.meta.url).pathname],
    outfile: client,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
}, 60_000);
afterAll(() => server?.close());

describe.skipIf(!usable)('pull beside the real ostree (needs root, ostree and setfattr)', () => {
  it.each(['bare', 'bare-user', 'archive'] as const)(
    'into %s: fsck is clean, same commits',
    async (mode: RepoMode) => {
      const path = theirs(mode);
      const events: { done?: number; total?: number }[] = [];
      const ctx = { onProgress: (event: object) => events.push(event), signal: undefined };
      const report = await pull(Repository.open(path), 'o', { refs: ['main'], depth: 1 }, ctx);
      expect(report.refs).toEqual([{ ref: 'o:main', commit: tips[1], previous: undefined }]);
      expect(ostree(path, 'rev-parse', 'o:main', 'o:main^').trim().split('\n')).toEqual([tips[1], tips[0]]);
      expect(spawnSync('ostree', [`--repo=${path}`, 'fsck'], { encoding: 'utf8' }).status).toBe(0);
      expect(readdirSync(join(path, 'state'))).toEqual([]);
      // The sizes are in the commit: the total is known from the first event on, and exact.
      const totals = new Set(events.filter(({ done }) => done !== undefined).map(({ total }) => total));
      expect(totals.size).toBe(1);
      expect(ostree(path, 'diff', 'o:main', tree).trim()).toBe('');
    },
  );

  it('is gone on with by the real tool, and goes on with what that has begun', async () => {
    const path = theirs('bare');
    await pull(Repository.open(path), 'o', { refs: ['main'], subpaths: ['/usr/d1'] });
    expect(Repository.open(path).isPartial(tips[1] as Checksum)).toBe(true);
    await ostreeAside(path, 'pull', 'o', 'main');
    ostree(path, 'fsck');
    const other = theirs('bare');
    await ostreeAside(other, 'pull', '--subpath=/usr/d2', 'o', 'main');
    await pull(Repository.open(other), 'o', { refs: ['main'] });
    ostree(other, 'fsck');
    expect(readdirSync(join(other, 'state'))).toEqual([]);
  });

  it('makes a mirror that the real tool takes as it takes the original', async () => {
    const path = theirs('archive');
    await pull(Repository.open(path), 'o', { mirror: true, depth: -1 });
    ostree(path, 'fsck');
    expect(ostree(path, 'refs').trim()).toBe('main');
    expect(ostree(path, 'summary', '-v')).toBe(ostree(src, 'summary', '-v'));
    const served = await serveFolder(path);
    const third = theirs('bare', served.url);
    await ostreeAside(third, 'pull', 'o', 'main');
    await served.close();
    ostree(third, 'fsck');
    expect(ostree(third, 'rev-parse', 'o:main').trim()).toBe(tips[1]);
  });

  it('reads our summary and our archive', async () => {
    const repo = newRepo(join(dir, 'ours'), 'archive');
    const commit = await repo.withTransaction(async (txn) => {
      const root = await commitDirectory(txn, tree, {}, { onProgress: () => undefined, signal: undefined });
      const metadata = [
        ['ostree.ref-binding', v.strings(['x/y'])],
        ['version', v.string('7')],
      ] as const;
      const made = txn.writeCommit({ metadata, subject: 's', body: '', timestamp: 1_700_000_000, ...root });
      txn.setRef(toRefName('x/y'), made);
      return made;
    });
    writeSummary(repo, 1_700_000_001);
    expect(ostree(repo.path, 'summary', '-v')).toContain('Version (ostree.commit.version): 7');
    const served = await serveFolder(repo.path);
    const path = theirs('bare', served.url);
    await ostreeAside(path, 'pull', 'o', 'x/y');
    expect(ostree(path, 'rev-parse', 'o:x/y').trim()).toBe(commit);
    expect(await new Promise((resolve) => listRemote(path, resolve))).toContain('x/y');
    await served.close();
    ostree(path, 'fsck');
  });

  it('takes a static delta where one fits, and the objects where it is broken', async () => {
    const [first = '', second = ''] = tips;
    ostree(src, 'static-delta', 'generate', `--from=${first}`, `--to=${second}`);
    ostree(src, 'static-delta', 'generate', '--empty', `--to=${second}`);
    ostree(src, 'summary', '-u');
    const fresh = theirs('bare');
    expect(await pull(Repository.open(fresh), 'o', { refs: ['main'] })).toMatchObject({ deltas: 1 });
    ostree(fresh, 'fsck');
    const older = theirs('bare');
    const repo = Repository.open(older);
    await pull(repo, 'o', { refs: [first] });
    await repo.withTransaction((txn) => txn.setRef(toRefName('o:main'), first as Checksum));
    const report = await pull(repo, 'o', { refs: ['main'] });
    expect(report).toMatchObject({ deltas: 1, objects: 0 });
    ostree(older, 'fsck');
    execFileSync('sh', ['-c', `for f in ${src}/deltas/*/*/0; do printf x > $f; done`]);
    const broken = theirs('bare');
    expect(await pull(Repository.open(broken), 'o', { refs: ['main'] })).toMatchObject({ deltas: 0 });
    ostree(broken, 'fsck');
    expect(readdirSync(join(broken, 'state'))).toEqual([]);
    execFileSync('rm', ['-rf', join(src, 'deltas')]);
    ostree(src, 'summary', '-u');
  });

  it('is killed again and again and ends whole', async () => {
    const path = theirs('bare');
    let kills = 0;
    for (let round = 0; round < 12; round++) {
      const child = spawn(process.execPath, [client, path, 'o', 'main'], { stdio: 'ignore' });
      await ended(child, 120 + round * 60);
      if (child.signalCode === 'SIGKILL') kills += 1;
      expect(spawnSync('ostree', [`--repo=${path}`, 'fsck'], { encoding: 'utf8' }).status).toBe(0);
      const ref = Repository.open(path).readRef('o:main');
      if (ref !== undefined) expect(Repository.open(path).isPartial(ref)).toBe(false);
    }
    expect(kills).toBeGreaterThan(0);
    await pull(Repository.open(path), 'o', { refs: ['main'] });
    ostree(path, 'fsck');
    expect(readdirSync(join(path, 'state'))).toEqual([]);
    expect(readdirSync(join(path, 'tmp'))).toEqual(['cache']);
    expect(ostree(path, 'rev-parse', 'o:main').trim()).toBe(tips[1]);
  }, 120_000);

  it.skipIf(!hasProgram('gpg') || !hasProgram('gpgv'))('checks GPG signatures', async () => {
    const home = join(dir, 'gpg');
    mkdirSync(home, { mode: 0o700 });
    const gpg = (...args: string[]) =>
      execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--yes', ...args], { stdio: 'pipe' });
    gpg('--passphrase', '', '--quick-gen-key', 'test@example.org', 'ed25519', 'sign', 'never');
    gpg('--export', '-o', join(dir, 'key.gpg'), 'test@example.org');
    gpg('--armor', '--export', '-o', join(dir, 'key.asc'), 'test@example.org');
    const repo = newRepo(join(dir, 'signed-client'), 'bare');
    repo.config.set('remote "o"', 'url', server.url);
    repo.config.set('remote "o"', 'gpgkeypath', [join(dir, 'key.asc')]);
    repo.writeConfig();
    await expect(pull(repo, 'o', { refs: ['main'] })).rejects.toMatchObject({ code: 'SIGNATURE_MISSING' });
    ostree(src, 'gpg-sign', `--gpg-homedir=${home}`, tips[1] ?? '', 'test@example.org');
    await pull(repo, 'o', { refs: ['main'] });
    expect(repo.readRef('o:main')).toBe(tips[1]);
    const stranger = join(dir, 'gpg2');
    mkdirSync(stranger, { mode: 0o700 });
    execFileSync(
      'gpg',
      [
        '--homedir',
        stranger,
        '--batch',
        '--quiet',
        '--passphrase',
        '',
        '--quick-gen-key',
        'x@example.org',
        'ed25519',
        'sign',
        'never',
      ],
      { stdio: 'pipe' },
    );
    execFileSync(
      'gpg',
      ['--homedir', stranger, '--batch', '--export', '-o', join(dir, 'other.gpg'), 'x@example.org'],
      { stdio: 'pipe' },
    );
    repo.config.set('remote "o"', 'gpgkeypath', [join(dir, 'other.gpg')]);
    await expect(pull(repo, 'o', { refs: ['main'] })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });
});

function listRemote(repo: string, done: (text: string) => void): void {
  const child = spawn('ostree', [`--repo=${repo}`, 'remote', 'refs', 'o']);
  let text = '';
  child.stdout.on('data', (bytes) => {
    text += String(bytes);
  });
  child.on('close', () => done(text));
}

function ended(child: ChildProcess, killAfter: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
