import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildIpk, ensureBundle, file, newFolder, removeFolder } from '../support/world/index.ts';
import type { Machine } from './support/machine.ts';
import { boardObstacle, boards, Router, reboot } from './support/router.ts';

describe.each(boards)('an image with $firmware', (board) => {
  const obstacle = boardObstacle(board);
  let router: Router;
  let folder: string;
  beforeAll(async () => {
    if (obstacle !== undefined) return;
    ensureBundle();
    folder = newFolder('image');
    router = new Router(folder, board);
    await router.build({ name: 'one' });
  });
  afterEach(() => router?.kill());
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });

  it.skipIf(obstacle)(
    `boots, is upgraded, gets a package, goes back${obstacle ? ` (skipped: ${obstacle})` : ''}`,
    async () => {
      const first = await router.started('one');
      await expectRouter(first);
      await first.run('echo mine > /etc/note; echo kept > /var/lib/kept');
      await reboot(first);

      await router.outside(async (cli, repo) => {
        router.commit(repo, { name: 'two' });
        await cli('upgrade');
        const ipk = join(folder, 'hello_1_all.ipk');
        writeFileSync(ipk, helloPackage());
        await cli('install', ipk);
      });
      const second = await router.started('two');
      expect(await second.run('hello; cat /etc/note /var/lib/kept')).toBe('hello from a layer\nmine\nkept');
      expect(await second.run('dmesg | grep -c "is on trial, 2 more tries"')).toBe('1');
      expect(await second.run('opkg-ostree status')).toMatch(
        /^\* 0 .*\(booted\)[\s\S]*?Base: [0-9a-f]{64}\n/mu,
      );
      await second.run('opkg-ostree rollback');
      await reboot(second);

      // The one before it, which nobody has started yet, is on trial in its turn.
      const third = await router.started('two');
      expect(await third.run('hello || echo gone; cat /var/lib/kept')).toMatch(/gone\nkept$/u);
      expect(await third.run('opkg-ostree status')).toMatch(/^\* 0 .*\(booted\)[\s\S]*?Health: good\n/mu);
      await third.run('sync');
    },
  );

  // What GRUB boots is tried in fallback.test.ts, which has more ways to fail.
  it.skipIf(obstacle ?? board.target !== 'generic-extlinux')(
    'comes back by itself from a deployment that crashes at each start',
    async () => {
      const crash =
        'echo 1 > /proc/sys/kernel/sysrq; echo "FIXTURE CRASHES"; echo b > /proc/sysrq-trigger; sleep 60';
      await router.outside(async (cli, repo) => {
        router.commit(repo, { name: 'bad', broken: crash });
        await cli('upgrade');
      });
      const machine = router.start({ reboots: true });
      for (let attempt = 0; attempt < 3; attempt++) await machine.waitFor(/FIXTURE CRASHES/u, 120_000);
      await machine.waitFor(/going back to openwrt/u, 120_000);
      await machine.waitFor(/FIXTURE STARTED two\n/u, 120_000);
      await machine.waitFor(/FIXTURE READY/u);
      expect(await machine.run('opkg-ostree status')).toMatch(/\(booted\)[\s\S]*\(rollback, bad\)/u);
    },
  );
});

/** The deployment is the root: read-only but for what the admin and the services write. */
async function expectRouter(machine: Machine): Promise<void> {
  const mounts = (await machine.run('cat /proc/mounts')).split('\n').map((line) => line.split(' '));
  const access = Object.fromEntries(mounts.map(([, path, , options]) => [path, options?.slice(0, 2)]));
  expect(access).toMatchObject({ '/': 'ro', '/usr': 'ro', '/etc': 'rw', '/var': 'rw', '/sysroot': 'rw' });
  expect(await machine.run('cat /proc/cmdline')).toMatch(
    /root=PARTUUID=[0-9a-f-]+ .*init=\/ostree\/opkg-ostree\/prepare-root ostree=/u,
  );
}

function helloPackage(): Uint8Array {
  return buildIpk({
    name: 'hello',
    version: '1',
    arch: 'all',
    fields: { Depends: '', Section: 'utils' },
    description: 'A greeting',
    data: [file('usr/bin/hello', '#!/bin/sh\necho hello from a layer\n', 0o755)],
    conffiles: [],
    scripts: {},
    mtime: 1_700_000_000,
  }).bytes;
}
