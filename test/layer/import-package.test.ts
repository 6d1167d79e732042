import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toChecksum, toPackageName, toRelPath } from '../../src/base/index.ts';
import { findPackageCommit, packageRef } from '../../src/layer/index.ts';
import { MutableTree } from '../../src/ostree/index.ts';
import { control, LayerWorld, refusal, stub } from './support.ts';

let world: LayerWorld;
beforeAll(async () => {
  world = await LayerWorld.make();
});
afterAll(() => world.close());

const walk = (commit: Parameters<typeof world.repo.loadCommit>[0]) =>
  [...MutableTree.fromCommit(world.repo, commit).walk(toRelPath(''))]
    .map((e) => `${e.kind} ${e.path}`)
    .filter((l) => l.startsWith('file'));

describe('importPackage', () => {
  it('maps paths, moves links, resolves hard links and keeps what opkg keeps', async () => {
    const pkg = await world.import({
      ...control('tool', { Version: '1:2.0+git~1-r3', Depends: 'libc' }),
      files: {
        'bin/tool': { content: 'tool\n', mode: 0o4755, mtime: 2000 },
        'bin/tool2': { type: 'hardlink', link: './bin/tool' },
        'bin/alias': { type: 'symlink', link: '../usr/bin/alias' },
        'sbin/up': { type: 'symlink', link: '../usr/share/up' },
        'etc/config/tool': { content: 'config x\n', mtime: 2_000_000_000 },
        'var/lib/tool/seed': 'seed\n',
        'usr/share/tool/x': { content: 'x', uid: 5, gid: 6, mode: 0o640 },
        'lib/modules/6.6.1/tool.ko': 'ko',
      },
      conffiles: ['/etc/config/tool', '/etc/config/none'],
      scripts: { postinst: stub, 'prerm-pkg': 'true\n' },
    });
    expect(walk(pkg.commit)).toEqual([
      'file info/tool.conffiles',
      'file info/tool.control',
      'file info/tool.list',
      'file info/tool.postinst',
      'file info/tool.prerm-pkg',
      'file payload/usr/bin/tool',
      'file payload/usr/bin/tool2',
      'file payload/usr/etc/config/tool',
      'file payload/usr/lib/modules/6.6.1/tool.ko',
      'file payload/usr/sbin/up',
      'file payload/usr/share/factory/var/lib/tool/seed',
      'file payload/usr/share/tool/x',
    ]);
    expect(world.at(pkg.commit, 'info/tool.list')).toBe(
      '/bin/alias\n/bin/tool\n/bin/tool2\n/etc/config/tool\n/lib/modules/6.6.1/tool.ko\n/sbin/up\n/usr/share/tool/x\n/var/lib/tool/seed\n',
    );
    expect(world.mode(pkg.commit, 'payload/usr/bin/tool')).toBe('0:0 104755');
    expect(world.mode(pkg.commit, 'payload/usr/bin/tool2')).toBe('0:0 104755');
    expect(world.mode(pkg.commit, 'payload/usr/share/tool/x')).toBe('5:6 100640');
    expect(world.mode(pkg.commit, 'info/tool.postinst')).toBe('0:0 100755');
    expect(world.at(pkg.commit, 'payload/usr/sbin/up')).toBe('-> ../share/up');
    expect(pkg.timestamp).toBe(2_000_000_000);
    expect(pkg.conffiles).toEqual([
      { path: '/etc/config/tool', hash: createHash('sha256').update('config x\n').digest('hex') },
    ]);
    const file = readFileSync(join(world.dir, 'package.ipk'));
    expect(pkg.sha256).toBe(createHash('sha256').update(file).digest('hex'));
    expect(pkg.size).toBe(file.byteLength);
    expect(pkg.ref).toBe(`opkg-ostree/pkg/tool/1_3a2.0_2bgit_7e1-r3.all-${pkg.sha256.slice(0, 16)}`);
    expect(findPackageCommit(world.repo, pkg.record.name, pkg.record.version, 'all', pkg.sha256)).toEqual(
      pkg,
    );
  });

  it('finds nothing for another file of the same version', () => {
    expect(
      findPackageCommit(world.repo, toPackageName('tool'), '1.0', 'all', toChecksum('0'.repeat(64))),
    ).toBeUndefined();
  });

  it('makes refs that cannot collide', () => {
    const sum = toChecksum('0'.repeat(64));
    const refs = [
      packageRef('a_', '1', 'all', sum),
      packageRef('a', '_1', 'all', sum),
      packageRef('a+', '.1', 'all', sum),
    ];
    expect(new Set(refs).size).toBe(3);
  });

  it('gives the same commit for the same file', async () => {
    const input = { ...control('same'), files: { 'usr/bin/same': 'x' } };
    expect((await world.import(input)).commit).toBe((await world.import(input)).commit);
  });

  it.each([
    ['etc/opkg/keys/0123456789abcdef'],
    ['usr/etc/opkg/keys/0123456789abcdef'],
    ['etc/apk/keys/x.pem'],
    ['etc/passwd'],
    ['etc/shadow'],
    ['etc/group'],
    ['usr/lib/opkg/status'],
    ['lib/opkg/info/busybox.list'],
    ['usr/lib/opkg-ostree/first-boot/x/run'],
    ['tmp/x'],
    ['boot/vmlinuz'],
    ['run/x'],
    ['newtop'],
  ])('refuses a package with /%s and leaves nothing', async (path) => {
    const before = world.repo.listRefs('opkg-ostree').size;
    expect(await refusal(() => world.import({ ...control('evil'), files: { [path]: 'x' } }))).toMatch(
      /^LAYER_FORBIDDEN_PATH: package evil /u,
    );
    expect(world.repo.listRefs('opkg-ostree').size).toBe(before);
  });

  it('refuses two files that the merge brings to one path, but not a busybox link beside the program', async () => {
    const two = { ...control('two'), files: { 'bin/x': 'a', 'usr/bin/x': 'b' } };
    expect(await refusal(() => world.import(two))).toMatch(
      /^FILE_CONFLICT: package two has two different files/u,
    );
    const link = {
      ...control('link'),
      files: { 'bin/x': { type: 'symlink', link: 'busybox' }, 'usr/bin/x': 'b' },
    } as const;
    expect(world.at((await world.import(link)).commit, 'payload/usr/bin/x')).toBe('b');
    const same = { ...control('same2'), files: { 'bin/x': 'b', 'usr/bin/x': 'b' } };
    expect(world.at((await world.import(same)).commit, 'payload/usr/bin/x')).toBe('b');
  });

  it('keeps the attributes of a directory whose entry comes after its files', async () => {
    const pkg = await world.import({
      ...control('late'),
      files: [
        { name: './usr/share/late/x', content: 'x' },
        { name: './usr/share/late/', type: 'directory', mode: 0o700 },
      ],
    });
    expect(world.mode(pkg.commit, 'payload/usr/share/late')).toBe('0:0 40700');
    expect(world.mode(pkg.commit, 'payload/usr/share')).toBe('0:0 40755');
  });
});
