import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RelPath, textOf, toRelPath } from '../../src/base/index.ts';
import type { ComposePlan } from '../../src/compose/plan.ts';
import type { TreeNode } from '../../src/compose/tree.ts';
import { member, newest, plan, rootWith, smallRoot } from './support.ts';

const hashOfConfig = createHash('sha256').update("config health 'main'\n").digest('hex');

function node(result: ComposePlan, path: string): TreeNode | undefined {
  return result.tree.get(toRelPath(path));
}

function text(result: ComposePlan, path: string): string | undefined {
  const found = node(result, path);
  return found?.type === 'file' && found.content.kind === 'bytes' ? textOf(found.content.bytes) : undefined;
}

function source(result: ComposePlan, path: string): RelPath | undefined {
  const found = node(result, path);
  return found?.type === 'file' && found.content.kind === 'source' ? found.content.path : undefined;
}

describe('the tree of a small root', () => {
  const result = plan(smallRoot);

  it.each([
    ['bin', 'usr/bin'],
    ['lib64', 'usr/lib'],
    ['usr/lib64', 'lib'],
    ['root', 'var/roothome'],
    ['run', 'tmp/run'],
    ['ostree', 'sysroot/ostree'],
    ['www', 'usr/www'],
    ['usr/bin/sh', 'busybox'],
    ['usr/bin/env', '../../bin/busybox'],
    ['usr/etc/rc.d/S10boot', '../init.d/boot'],
    ['usr/etc/os-release', '../usr/lib/os-release'],
  ])('has the link %s -> %s', (path, target) => {
    expect(node(result, path)).toMatchObject({ type: 'symlink', target });
  });

  it.each([
    ['usr/bin/busybox', 'bin/busybox'],
    ['usr/sbin/init', 'sbin/init'],
    ['usr/lib/libc.so', 'lib/libc.so'],
    ['usr/etc/config/dhcp', 'etc/config/dhcp'],
    ['usr/www/index.html', 'www/index.html'],
    ['rom/note', 'rom/note'],
  ])('has the file %s from %s', (path, from) => {
    expect(source(result, path)).toBe(from);
  });

  it.each([
    ['tmp', 0o1777],
    ['var', 0o755],
    ['sysroot', 0o755],
    ['boot', 0o755],
    ['overlay', 0o755],
    ['proc', 0o755],
  ])('has %s as an empty directory of mode %o', (path, mode) => {
    expect(node(result, path)).toMatchObject({ type: 'directory', mode, uid: 0, gid: 0 });
    expect([...result.tree.keys()].filter((other) => other.startsWith(`${path}/`))).toEqual([]);
  });

  it('has no /etc, and nothing of state without content', () => {
    expect(node(result, 'etc')).toBeUndefined();
    expect([...result.tree.keys()].filter((path) => path.startsWith('usr/share/factory'))).toEqual([]);
  });

  it('takes title, version and time from the input', () => {
    expect(result).toMatchObject({ title: 'OpenWrt 18.06.1', version: '18.06.1', timestamp: newest });
  });
});

describe('state', () => {
  it('becomes factory content, volatile names are left out', () => {
    const result = plan(
      rootWith('root/.profile', 'home/u/x', 'opt/x', 'srv/x', 'mnt/x')
        .filter((item) => item.path !== 'var')
        .concat(
          ['var/', 'var/lib/x', 'var/run/gone', 'var/log -> /tmp/log', 'var/opkg-lists/feed'].map(member),
        ),
    );
    const factory = [...result.tree.keys()]
      .filter((path) => path.startsWith('usr/share/factory/var/'))
      .sort();
    expect(factory.map((path) => path.slice('usr/share/factory/var/'.length))).toEqual([
      'home',
      'home/u',
      'home/u/x',
      'lib',
      'lib/x',
      'mnt',
      'mnt/x',
      'opt',
      'opt/x',
      'roothome',
      'roothome/.profile',
      'srv',
      'srv/x',
    ]);
    expect(node(result, 'usr/share/factory/var/roothome')).toMatchObject({ mode: 0o700 });
  });

  it('finds a database in /var/lib/opkg and leaves a link to its new place', () => {
    const result = plan(
      smallRoot
        .filter((item) => item.path !== 'var' && !item.path.startsWith('usr/lib/opkg'))
        .concat(
          ['var/', 'var/lib/opkg/status = Package: x\n\n', 'var/lib/opkg/info/x.list = /bin/x\n'].map(member),
        ),
    );
    expect(text(result, 'usr/lib/opkg/status')).toMatch(/^Package: x\n\nPackage: opkg-ostree-boot\n/u);
    expect(node(result, 'usr/share/factory/var/lib/opkg')).toMatchObject({ target: '/usr/lib/opkg' });
  });

  it('drops package lists but not the database', () => {
    const result = plan(rootWith('usr/lib/opkg/lists/base'));
    expect(node(result, 'usr/lib/opkg/lists/base')).toBeUndefined();
    expect(node(result, 'usr/lib/opkg/info/base-files.list')).toBeDefined();
  });
});

describe('the plan', () => {
  it('is the same in any order of the entries', () => {
    const members = rootWith('bin/mount -> busybox', 'usr/bin/mount', 'root/x', 'var/lib/y').filter(
      (item) => item.path !== 'var',
    );
    const expected = plan(members);
    const sorted = (result: ComposePlan) => [...result.tree].sort(([a], [b]) => (a < b ? -1 : 1));
    fc.assert(
      fc.property(fc.shuffledSubarray(members, { minLength: members.length }), (shuffled) => {
        const result = plan(shuffled);
        expect(sorted(result)).toEqual(sorted(expected));
        expect({ ...result, tree: 0 }).toEqual({ ...expected, tree: 0 });
      }),
      { numRuns: 30 },
    );
  });
});

describe('the top level', () => {
  const without = (...paths: string[]) =>
    smallRoot.filter((item) => !paths.some((path) => item.path === path || item.path.startsWith(`${path}/`)));

  it.each([
    ['an already merged root', [...without('bin'), ...['usr/bin/busybox', 'bin -> usr/bin'].map(member)]],
    ['lib64 -> lib', rootWith('lib64 -> lib', 'usr/lib64 -> lib')],
    ['run -> var/run', rootWith('run -> var/run')],
    [
      'a tree of ours',
      [...without('etc'), ...['usr/etc/passwd', 'ostree -> sysroot/ostree', 'run -> tmp/run'].map(member)],
    ],
  ])('takes %s', (_, members) => {
    const result = plan(members);
    expect(node(result, 'usr/bin/busybox')).toBeDefined();
    expect(result.warnings.filter((warning) => warning.includes('led to'))).toEqual([]);
  });

  it.each([
    [
      'bin leads elsewhere',
      [...without('bin'), ...['usr/bin/x', 'bin -> opt/bin'].map(member)],
      /\/bin leads to/u,
    ],
    [
      'etc is a link',
      [...without('etc'), member('usr/etc/passwd'), member('etc -> usr/etc')],
      /\/etc is not/u,
    ],
    ['var is a file', [...without('var'), member('var')], /\/var is not/u],
    ['there is no etc', without('etc'), /not a root file system/u],
    ['it is empty', [], /not a root file system/u],
  ])('is refused where %s', (_, members, message) => {
    expect(() => plan(members)).toThrow(expect.objectContaining({ code: 'ROOTFS_INVALID' }));
    expect(() => plan(members)).toThrow(message);
  });

  it('keeps nothing of what is there at run time only', () => {
    const result = plan(
      rootWith(
        'tmp/x',
        'proc/1/stat',
        'run/x',
        { path: 'dev/console', type: 'device' },
        { path: 'tmp/s', type: 'socket' },
      ),
    );
    expect([...result.tree.keys()].filter((path) => /^(?:tmp|proc|run|dev)\//u.test(path))).toEqual([]);
  });
});

describe('owners', () => {
  const packed = (uid: number, gid = uid) => smallRoot.map((item) => ({ uid, gid, ...item }));

  it('of an unprivileged packer become root', () => {
    const result = plan([...packed(1000), { path: 'usr/x', uid: 453, gid: 1000, mode: 0o4755 }]);
    expect(node(result, 'usr/bin/busybox')).toMatchObject({ uid: 0, gid: 0 });
    expect(node(result, 'usr/x')).toMatchObject({ uid: 453, gid: 0, mode: 0o4755 });
    expect(result.warnings.join('\n')).toContain('1000:1000');
  });

  it('stay where /etc/passwd of the tree knows the owner of the root', () => {
    expect(node(plan(packed(453)), 'usr/bin/busybox')).toMatchObject({ uid: 453, gid: 453 });
  });

  it('are told from all entries where the archive has no root folder', () => {
    const members = packed(1000).filter((item) => item.path !== '.');
    expect(node(plan(members), 'usr/bin/busybox')).toMatchObject({ uid: 0 });
  });

  it('follow squashOwner', () => {
    expect(node(plan(packed(1000), { squashOwner: false }), 'usr/bin/busybox')).toMatchObject({ uid: 1000 });
    expect(node(plan(packed(453), { squashOwner: true }), 'usr/bin/busybox')).toMatchObject({
      uid: 0,
      gid: 0,
    });
  });

  it('keep suid, sgid and sticky bits', () => {
    const result = plan(
      rootWith({ path: 'usr/bin/su', mode: 0o6755 }, { path: 'etc/s', type: 'directory', mode: 0o1770 }),
    );
    expect(node(result, 'usr/bin/su')).toMatchObject({ mode: 0o6755 });
    expect(node(result, 'usr/etc/s')).toMatchObject({ mode: 0o1770 });
  });
});

describe('early boot', () => {
  const result = plan(smallRoot);

  it('replaces and removes what would harm a deployment', () => {
    expect(text(result, 'usr/lib/preinit/80_mount_root')).toBe('ours');
    expect(node(result, 'usr/lib/preinit/79_move_config')).toBeUndefined();
    expect(node(result, 'usr/lib/preinit/81_upgrade_bootloader')).toBeUndefined();
    expect(node(result, 'usr/lib/preinit/99_10_run_init')).toBeDefined();
  });

  it('is a package of its own, and the only owner of its files', () => {
    expect(text(result, 'usr/lib/opkg/status')).toBe(
      'Package: base-files\nVersion: 192\nStatus: install user installed\nArchitecture: i386\n\n' +
        'Package: opkg-ostree-boot\nVersion: 0.1.0\nStatus: install user installed\nEssential: yes\n' +
        'Architecture: all\nConffiles:\n /etc/config/opkg-ostree ' +
        'ca4ffd2a2c51c47c3bcd2bd2e1df0e4d0d37bd8bc4a0d4d4b0e0fa7cb3b7b0a5\n'.replace(
          /[0-9a-f]{64}/u,
          hashOfConfig,
        ) +
        `Installed-Time: ${newest}\n\n`,
    );
    expect(text(result, 'usr/lib/opkg/info/opkg-ostree-boot.list')).toBe(
      '/etc/config/opkg-ostree\n/etc/init.d/opkg-ostree\n/lib/preinit/80_mount_root\n/usr/bin/opkg-ostree\n' +
        '/usr/lib/ostree/ostree-prepare-root\n',
    );
    expect(text(result, 'usr/lib/opkg/info/base-files.list')).toBe('/etc/passwd\n');
    expect(text(result, 'usr/lib/opkg/info/opkg-ostree-boot.conffiles')).toBe('/etc/config/opkg-ostree\n');
  });

  it('starts and stops its service', () => {
    const target = '../init.d/opkg-ostree';
    expect(node(result, 'usr/etc/rc.d/S99opkg-ostree')).toMatchObject({ type: 'symlink', target });
    expect(node(result, 'usr/etc/rc.d/K05opkg-ostree')).toMatchObject({ type: 'symlink', target });
  });

  it('takes the place of an older registration', () => {
    const old = 'Package: opkg-ostree-boot\nVersion: 0.0.1\n\nPackage: z\nVersion: 1\n\n';
    const members = smallRoot.map((item) =>
      item.path === 'usr/lib/opkg/status' ? { ...item, content: old } : item,
    );
    const status = text(plan(members), 'usr/lib/opkg/status');
    expect(status).toMatch(/^Package: z\nVersion: 1\n\nPackage: opkg-ostree-boot\nVersion: 0.1.0\n/u);
    expect(status?.match(/opkg-ostree-boot/gu)).toHaveLength(1);
  });

  it('refuses a root whose folders are links', () => {
    const members = smallRoot
      .filter((item) => !item.path.startsWith('lib/preinit/'))
      .concat([member('lib/preinit -> /tmp/preinit')]);
    expect(() => plan(members)).toThrow(expect.objectContaining({ code: 'ROOTFS_INVALID' }));
  });
});

describe('the kernel', () => {
  const kernel = { kind: 'disk', path: '/k' } as const;
  const at = 'usr/lib/modules/4.14.63';

  it('goes below the only module folder, with its companions', () => {
    const extra = { kind: 'disk', path: '/x' } as const;
    const result = plan(smallRoot, { kernel, dtb: extra, initramfs: extra });
    expect(result.kernelRelease).toBe('4.14.63');
    expect(node(result, `${at}/vmlinuz`)).toEqual({
      type: 'file',
      uid: 0,
      gid: 0,
      mode: 0o644,
      xattrs: [],
      content: kernel,
    });
    expect(node(result, `${at}/devicetree`)).toMatchObject({ content: extra });
    expect(node(result, `${at}/initramfs.img`)).toMatchObject({ content: extra });
  });

  it.each(['boot/vmlinuz', 'boot/vmlinuz-4.14.63', 'boot/Image', 'boot/kernel.bin'])(
    'is found at %s',
    (path) => {
      const result = plan(rootWith(path, 'boot/grub/grub.cfg'));
      expect(source(result, `${at}/vmlinuz`)).toBe(path);
      expect(node(result, path)).toBeUndefined();
      expect(result.warnings.join()).toContain('1 other files');
    },
  );

  it('named on the command line beats the one in /boot', () => {
    expect(node(plan(rootWith('boot/vmlinuz'), { kernel }), `${at}/vmlinuz`)).toMatchObject({
      content: kernel,
    });
  });

  it('is missing with a warning only', () => {
    const result = plan(smallRoot);
    expect(result.kernelRelease).toBeUndefined();
    expect(result.warnings.join()).toContain('no kernel');
  });

  it('of a tree that has one is kept', () => {
    expect(plan(rootWith('lib/modules/4.14.63/vmlinuz')).kernelRelease).toBe('4.14.63');
  });

  it.each([
    ['several in /boot', rootWith('boot/vmlinuz', 'boot/Image'), {}, 'NOT_BOOTABLE'],
    ['two module folders', rootWith('lib/modules/5.4/x.ko'), { kernel }, 'NOT_BOOTABLE'],
    [
      'no module folder',
      smallRoot.filter((item) => !item.path.includes('modules')),
      { kernel },
      'NOT_BOOTABLE',
    ],
    ['a release that is a path', smallRoot, { kernel, release: '../x' }, 'ROOTFS_INVALID'],
    ['a device tree alone', smallRoot, { dtb: kernel }, 'NOT_BOOTABLE'],
  ])('is refused with %s', (_, members, request, code) => {
    expect(() => plan(members, request)).toThrow(expect.objectContaining({ code, hint: expect.any(String) }));
  });

  it('is one only, whatever else the tree has', () => {
    const result = plan(rootWith('lib/modules/5.4/vmlinuz'), { kernel, release: '4.14.63' });
    expect(node(result, 'usr/lib/modules/5.4/vmlinuz')).toBeUndefined();
    expect(node(result, `${at}/vmlinuz`)).toBeDefined();
    expect(result.warnings.join()).toContain('5.4/vmlinuz is left out');
  });

  it('takes the release that was asked for', () => {
    expect(plan(rootWith('lib/modules/5.4/x.ko'), { kernel, release: '5.4' }).kernelRelease).toBe('5.4');
  });
});
