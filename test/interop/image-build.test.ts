import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mountObstacle, run, withMounted } from '../e2e/support/disk.ts';
import { installBundle } from '../e2e/support/fixture-root.ts';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';

const tools = 'ostree sfdisk mke2fs debugfs mkfs.vfat mcopy grub-mkimage setcap getfattr setpriv'.split(' ');
const missing = tools.find((tool) => spawnSync('which', [tool]).status !== 0);
const obstacle = missing === undefined ? mountObstacle() : `${missing} is not installed`;
const nobody = 65_534;
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** Path below usr -> content; `x` is what the names of many files begin with. */
const files: Readonly<Record<string, string>> = {
  'bin/busybox': '#!/bin/sh\n',
  'bin/suid': 'suid',
  'bin/capable': 'capable',
  'lib/os-release': 'ID=fixture\n',
  'lib/modules/6.6/vmlinuz': 'KERNEL',
  'lib/modules/6.6/dtb/broadcom/bcm2711-rpi-4-b.dtb': 'DTB',
  'lib/modules/6.6/dtb/overlays/b.dtbo': 'B',
  'lib/modules/6.6/dtb/overlays/a.dtbo': 'A',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
  'etc/shadow': 'root:*:0:0:99999:7:::\n',
  'share/unreadable': 'unreadable',
  'share/a "name" \'of\' <12>  words': 'words',
  'share/<12>': 'angles',
  'share/-f': 'dash',
  'share/#': 'hash',
  'share/factory/var/lib/service/data': 'data',
  ...Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`share/many/${'x'.repeat(120)}${index}`, `${index}\n`]),
  ),
};

function writeTree(tree: string): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, 'usr', path)), { recursive: true });
    writeFileSync(join(tree, 'usr', path), content);
  }
  for (const name of 'boot dev proc sys sysroot tmp var'.split(' ')) mkdirSync(join(tree, name));
  symlinkSync('bin/busybox', join(tree, 'usr/link to "nowhere"'));
  symlinkSync('usr/bin', join(tree, 'bin'));
  const own = (path: string, mode: number, uid = 0, gid = 0) => {
    chownSync(join(tree, 'usr', path), uid, gid);
    chmodSync(join(tree, 'usr', path), mode);
  };
  own('bin/busybox', 0o755);
  own('bin/suid', 0o4755, 70_000, 70_001);
  own('bin/capable', 0o750, 0, 12);
  run('setcap', ['cap_net_raw+ep', join(tree, 'usr/bin/capable')]);
  own('etc/shadow', 0o600, 0, 42);
  own('share/unreadable', 0o000);
  own('share/factory/var/lib/service', 0o2770, 300, 301);
  own('share/factory/var/lib/service/data', 0o640, 300, 301);
  own('share/many', 0o555);
}

describe.skipIf(obstacle)(`images of any user${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let folder: string;
  beforeAll(() => {
    ensureBundle();
    folder = newFolder('image-build');
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'bundle'));
    installBundle(join(folder, 'bundle'));
    const tree = join(folder, 'tree');
    writeTree(tree);
    mkdirSync(join(folder, 'loader'));
    for (const name of ['start4.elf', 'fixup4.dat']) writeFileSync(join(folder, 'loader', name), name);
    const repo = join(folder, 'repo');
    run('ostree', ['init', `--repo=${repo}`, '--mode=archive']);
    run('ostree', [`--repo=${repo}`, 'commit', '-b', 'main', `--tree=dir=${tree}`, '-s', 'one']);
  });
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });

  function build(name: string, uid: number, umask: string, target = '--target x86-64 --size 200M'): string {
    const home = join(folder, name);
    mkdirSync(home);
    chownSync(home, uid, uid);
    const output = join(home, 'disk.img');
    const words = `image build ${target} --repo ${folder}/repo --branch main --progress none`;
    const user = `setpriv --reuid ${uid} --regid ${uid} --clear-groups`;
    const script = `umask ${umask}; exec ${user} ${process.execPath} ${folder}/bundle/opkg-ostree.mjs ${words} -o ${output}`;
    const made = spawnSync('sh', ['-c', script], {
      encoding: 'utf8',
      env: { HOME: home, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    expect(made.stderr).toBe('');
    expect(made.status).toBe(0);
    return output;
  }

  it('are the same for a board that starts from FAT', () => {
    const target = `--target raspberrypi-4 --size 400M --loader ${folder}/loader`;
    const first = build('pi-first', 0, '022', target);
    run('cmp', [first, build('pi-second', nobody, '077', target)]);
  });

  it('are the same, byte for byte, whoever makes them and when; libostree finds each attribute right', async () => {
    const first = build('first', 0, '022');
    const started = Math.floor(Date.now() / 2000);
    // FAT counts in steps of two seconds.
    await expect.poll(() => Math.floor(Date.now() / 2000), { timeout: 10_000 }).toBeGreaterThan(started);
    const second = build('second', nobody, '077');
    run('cmp', [first, second]);

    await withMounted(second, async (path) => {
      run('ostree', ['fsck', `--repo=${path}/ostree/repo`]);
      const deployment = run('sh', ['-c', `echo ${path}/ostree/deploy/openwrt/deploy/*.0`]).trim();
      const seen = (name: string) => run('stat', ['-c', '%u:%g %a', `${deployment}/${name}`]).trim();
      expect(seen('usr/bin/suid')).toBe('70000:70001 4755');
      expect(seen('usr/share/unreadable')).toBe('0:0 0');
      expect(seen('usr/share/many')).toBe('0:0 555');
      expect(seen('etc/shadow')).toBe('0:42 600');
      expect(seen('../../var/lib/service')).toBe('300:301 2770');
      expect(seen('../../var/lib/service/data')).toBe('300:301 640');
      expect(seen('../../var/roothome')).toBe('0:0 700');
      const capable = run('getfattr', ['-d', '-m', '-', '-e', 'hex', `${deployment}/usr/bin/capable`]);
      expect(capable).toContain(`security.capability=0x${capability.toString('hex')}`);
      for (const [name, content] of Object.entries(files)) {
        expect(readFileSync(join(deployment, 'usr', name), 'utf8'), name).toBe(content);
      }
    });
    expect(checked(second)).toBe(0);
  });
});

/** The status of e2fsck on the sysroot, which nothing is to be repaired on. */
function checked(disk: string): number | null {
  const start = Number(
    run('sfdisk', ['-J', disk])
      .match(/"start": *(\d+)/gu)
      ?.at(-1)
      ?.replace(/\D/gu, ''),
  );
  return spawnSync('e2fsck', ['-fn', `${disk}?offset=${start * 512}`]).status;
}
