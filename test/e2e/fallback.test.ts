import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { patchCoreImage } from '../../src/image/grub-bios.ts';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { run } from './support/disk.ts';
import type { FixtureOptions } from './support/fixture-root.ts';
import type { Machine } from './support/machine.ts';
import { boardObstacle, boards, Router, reboot } from './support/router.ts';

const minute = 60_000;
const limit = 5 * minute;
/** A file that is no cpio: the kernel finds no init in it and panics before anything of ours runs. */
const noInitramfs = { 'usr/lib/modules/fixture/initramfs.img': 'not an initramfs\n' };

describe.each(boards.filter(({ firmware }) => firmware !== 'u-boot'))(
  'what comes back by itself with $firmware',
  (board) => {
    const obstacle = boardObstacle(board);
    let router: Router;
    let folder: string;
    beforeAll(async () => {
      if (obstacle !== undefined) return;
      ensureBundle();
      folder = newFolder('fallback');
      router = new Router(folder, board);
      await router.build({ name: 'one' });
      // Found good, as a router that has been running is.
      await reboot(await router.started('one'));
    });
    afterEach(() => router?.kill());
    afterAll(async () => {
      if (folder !== undefined) await removeFolder(folder);
    });

    it.skipIf(obstacle)(
      `a kernel that panics before early boot: GRUB counts${obstacle ? ` (skipped: ${obstacle})` : ''}`,
      async () => {
        await router.upgrade({ name: 'two', files: noInitramfs });
        const machine = router.start({ reboots: true });
        for (let attempt = 0; attempt < 3; attempt++)
          await machine.waitFor(/Kernel panic - not syncing/u, limit);
        await machine.waitFor(
          /the boot loader started it as often as it may.*; going back to openwrt/u,
          limit,
        );
        await machine.waitFor(/FIXTURE STARTED one\n/u);
        await machine.waitFor(/FIXTURE READY/u);
        await expectBack(machine, /Reason: the boot loader started it as often as it may/u);
        machine.send('/sbin/reboot\n');
        // The entries were rewritten: GRUB starts it as the first one, and has nothing to tell.
        await machine.waitFor(/FIXTURE STARTED one\n/u, limit);
        await machine.waitFor(/FIXTURE READY/u);
        expect(await machine.run('cat /proc/cmdline')).not.toMatch(/gave-up/u);
      },
      limit,
    );
  },
);

const bios = boards.find(({ firmware }) => firmware === 'bios');
const obstacle = bios === undefined ? 'no such board' : boardObstacle(bios);

describe.skipIf(obstacle !== undefined)(
  `what comes back by itself${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let router: Router;
    let folder: string;
    beforeAll(async () => {
      if (bios === undefined) return;
      ensureBundle();
      folder = newFolder('fallback');
      router = new Router(folder, bios);
      await router.build({ name: 'one' });
      await reboot(await router.started('one'));
    });
    afterEach(() => router.kill());
    afterAll(() => removeFolder(folder));

    const check = '#!/bin/sh\necho no uplink\nexit 1\n';
    const cases: { what: string; tree: Omit<FixtureOptions, 'name'>; says: RegExp; reason: RegExp }[] = [
      {
        what: 'the failure of a required check',
        tree: { files: { 'usr/etc/opkg-ostree/checks.d/required/uplink': check } },
        says: /checks failed: uplink: going back to openwrt/u,
        reason: /Reason: checks failed: uplink$/mu,
      },
      {
        what: 'the lack of an init',
        tree: { without: ['usr/sbin/init'] },
        says: /has no \/sbin\/init\n[\s\S]*going back to openwrt/u,
        reason: /Reason: .* has no \/sbin\/init$/mu,
      },
      {
        what: 'an init that ends, which panics the kernel',
        tree: { broken: 'echo "FIXTURE ENDS"; exit 1' },
        says: /(?:FIXTURE ENDS[\s\S]*Kernel panic[\s\S]*){3}going back to openwrt/u,
        reason: /Reason: .* as often as it may/u,
      },
    ];
    it.each(cases.map((entry) => [entry.what, entry] as const))(
      '%s',
      async (_, { tree, says, reason }) => {
        await router.upgrade({ name: 'two', ...tree });
        const machine = router.start({ reboots: true });
        await machine.waitFor(says, limit);
        await machine.waitFor(/FIXTURE STARTED one\n/u, limit);
        await machine.waitFor(/FIXTURE READY/u);
        await expectBack(machine, reason);
        await reboot(machine);
        // The branch still has it: an upgrade by itself does not choose it again, and the history knows why.
        await router.outside(async (cli) => {
          await expect(cli('upgrade')).rejects.toThrow(/made? .*again, which was given up/u);
          expect(await cli('history', '--json')).toMatch(/"verdict": "bad"/u);
        });
      },
      limit,
    );

    it(
      'a deployment that nobody confirms, and one that is confirmed stays',
      async () => {
        await router.upgrade({ name: 'late' }, '--confirm-timeout', '10s');
        const machine = router.start({ reboots: true });
        await machine.waitFor(/FIXTURE STARTED late\n/u, limit);
        await machine.waitFor(/checks passed; run 'opkg-ostree confirm' within 10 seconds/u);
        await machine.waitFor(/not confirmed within 10 seconds: going back to openwrt/u, limit);
        await machine.waitFor(/FIXTURE STARTED one\n/u, limit);
        await machine.waitFor(/FIXTURE READY/u);
        await expectBack(machine, /Reason: not confirmed within 10 seconds$/mu);
        await reboot(machine);

        const admin = '(until opkg-ostree confirm | grep stays; do sleep 1; done) &';
        await router.upgrade({ name: 'confirmed', broken: admin }, '--confirm-timeout', '60s');
        const confirmed = await router.started('confirmed');
        expect(await confirmed.run('opkg-ostree status')).toMatch(
          /^\* 0 .*\(booted\)[\s\S]*?Health: good$/mu,
        );
        await reboot(confirmed);
        await reboot(await router.started('confirmed'));
      },
      limit,
    );

    it(
      'a kernel that GRUB cannot load, and a GRUB that cannot count starts what there is',
      async () => {
        await router.upgrade({ name: 'three', files: { 'usr/share/fixture/more': 'x' } });
        withoutLoadenv(router, folder);
        const counted = await router.started('three');
        expect(counted.output).toMatch(/can't find command `load_env'/u);
        await reboot(counted);
        await reboot(await router.started('three'));
        await router.upgrade({ name: 'four', kernel: '/etc/hostname' });
        const machine = await router.started('three');
        expect(machine.output).toMatch(/premature end of file|invalid magic number/u);
      },
      limit,
    );
  },
);

/** The old deployment runs and is first; the other one is known as bad. */
async function expectBack(machine: Machine, reason: RegExp): Promise<void> {
  const status = await machine.run('opkg-ostree status');
  expect(status).toMatch(/^\* 0 .*\(booted\)$[\s\S]*Health: good$[\s\S]*\(rollback, bad\)$/mu);
  expect(status).toMatch(reason);
}

/** GRUB as others build it, without the module that counts. */
function withoutLoadenv(router: Router, folder: string): void {
  const core = join(folder, 'core.img');
  const table = JSON.parse(run('sfdisk', ['-J', router.image])) as {
    partitiontable: { partitions: { start: number; type: string }[] };
  };
  const sector = table.partitiontable.partitions[0]?.start ?? 0;
  const modules =
    'biosdisk boot configfile echo ext2 linux minicmd normal part_gpt reboot serial terminal test';
  const made = spawnSync('grub-mkimage', [
    '-O',
    'i386-pc',
    '-p',
    '(,gpt3)/boot/grub',
    '-o',
    core,
    ...modules.split(' '),
  ]);
  expect(made.status).toBe(0);
  const disk = openSync(router.image, 'r+');
  writeSync(disk, patchCoreImage(readFileSync(core), sector), 0, undefined, sector * 512);
  closeSync(disk);
}
