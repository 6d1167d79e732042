import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli, ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';

const feed = process.env['OPENWRT_FEED'];
const isRoot = process.getuid?.() === 0;
const ready = feed !== undefined && feed !== '' && isRoot;
const built = 1_665_860_000;
const maxPackages = 60;

/** Unpacks a real package as opkg does: its files, its list, its paragraph of the database. */
function unpack(root: string, ipk: string, installedTime: number): string {
  const sh = (script: string) => execFileSync('sh', ['-ec', script, 'sh', ipk, root], { encoding: 'utf8' });
  sh('tar -xzOf "$1" ./data.tar.gz | tar -xpz --numeric-owner -C "$2"');
  const listed = sh('tar -xzOf "$1" ./data.tar.gz | tar -tz | grep -v "/$" | sed "s,^\\.,,"');
  const control = sh('tar -xzOf "$1" ./control.tar.gz | tar -xzO ./control').trimEnd();
  const name = /^Package: (\S+)$/mu.exec(control)?.[1] ?? '';
  writeFileSync(join(root, `usr/lib/opkg/info/${name}.list`), listed);
  return `${control.replace(/^Status:.*\n/mu, '').replace(/^(Description):[\s\S]*/mu, '$1: real')}\nStatus: install user installed\nInstalled-Time: ${installedTime}\n\n`;
}

describe.skipIf(!ready)('convert of a root of real packages (skipped without OPENWRT_FEED or root)', () => {
  let folder: string;
  let root: string;
  let deployment: string;
  let cli: Cli;
  const packages = ready
    ? readdirSync(feed)
        .filter((name) => name.endsWith('.ipk'))
        .slice(0, maxPackages)
    : [];
  beforeAll(async () => {
    ensureBundle();
    folder = newFolder('convert-openwrt');
    root = join(folder, 'root');
    const boot = join(folder, 'boot');
    for (const name of 'bin sbin lib/modules/5.10.146 etc proc sys dev tmp root usr/lib/opkg/info'.split(' '))
      mkdirSync(join(root, name), { recursive: true });
    symlinkSync('tmp', join(root, 'var'));
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    const last = packages.at(-1);
    const status = packages.map((name) =>
      unpack(root, join(feed ?? '', name), name === last ? built + 1 : built),
    );
    write('usr/lib/opkg/status', status.join(''));
    cpSync('/bin/busybox', join(root, 'bin/busybox'));
    write('sbin/init', '#!/bin/sh\n');
    write(
      'etc/openwrt_release',
      "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='22.03.2'\nDISTRIB_TARGET='x86/64'\n",
    );
    write('etc/config/network', "config interface 'lan'\n");
    mkdirSync(join(boot, 'boot/grub'), { recursive: true });
    writeFileSync(join(boot, 'boot/vmlinuz'), 'kernel');
    writeFileSync(
      join(boot, 'boot/grub/grub.cfg'),
      'set root=\'(hd0,msdos1)\'\nmenuentry "OpenWrt" {\n\tlinux /boot/vmlinuz root=PARTUUID=0a1b2c3d-02 rootwait\n}\n',
    );
    cli = new Cli(folder, root);
    await cli.ok('convert', '--root', root, '--boot', boot, '--apply');
    const deploy = join(root, 'ostree/deploy/openwrt/deploy');
    deployment = join(deploy, readdirSync(deploy).find((name) => !name.endsWith('.origin')) ?? '');
  }, 120_000);
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });

  it('has every file of every package, byte for byte, where the package put it', () => {
    let compared = 0;
    for (const list of readdirSync(join(root, 'usr/lib/opkg/info'))) {
      for (const path of readFileSync(join(root, 'usr/lib/opkg/info', list), 'utf8')
        .trim()
        .split('\n')) {
        if (path === '' || !lstatSync(join(root, path)).isFile()) continue;
        compared += 1;
        const same = readFileSync(join(deployment, path)).equals(readFileSync(join(root, path)));
        expect(same, path).toBe(true);
      }
    }
    expect(compared).toBeGreaterThan(packages.length);
  });

  it('knows the same packages, and what was added', async () => {
    const listed = await cli.json<{ name: string }[]>('list', '--installed');
    const names = new Set(listed.map(({ name }) => name));
    for (const name of packages) expect(names.has(name.split('_')[0] ?? ''), name).toBe(true);
    expect(names.has('opkg-ostree-boot')).toBe(true);
  });

  it('runs programs of the packages on their own libraries', () => {
    const loader = readdirSync(join(root, 'lib')).find((name) => name.startsWith('ld-musl-'));
    if (loader === undefined) return;
    const program = ['usr/bin/curl', 'sbin/uci', 'bin/ubus', 'usr/bin/jshn'].find((path) =>
      existsSync(join(root, path)),
    );
    const words = program === 'usr/bin/curl' ? ['--version'] : [];
    const inStock = spawnSync('chroot', [root, `/${program}`, ...words], { encoding: 'utf8' });
    const inDeployment = spawnSync('chroot', [deployment, `/${program}`, ...words], { encoding: 'utf8' });
    expect([inDeployment.status, inDeployment.stdout]).toEqual([inStock.status, inStock.stdout]);
    expect(inDeployment.stdout + inDeployment.stderr).not.toBe('');
  });
});
