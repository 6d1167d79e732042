import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cli, ensureBundle, newFolder, realRootPath, removeFolder } from '../support/world/index.ts';
import {
  firstEntryOptions,
  makeImage,
  mountObstacle,
  readImageFile,
  withMountedAt,
  writeBootState,
} from './support/disk.ts';
import { findKernel } from './support/kernel.ts';
import { Machine } from './support/machine.ts';

const kernel = findKernel();
const rootfs = realRootPath();
const obstacle = (() => {
  if (rootfs === undefined) return 'OPENWRT_ROOTFS is not set';
  if ('missing' in kernel) return kernel.missing;
  return mountObstacle();
})();
const minute = 60_000;
const logs = fileURLToPath(new URL('../../.cache/e2e/', import.meta.url));

describe.skipIf(obstacle !== undefined)(
  `a real OpenWrt root${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const machines: Machine[] = [];
    let work: string;
    let sysroot: string;
    let cli: Cli;
    beforeAll(async () => {
      ensureBundle();
      work = newFolder('openwrt');
      sysroot = join(work, 'sysroot');
      cli = new Cli(work, sysroot);
      await cli.ok('sysroot', 'init', sysroot, '--target', 'x86-64');
      const vmlinuz = 'path' in kernel ? kernel.path : '';
      const repo = join(sysroot, 'ostree/repo');
      const words = ['--repo', repo, '--branch', 'openwrt', '--target', 'x86-64', '--kernel-release', 'e2e'];
      await cli.ok('compose', rootfs ?? '', ...words, '--kernel', vmlinuz);
      const kargs = ['root=/dev/nvme0n1', 'rootwait', 'console=ttyS0', 'panic=1'].flatMap((karg) => [
        '--karg',
        karg,
      ]);
      await cli.ok('deploy', 'openwrt', '--karg-none', ...kargs);
    });
    afterEach(() => {
      for (const machine of machines.splice(0)) machine.kill();
    });
    afterAll(() => removeFolder(work));

    function start(image: string): Machine {
      const name = expect.getState().currentTestName?.replaceAll(/[^A-Za-z0-9]+/gu, '-') ?? 'openwrt';
      const machine = new Machine({
        kernel: 'path' in kernel ? kernel.path : '',
        append: firstEntryOptions(image),
        image,
        log: join(logs, `${name}.log`),
      });
      machines.push(machine);
      return machine;
    }

    /** Waits for our START 99 script, which comes after all others, then for a shell on the console. */
    async function booted(machine: Machine): Promise<void> {
      await machine.waitFor(/procd: - init -/u, 3 * minute);
      await machine.waitFor(/opkg-ostree: (?:health: checks done|.* is good)/u, 5 * minute);
      machine.send('\n');
      await machine.run('true', 60_000);
    }

    it(
      'starts procd and its services from a deployment, and keeps what the admin writes',
      async () => {
        const image = makeImage(sysroot, join(work, 'plain.img'));
        const machine = start(image);
        await booted(machine);
        const mounts = (await machine.run('cat /proc/mounts')).split('\n').map((line) => line.split(' '));
        const access = Object.fromEntries(mounts.map(([, path, , options]) => [path, options?.slice(0, 2)]));
        expect(access).toMatchObject({
          '/': 'ro',
          '/usr': 'ro',
          '/etc': 'rw',
          '/var': 'rw',
          '/boot': 'rw',
          '/sysroot': 'rw',
        });
        expect((await machine.run('ubus list')).split('\n')).toEqual(
          expect.arrayContaining(['system', 'service', 'log']),
        );
        expect(await machine.run('ubus call system board')).toMatch(/"distribution": "OpenWrt"/u);
        expect(await machine.run('logread | grep -c opkg-ostree')).not.toBe('0');
        expect(
          await machine.run('logread | grep -i -e "read-only file system" -e "nonexistent directory"'),
        ).toBe('');
        const health = await machine.run('opkg-ostree health');
        expect(health).toMatch(/^ok {6}procd .*returned$/mu);
        expect(health).toMatch(/^ok {6}ubus/mu);
        expect(health).toMatch(/^ok {6}ssh/mu);
        expect(await machine.run('opkg-ostree status')).toMatch(/^\* 0 {2}openwrt {2}\(booted\)/u);
        expect(JSON.parse(await machine.run('opkg-ostree status --json'))).toMatchObject({
          api: 1,
          'reboot-required': false,
        });

        expect(await machine.run('opkg list-installed | grep -e ^busybox -e ^opkg-ostree-boot')).toMatch(
          /^busybox - .*\nopkg-ostree-boot - /u,
        );
        expect(await machine.run('opkg remove uhttpd; echo "status $?"')).toMatch(
          /needs Node\.js[\s\S]*status [1-9]/u,
        );
        expect(await machine.run('[ -x /usr/sbin/uhttpd ] && opkg status uhttpd | grep ^Status')).toBe(
          'Status: install user installed',
        );

        await machine.run(
          'uci set system.@system[0].hostname=kept; uci commit system; echo kept > /root/note; sync',
        );
        machine.send('reboot\n');
        await machine.ended(60_000);
        const again = start(image);
        await booted(again);
        expect(await again.run('cat /root/note; uci get system.@system[0].hostname')).toBe('kept\nkept');

        // The next deployment: what ran once does not run again, what the admin turned off stays off.
        expect(await again.run('ls /etc/uci-defaults')).toBe('');
        await again.run(
          '/etc/init.d/uhttpd disable; ls /etc/uci-defaults /usr/etc/uci-defaults > /root/before; sync',
        );
        again.send('reboot\n');
        await again.ended(60_000);
        await withMountedAt(image, 0, async (path) => {
          await new Cli(work, path).ok('--sysroot', path, 'deploy', 'openwrt');
        });
        const next = start(image);
        await booted(next);
        expect(await next.run('opkg-ostree status')).toMatch(/^\* 0 .*\(booted\)$[\s\S]*Health: good$/mu);
        expect(
          await next.run(
            'ls /etc/uci-defaults; ls /etc/rc.d | grep uhttpd; ls /etc/rc.d | grep -c S50dropbear',
          ),
        ).toBe('1');
        expect(await next.run('cat /root/note; uci get system.@system[0].hostname')).toBe('kept\nkept');
      },
      20 * minute,
    );

    it(
      'comes back from a deployment that resets the machine in preinit',
      async () => {
        await cli.ok('deploy', 'openwrt');
        const folder = 'openwrt/deploy';
        const names = readdirSync(join(sysroot, 'ostree/deploy', folder)).filter(
          (name) => !name.endsWith('.origin'),
        );
        const [old = '', fresh = ''] = names.sort(
          (a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1]),
        );
        const crash =
          'crash() { echo 1 > /proc/sys/kernel/sysrq; echo "PREINIT CRASHES" > /dev/kmsg; echo b > /proc/sysrq-trigger; }\n';
        writeFileSync(
          join(sysroot, 'ostree/deploy', folder, fresh, 'usr/lib/preinit/06_crash'),
          `${crash}boot_hook_add preinit_main crash\n`,
        );
        writeBootState(sysroot, { pending: `${folder}/${fresh}`, good: `${folder}/${old}`, tries: 2 });
        const image = makeImage(sysroot, join(work, 'crash.img'));
        for (let attempt = 0; attempt < 2; attempt++) {
          const failing = start(image);
          await failing.waitFor(/PREINIT CRASHES/u, 60_000);
          await failing.ended();
        }
        const last = start(image);
        await last.waitFor(/going back to openwrt/u);
        await last.ended();
        expect(readImageFile(image, '/ostree/opkg-ostree/boot-state')).toContain(
          `good ${folder}/${old}\nbad ${folder}/${fresh}\n`,
        );
        const back = start(image);
        await booted(back);
        expect(await back.run('opkg-ostree status')).toMatch(/\(booted\)[\s\S]*\(rollback, bad\)/u);
      },
      20 * minute,
    );
  },
);
