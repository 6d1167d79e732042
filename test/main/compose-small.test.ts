import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderCpio } from '../../src/compose/cpio.ts';
import type { ComposeResult } from '../../src/compose/index.ts';
import { dictGet, type Repository } from '../../src/ostree/index.ts';
import { rootWith } from '../compose/support.ts';
import { buildTar } from '../compose/tar-builder.ts';
import { branch, compose, hasProgram, initRepo, isRoot, ostree, treeByOstree } from './compose-support.ts';

const ready = isRoot && hasProgram('ostree');
const dir = mkdtempSync(join(tmpdir(), 'compose-main-'));
chmodSync(dir, 0o755);
afterAll(() => rmSync(dir, { recursive: true }));

const members = rootWith(
  { path: 'bin/su', mode: 0o4755, content: 'su' },
  { path: 'usr/lib/hard', type: 'hardlink', target: 'bin/busybox' },
  { path: 'home', type: 'directory', uid: 1000, gid: 1000, mode: 0o2775 },
  { path: 'home/note', uid: 453, gid: 453, mode: 0o640, content: 'hello' },
  { path: 'dev/console', type: 'device' },
  { path: `usr/share/${'long'.repeat(30)}`, content: 'x'.repeat(100_000) },
);
const at = (name: string) => join(dir, name);

beforeAll(() => {
  writeFileSync(at('root.tar'), buildTar(members));
  writeFileSync(at('root.tar.gz'), gzipSync(buildTar(members)));
  writeFileSync(at('vmlinuz'), 'kernel');
  writeFileSync(at('board.dtb'), 'dtb');
  writeFileSync(
    at('initramfs'),
    gzipSync(renderCpio([{ path: 'x', mode: 0o100644, content: Buffer.from('x') }])),
  );
});

describe.skipIf(!ready)('compose into a bare repository (skipped without root or ostree)', () => {
  let repo: Repository;
  let result: ComposeResult;

  beforeAll(async () => {
    repo = initRepo(at('repo'), 'bare');
    result = await compose(
      repo,
      { kind: 'tar', path: at('root.tar.gz') },
      {
        kernel: at('vmlinuz'),
        dtb: at('board.dtb'),
        initramfs: at('initramfs'),
        target: 'x86-64',
      },
    );
  });

  it('makes a commit that the real ostree accepts', () => {
    ostree(`--repo=${repo.path}`, 'fsck', '-q');
    expect(ostree(`--repo=${repo.path}`, 'rev-parse', branch).trim()).toBe(result.commit);
    expect(ostree(`--repo=${repo.path}`, 'ls', result.commit, '/tmp', '/usr/lib64')).toBe(
      'd01777 0 0      0 /tmp\nl00777 0 0      0 /usr/lib64 -> lib\n',
    );
  });

  it('tells what the commit is', () => {
    const commit = repo.loadCommit(result.commit);
    expect(commit.parent).toBeUndefined();
    expect(commit.timestamp).toBe(result.timestamp);
    const value = (key: string) => dictGet(commit.metadata, key)?.value;
    expect(value('version')).toBe('18.06.1');
    expect(value('opkgostree.target')).toBe('x86-64');
    expect(value('ostree.linux')).toBe('4.14.63');
    expect(value('ostree.bootable')).toBe(true);
    expect(value('ostree.ref-binding')).toEqual([branch]);
    expect(commit.subject).toBe('OpenWrt 18.06.1');
  });

  it('checks out with bits, owners, kernel and initramfs, and commits again to the same tree', () => {
    ostree(`--repo=${repo.path}`, 'checkout', result.commit, at('co'));
    const co = (path: string) => join(at('co'), path);
    expect(lstatSync(co('usr/bin/su')).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(co('usr/share/factory/var/home/note'))).toMatchObject({ uid: 453, gid: 453 });
    expect(lstatSync(co('usr/share/factory/var')).mode & 0o777).toBe(0o755);
    expect(readFileSync(co('usr/lib/hard'), 'utf8')).toBe('content of bin/busybox');
    expect(readlinkSync(co('root'))).toBe('var/roothome');
    expect(existsSync(co('etc'))).toBe(false);
    expect(readFileSync(co('usr/lib/modules/4.14.63/vmlinuz'), 'utf8')).toBe('kernel');
    expect(readFileSync(co('usr/lib/modules/4.14.63/devicetree'), 'utf8')).toBe('dtb');
    const initramfs = readFileSync(co('usr/lib/modules/4.14.63/initramfs.img'));
    expect(initramfs.includes(readFileSync(co('usr/lib/opkg-ostree/prepare-root')))).toBe(true);
    expect(treeByOstree(at('co'), at('oracle'))).toBe(repo.loadCommit(result.commit).tree);
  });

  it('gives the same checksum whatever the order, the packing, the mode or the kind of source', async () => {
    const request = {
      kernel: at('vmlinuz'),
      dtb: at('board.dtb'),
      initramfs: at('initramfs'),
      target: 'x86-64',
    };
    writeFileSync(at('reversed.tar'), buildTar([...members].reverse()));
    mkdirSync(at('tree'));
    execFileSync('tar', [
      '-xpf',
      at('root.tar'),
      '--numeric-owner',
      '--exclude=dev/console',
      '-C',
      at('tree'),
    ]);
    const sources = [
      ['plain', 'bare', { kind: 'tar', path: at('root.tar') }],
      ['reversed', 'archive', { kind: 'tar', path: at('reversed.tar') }],
      ['folder', 'bare', { kind: 'directory', path: at('tree') }],
      ['user', 'bare-user', { kind: 'directory', path: at('tree') }],
    ] as const;
    for (const [name, mode, source] of sources) {
      const other = initRepo(at(`repo-${name}`), mode);
      expect((await compose(other, source, request)).commit, name).toBe(result.commit);
      ostree(`--repo=${other.path}`, 'fsck', '-q');
    }
  });

  it('leaves nothing behind where the root is refused', async () => {
    const clean = initRepo(at('clean'), 'bare');
    writeFileSync(at('clash.tar'), buildTar([...members, ...rootWith('bin/x', 'usr/bin/x').slice(-2)]));
    await expect(compose(clean, { kind: 'tar', path: at('clash.tar') })).rejects.toMatchObject({
      code: 'ROOTFS_CLASH',
    });
    const cut = readFileSync(at('root.tar.gz')).subarray(0, -300);
    writeFileSync(at('cut.tar.gz'), cut);
    await expect(compose(clean, { kind: 'tar', path: at('cut.tar.gz') })).rejects.toMatchObject({
      code: 'ROOTFS_INVALID',
    });
    expect(clean.listRefs().size).toBe(0);
    expect(
      execFileSync('find', [
        join(clean.path, 'objects'),
        join(clean.path, 'tmp'),
        '-type',
        'f',
        '-not',
        '-empty',
      ]),
    ).toHaveLength(0);
  });

  it('stops when told to', async () => {
    const abort = new AbortController();
    abort.abort();
    const { composeRootfs } = await import('../../src/compose/index.ts');
    const ctx = { onProgress: () => undefined, signal: abort.signal };
    const request = {
      source: { kind: 'tar', path: at('root.tar') },
      branch,
      productVersion: '1',
      bootFiles: new Map(),
    } as const;
    await expect(composeRootfs(repo, request, ctx)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  it.each([
    ['kernel', 'none'],
    ['dtb', ''],
    ['initramfs', 'none'],
  ])('refuses a --%s that is no file', async (option, name) => {
    const attempt = compose(
      repo,
      { kind: 'tar', path: at('root.tar') },
      { kernel: at('vmlinuz'), [option]: at(name) },
    );
    await expect(attempt).rejects.toMatchObject({ code: 'NOT_BOOTABLE', kind: 'refused' });
  });
});

const unprivileged = ready && hasProgram('setpriv');

describe.skipIf(!unprivileged)(
  'compose without root (skipped without root to drop, ostree or setpriv)',
  () => {
    it.each(['archive', 'bare-user'] as const)(
      'from a tarball into %s gives the same commit',
      async (mode) => {
        const script = at(`run-${mode}.mjs`);
        const entry = `
      import { composeRootfs } from './src/compose/index.ts';
      import { Repository } from './src/ostree/index.ts';
      const repo = Repository.init(process.argv[2], { mode: process.argv[3] });
      const request = { source: { kind: 'tar', path: process.argv[4] }, branch: '${branch}', productVersion: '1', bootFiles: new Map() };
      const result = await composeRootfs(repo, request, { onProgress: () => undefined, signal: undefined });
      console.log(process.geteuid(), result.commit);
    `;
        const resolveDir = new URL('../..', import.meta.url).pathname;
        buildSync({
          stdin: { contents: entry, resolveDir, loader: 'ts' },
          bundle: true,
          platform: 'node',
          format: 'esm',
          outfile: script,
          logLevel: 'error',
        });
        mkdirSync(at(`home-${mode}`));
        execFileSync('chown', ['65534:65534', at(`home-${mode}`)]);
        chmodSync(script, 0o644);
        const repoPath = join(at(`home-${mode}`), 'repo');
        const drop = ['--reuid=65534', '--regid=65534', '--clear-groups'];
        const run = spawnSync(
          'setpriv',
          [...drop, process.execPath, script, repoPath, mode, at('root.tar.gz')],
          { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } },
        );
        expect(run.stderr).toBe('');
        const repo = initRepo(at(`root-${mode}`), 'bare');
        const asRoot = await compose(
          repo,
          { kind: 'tar', path: at('root.tar.gz') },
          { productVersion: '1', bootFiles: new Map() },
        );
        expect(run.stdout.trim()).toBe(`65534 ${asRoot.commit}`);
        const fsck = spawnSync('setpriv', [...drop, 'ostree', `--repo=${repoPath}`, 'fsck', '-q'], {
          encoding: 'utf8',
        });
        expect(fsck.status).toBe(0);
      },
    );
  },
);
