import { dirname, join } from 'node:path/posix';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toRelPath } from '../../src/base/index.ts';
import {
  emptyTopDirectories,
  mapPath,
  relocateSymlink,
  runtimePath,
  topLevelLinks,
  varDirectories,
  varVolatile,
} from '../../src/state/index.ts';

describe('mapPath', () => {
  it.each([
    ['', 'tree', ''],
    ['bin', 'tree', 'usr/bin'],
    ['bin/busybox', 'tree', 'usr/bin/busybox'],
    ['binary/x', 'tree', 'binary/x'],
    ['sbin/procd', 'tree', 'usr/sbin/procd'],
    ['lib/libc.so', 'tree', 'usr/lib/libc.so'],
    ['lib64/ld-linux-x86-64.so.2', 'tree', 'usr/lib/ld-linux-x86-64.so.2'],
    ['usr/lib64/libz.so', 'tree', 'usr/lib/libz.so'],
    ['usr/lib640/x', 'tree', 'usr/lib640/x'],
    ['usr/bin/env', 'tree', 'usr/bin/env'],
    ['etc', 'tree', 'usr/etc'],
    ['etc/config/dhcp', 'tree', 'usr/etc/config/dhcp'],
    ['www/index.html', 'tree', 'usr/www/index.html'],
    ['init', 'tree', 'init'],
    ['rom/note', 'tree', 'rom/note'],
    ['var', 'factory', 'usr/share/factory/var'],
    ['var/lib/x', 'factory', 'usr/share/factory/var/lib/x'],
    ['root/.profile', 'factory', 'usr/share/factory/var/roothome/.profile'],
    ['home/u', 'factory', 'usr/share/factory/var/home/u'],
    ['opt/a/b', 'factory', 'usr/share/factory/var/opt/a/b'],
    ['srv/x', 'factory', 'usr/share/factory/var/srv/x'],
    ['mnt/x', 'factory', 'usr/share/factory/var/mnt/x'],
  ])('puts %j as %s at %j', (path, kind, expected) => {
    expect(mapPath(toRelPath(path))).toEqual({ kind, path: expected });
  });

  it.each([
    'boot/x',
    'tmp',
    'tmp/x',
    'run/x',
    'proc/1',
    'sys/x',
    'dev/null',
    'sysroot',
    'ostree/repo',
    'overlay/x',
  ])('forbids %s and says why', (path) => {
    const mapped = mapPath(toRelPath(path));
    expect(mapped.kind).toBe('forbidden');
    expect(mapped).toHaveProperty('reason', expect.stringContaining(`/${path.split('/')[0]} `));
  });

  it('maps what it mapped to itself, so that a tree of ours can be composed again', () => {
    const part = fc.constantFrom('bin', 'lib', 'lib64', 'usr', 'www', 'x', 'share', 'sbin');
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const once = mapPath(toRelPath(parts.join('/')));
        if (once.kind === 'tree') expect(mapPath(once.path)).toEqual(once);
      }),
    );
  });
});

describe('relocateSymlink', () => {
  it.each([
    // the two of 4,480 packages that break, openwrt-platform.md B.2
    ['bin/bzip2', '../usr/bin/bzip2', 'bzip2'],
    ['sbin/kexec', '../usr/sbin/kexec', 'kexec'],
    ['bin/ash', 'busybox', 'busybox'],
    ['bin/ash', './busybox', './busybox'],
    ['sbin/halt', '../bin/busybox', '../bin/busybox'],
    ['usr/bin/env', '../../bin/busybox', '../../bin/busybox'],
    ['bin/x', '/usr/bin/y', '/usr/bin/y'],
    ['bin/x', '/bin/../etc/y', '/etc/y'],
    ['bin/x', '../etc/y', '../../etc/y'],
    ['lib/x', '../var/y', '../../var/y'],
    ['lib/a/x', '../../usr/share/y', '../../share/y'],
    ['lib/ld-musl-i386.so.1', 'libc.so', 'libc.so'],
    ['lib64/ld.so', '../lib/libc.so', '../lib/libc.so'],
    ['usr/lib64/z', '../../lib/z.1', '../../lib/z.1'],
    ['etc/os-release', '../usr/lib/os-release', '../usr/lib/os-release'],
    ['etc/rc.d/S10boot', '../init.d/boot', '../init.d/boot'],
    ['etc/resolv.conf', '../tmp/resolv.conf', '../tmp/resolv.conf'],
    ['root/x', '../etc/passwd', '../../etc/passwd'],
    ['mnt/a/x', '../../usr/y', '../../../usr/y'],
    ['usr/x', '../bin/../etc/y', '../etc/y'],
    ['bin/x', '../../../../etc/y', '../../../../etc/y'],
    ['bin/self', '.', '.'],
    ['bin/up', '..', '../..'],
    ['www/x', '../bin/y', '../bin/y'],
    ['bin/x', '', ''],
  ])('%s -> %s becomes %s', (path, target, expected) => {
    expect(relocateSymlink(toRelPath(path), target)).toBe(expected);
  });

  it('leads to the same place of the running system as before', () => {
    const folder = fc.constantFrom(
      'bin',
      'sbin',
      'lib',
      'usr/bin',
      'usr/lib/x',
      'etc/a',
      'root',
      'mnt/b',
      'www',
    );
    const part = fc.constantFrom('..', 'bin', 'usr', 'lib', 'x', 'etc', '.', 'root');
    const text = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(folder, text, (dir, target) => {
        const path = toRelPath(`${dir}/link`);
        const before = runtimePath(toRelPath(join('/', dir, target)));
        const moved = relocateSymlink(path, target);
        const after = runtimePath(toRelPath(join('/', dirname(runtimePath(path)), moved)));
        expect(after).toBe(before);
      }),
    );
  });
});

describe('the tables', () => {
  it('link each merged or stateful folder to where mapPath puts its content', () => {
    for (const { path, target } of topLevelLinks) {
      const resolved = join(dirname(path), target);
      expect(runtimePath(path)).toBe(path === 'ostree' ? path : resolved);
    }
  });

  it('keep what procd needs on tmpfs and give root a private home', () => {
    expect(varVolatile.map((entry) => entry.name)).toEqual(
      expect.arrayContaining(['run', 'lock', 'state', 'etc', 'log', 'tmp', 'opkg-lists']),
    );
    expect(varVolatile.every((entry) => entry.target.startsWith('/tmp/'))).toBe(true);
    expect(varDirectories.find((entry) => entry.path === 'roothome')?.mode).toBe(0o700);
    expect(emptyTopDirectories.find((entry) => entry.path === 'tmp')?.mode).toBe(0o1777);
  });
});
