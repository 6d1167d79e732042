import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComposeResult } from '../../src/compose/index.ts';
import type { Repository } from '../../src/ostree/index.ts';
import { varDirectories, varVolatile } from '../../src/state/index.ts';
import { compose, hasProgram, initRepo, isRoot, ostree, treeByOstree } from './compose-support.ts';

const rootfs = process.env['OPENWRT_ROOTFS'];
const ready = rootfs !== undefined && isRoot && hasProgram('ostree');

describe.skipIf(!ready)('a real OpenWrt root (skipped without OPENWRT_ROOTFS, root or ostree)', () => {
  const dir = ready ? mkdtempSync(join(tmpdir(), 'compose-openwrt-')) : '';
  const at = (name: string) => join(dir, name);
  const source = { kind: 'tar', path: rootfs ?? '' } as const;
  let repo: Repository;
  let result: ComposeResult;
  afterAll(() => (dir === '' ? undefined : rmSync(dir, { recursive: true })));

  beforeAll(async () => {
    writeFileSync(at('vmlinuz'), 'a kernel');
    repo = initRepo(at('repo'), 'bare');
    result = await compose(repo, source, { kernel: at('vmlinuz') });
    ostree(`--repo=${repo.path}`, 'checkout', result.commit, at('root'));
    // What a deployment has at boot: /etc from its default, /var with its links and what they lead to.
    execFileSync('cp', ['-a', at('root/usr/etc'), at('root/etc')]);
    for (const { path, mode } of varDirectories) mkdirSync(at(`root/var/${path}`), { mode });
    for (const { name, target, mode } of varVolatile) {
      symlinkSync(target, at(`root/var/${name}`));
      mkdirSync(at(`root${target}`), { recursive: true, mode });
    }
  });

  const inRoot = (...command: string[]) =>
    spawnSync('chroot', [at('root'), ...command], { encoding: 'utf8' });

  it('passes fsck and is known by its version', () => {
    ostree(`--repo=${repo.path}`, 'fsck', '-q');
    const release = execFileSync('tar', ['-xOzf', rootfs ?? '', './usr/lib/os-release'], {
      encoding: 'utf8',
    });
    expect(release).toContain(`VERSION_ID="${result.version}"`);
    expect(ostree(`--repo=${repo.path}`, 'show', result.commit)).toContain(`Version: ${result.version}`);
  });

  it('is the same commit from the unpacked directory', async () => {
    mkdirSync(at('unpacked'));
    execFileSync('tar', ['-xpzf', rootfs ?? '', '--numeric-owner', '-C', at('unpacked')]);
    const other = initRepo(at('repo2'), 'archive');
    const again = await compose(
      other,
      { kind: 'directory', path: at('unpacked') },
      { kernel: at('vmlinuz') },
    );
    expect(again.commit).toBe(result.commit);
    expect(treeByOstree(checkedOut(), at('oracle'))).toBe(repo.loadCommit(result.commit).tree);
  });

  function checkedOut(): string {
    ostree(`--repo=${repo.path}`, 'checkout', result.commit, at('plain'));
    return at('plain');
  }

  it('holds every file of the root, moved or left out on purpose', () => {
    const listed = execFileSync('tar', ['-tzf', rootfs ?? ''], { encoding: 'utf8' })
      .trim()
      .split('\n');
    const inCommit = new Set(
      ostree(`--repo=${repo.path}`, 'ls', '-R', result.commit)
        .trim()
        .split('\n')
        .map((line) => (/ (\/.*?)(?: -> .*)?$/u.exec(line)?.[1] ?? '').slice(1)),
    );
    const missing = listed
      .map((name) => name.replace(/^\.\//u, '').replace(/\/$/u, ''))
      .filter((name) => name !== '')
      .filter((name) => !inCommit.has(name.replace(/^(bin|sbin|lib|etc|www)(?=\/|$)/u, 'usr/$1')));
    expect(
      missing.filter(
        (name) => !['usr/lib/preinit/79_move_config', 'lib/preinit/79_move_config'].includes(name),
      ),
    ).toEqual([]);
  });

  it('runs its own opkg, which knows our package and its files', () => {
    const list = inRoot('/bin/opkg', 'list-installed');
    expect(list.stderr).toBe('');
    expect(list.status).toBe(0);
    expect(list.stdout).toContain('opkg-ostree-boot - 0.1.0\n');
    mkdirSync(at('unpacked/tmp/lock'), { recursive: true });
    const before = spawnSync('chroot', [at('unpacked'), '/bin/opkg', 'list-installed'], { encoding: 'utf8' });
    expect(
      list.stdout
        .split('\n')
        .filter((line) => !line.startsWith('opkg-ostree-boot '))
        .sort(),
    ).toEqual(before.stdout.split('\n').sort());
    expect(inRoot('/bin/opkg', 'files', 'opkg-ostree-boot').stdout).toContain('/usr/bin/opkg-ostree');
    expect(inRoot('/bin/opkg', 'search', '*80_mount_root').stdout).toMatch(/^opkg-ostree-boot - [^\n]*\n$/u);
    expect(inRoot('/bin/opkg', 'status', 'opkg-ostree-boot').stdout).toMatch(
      /^Status: install user installed$/mu,
    );
  });

  it('runs its shell, its links and its service scripts', () => {
    expect(inRoot('/bin/sh', '-c', '. /lib/functions.sh; . /etc/os-release; echo "$ID"').stdout).toBe(
      'openwrt\n',
    );
    expect(inRoot('/bin/sh', '-c', 'cd /root && pwd -P').stdout).toBe('/var/roothome\n');
    expect(inRoot('/etc/init.d/opkg-ostree', 'enabled').status).toBe(0);
    expect(inRoot('/bin/sh', '-c', 'ls -d /sbin/init /usr/bin/env /lib64/libc.so').status).toBe(0);
  });

  it('lost the early boot steps that would harm it', () => {
    const preinit = readFileSync(at('root/usr/lib/opkg/info/base-files.list'), 'utf8');
    expect(preinit).not.toMatch(/move_config|80_mount_root|upgrade_bootloader/u);
  });

  it('leaves no link that leads nowhere but those that the root had', () => {
    const dangling = (root: string) =>
      spawnSync('chroot', [root, '/bin/sh', '-c', 'find / -xdev -type l ! -exec test -e {} \\; -print'], {
        encoding: 'utf8',
      })
        .stdout.trim()
        .split('\n')
        .filter((path) => path.startsWith('/usr/') && !path.startsWith('/usr/etc/'));
    const known = new Set(dangling(at('unpacked')));
    expect(
      dangling(at('root')).filter((path) => !known.has(path) && !known.has(path.replace('/usr', ''))),
    ).toEqual([]);
  });
});
