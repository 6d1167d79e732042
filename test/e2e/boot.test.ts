import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { DirectBoots, directObstacle } from './support/direct.ts';
import {
  checkImage,
  entryOptions,
  extractImage,
  firstEntryOptions,
  makeDisk,
  readImageFile,
  run,
  type TestSysroot,
} from './support/disk.ts';
import type { FixtureOptions } from './support/fixture-root.ts';
import type { Machine } from './support/machine.ts';

const obstacle = directObstacle();
const boots = new DirectBoots();
const work = boots.folder;
afterAll(() => boots.remove());
afterEach(() => boots.killAll());
let counter = 0;

const sysrootOf = (trees: readonly FixtureOptions[], physicalInit = true) =>
  boots.sysrootOf(trees, physicalInit);
const imageOf = (sysroot: TestSysroot) => boots.imageOf(sysroot);
const start = (image: string, options: Parameters<DirectBoots['start']>[1] = {}) =>
  boots.start(image, options);

const stateOf = (image: string) => readImageFile(image, '/ostree/opkg-ostree/boot-state');
const reset = 'echo 1 > /proc/sys/kernel/sysrq; echo "FIXTURE CRASHES"; echo b > /proc/sysrq-trigger';

describe.skipIf(obstacle !== undefined)(`early boot${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  it.each([
    { from: 'the sysroot', physicalInit: true },
    { from: "libostree's init=", physicalInit: false },
  ])(
    'from $from: / and /usr read-only, /etc, /var, /boot and /sysroot writable',
    async ({ physicalInit }) => {
      const machine = start(imageOf(sysrootOf([{ name: 'one' }], physicalInit)));
      await machine.waitFor(/FIXTURE STARTED one/u);
      await machine.waitFor(/FIXTURE READY/u);
      await expectDeploymentMounts(machine);
    },
  );

  it.each(['gpt', 'dos', 'LABEL', 'UUID'] as const)(
    'as /init of an initramfs, the sysroot found by %s',
    async (by) => {
      const filesystem = imageOf(sysrootOf([{ name: 'one' }]));
      let root = `LABEL=sysroot`;
      let image = filesystem;
      if (by === 'UUID')
        root = `UUID=${run('blkid', ['-p', '-s', 'UUID', '-o', 'value', filesystem]).trim()}`;
      if (by === 'gpt' || by === 'dos') {
        image = `${filesystem}.disk`;
        root = `PARTUUID=${makeDisk(filesystem, image, by)}`;
      }
      const append = firstEntryOptions(filesystem)
        .replace(/root=\S+/u, `root=${root}`)
        .replace(/init=\S+/u, 'rootfstype=ext4');
      const machine = start(image, { append, initrd: boots.initramfs() });
      await machine.waitFor(/FIXTURE STARTED one/u);
      await machine.waitFor(/FIXTURE READY/u);
      await expectDeploymentMounts(machine);
    },
  );

  it('goes back from an initramfs too', async () => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new', without: ['usr/sbin/init'] }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 3 });
    const image = imageOf(sysroot);
    const initrd = boots.initramfs();
    const options = () => firstEntryOptions(image).replace(/init=\S+/u, 'rootfstype=ext4');
    const failing = start(image, { append: options(), initrd });
    await failing.waitFor(/going back to openwrt/u);
    await failing.ended();
    await start(image, { append: options(), initrd }).waitFor(/FIXTURE STARTED old/u);
  });

  it('counts the starts of a deployment on trial and finds it good', async () => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new' }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 3 });
    const machine = start(imageOf(sysroot));
    await machine.waitFor(/FIXTURE STARTED new/u);
    await machine.waitFor(/opkg-ostree: openwrt.* is good: checks passed/u);
    await machine.waitFor(/FIXTURE READY/u);
    expect(await machine.run('cat /sysroot/ostree/opkg-ostree/boot-state')).toBe(`format 1\ngood ${fresh}`);
    expect(await machine.run('dmesg | grep -c "is on trial, 2 more tries"')).toBe('1');
    expect(await machine.run('cut -d" " -f2- /sysroot/ostree/opkg-ostree/verdicts')).toBe(
      `${fresh} good checks passed`,
    );
  });

  it('goes back for good after as many crashes as there are tries, each a reset without a sync', async () => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new', broken: reset }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 2 });
    const image = imageOf(sysroot);
    for (let attempt = 0; attempt < 2; attempt++) {
      const machine = start(image);
      await machine.waitFor(/FIXTURE CRASHES/u);
      await machine.ended();
    }
    const last = start(image);
    await last.waitFor(/was started as often as it may and never found good/u);
    await last.waitFor(/going back to openwrt/u);
    await last.ended();
    expect(stateOf(image)).toContain(`good ${old}\nbad ${fresh}\nreason `);

    const back = start(image);
    await back.waitFor(/FIXTURE STARTED old/u);
    await back.waitFor(/FIXTURE READY/u);
    const status = await back.run('opkg-ostree status');
    expect(status).toMatch(
      /^\* 0 {2}fixture\/0 {2}\(booted\)$[\s\S]*Health: good$[\s\S]*^ {2}1 {2}fixture\/1 {2}\(rollback, bad\)$/mu,
    );
    expect(status).toMatch(/Reason: .* was started as often as it may and never found good$/mu);
    await back.run('sync; (poweroff -f &)');
    await back.ended();
    expect(checkImage(image)).toBeUndefined();
    expectLibostreeAgrees(image, [old, fresh]);
  });

  it.each<{ what: string; tree: Partial<FixtureOptions>; says: RegExp }>([
    { what: 'has no /sbin/init', tree: { without: ['usr/sbin/init'] }, says: /has no \/sbin\/init/u },
    { what: 'has no place for /sysroot', tree: { without: ['sysroot'] }, says: /has no \/sysroot/u },
  ])('goes back at once from a deployment that $what', async ({ tree, says }) => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new', ...tree }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 3 });
    const image = imageOf(sysroot);
    const failing = start(image);
    await failing.waitFor(says);
    await failing.waitFor(/going back to openwrt/u);
    await failing.ended();
    const back = start(image);
    await back.waitFor(/FIXTURE STARTED old/u);
  });

  it('goes back from a deployment whose directory is gone', async () => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new' }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 3 });
    rmSync(join(sysroot.path, 'ostree/deploy', fresh), { recursive: true });
    const image = imageOf(sysroot);
    const failing = start(image);
    await failing.waitFor(/leads to no deployment/u);
    await failing.ended();
    const back = start(image);
    await back.waitFor(/FIXTURE STARTED old/u);
    await back.waitFor(/FIXTURE READY/u);
    await back.run('sync; (poweroff -f &)');
    await back.ended();
    expectLibostreeAgrees(image, [old]);
  });

  it('goes back where a required check fails, and not where a wanted one does', async () => {
    const failing = '#!/bin/sh\necho no uplink\nexit 1\n';
    const sysroot = sysrootOf([
      { name: 'old', files: { 'usr/etc/opkg-ostree/checks.d/wanted/uplink': failing } },
      { name: 'new', files: { 'usr/etc/opkg-ostree/checks.d/required/uplink': failing } },
    ]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 3 });
    const image = imageOf(sysroot);
    const first = start(image);
    await first.waitFor(/FIXTURE STARTED new/u);
    await first.waitFor(/checks failed: uplink: going back to openwrt/u);
    await first.ended();
    const back = start(image);
    await back.waitFor(/FIXTURE STARTED old/u);
    await back.waitFor(/not as wanted:.* uplink/u);
    await back.waitFor(/FIXTURE READY/u);
    expect(await back.run('cat /sysroot/ostree/opkg-ostree/boot-state')).toBe(`format 1\ngood ${old}`);
    expect(await back.run('opkg-ostree status')).toMatch(/Reason: checks failed: uplink/u);
    await back.run('sync; (poweroff -f &)');
    await back.ended();
    // The way back is not closed: who picks the bad one in the loader's menu gets it.
    await start(image, { append: entryOptions(image)[1] ?? '' }).waitFor(/FIXTURE STARTED new/u);
  });

  it('starts the good deployment in the same boot where the loader does not follow the entries', async () => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new', broken: reset }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 0 });
    const image = imageOf(sysroot);
    const append = firstEntryOptions(image);
    await start(image, { append }).ended();
    // The old boot links are still there; a loader that kept the old entry uses them.
    const stubborn = start(image, { append });
    await stubborn.waitFor(/the boot loader asked for .*; starting openwrt/u);
    await stubborn.waitFor(/FIXTURE STARTED old/u);
  });

  it('keeps starting the one deployment there is, whatever its tries', async () => {
    const sysroot = sysrootOf([{ name: 'only' }]);
    sysroot.writeState({ pending: sysroot.deployments[0] ?? '', tries: 0 });
    const machine = start(imageOf(sysroot));
    await machine.waitFor(/there is no other deployment/u);
    await machine.waitFor(/FIXTURE STARTED only/u);
  });

  it('opens a shell on the console with failsafe=, and goes back when that ends', async () => {
    const sysroot = sysrootOf([{ name: 'old' }, { name: 'new', without: ['usr/sbin/init'] }]);
    const [old = '', fresh = ''] = sysroot.deployments;
    sysroot.writeState({ pending: fresh, good: old, tries: 3 });
    const image = imageOf(sysroot);
    const machine = start(image, { append: `${firstEntryOptions(image)} failsafe=true` });
    await machine.waitFor(/failsafe: a shell on the console/u);
    expect(await machine.run('echo $$')).not.toBe('1');
    machine.send('exit\n');
    await machine.waitFor(/going back to openwrt/u);
    await machine.ended();
  });

  it('resets /etc at the boot after firstboot, and keeps /var', async () => {
    const image = imageOf(sysrootOf([{ name: 'one' }]));
    const first = start(image);
    await first.waitFor(/FIXTURE READY/u);
    await first.run(
      'echo mine > /etc/hosts; echo mine > /etc/.mine; echo kept > /var/lib/kept; firstboot -y; (/sbin/reboot &)',
    );
    await first.ended();
    const second = start(image);
    await second.waitFor(/factory reset: \/etc becomes \/usr\/etc/u);
    await second.waitFor(/FIXTURE READY/u);
    expect(await second.run('cat /etc/hosts /var/lib/kept; ls -A /etc | grep mine')).toBe(
      '127.0.0.1 localhost\nkept',
    );
    expect(await second.run('ls /sysroot/ostree/opkg-ostree/factory-reset')).toMatch(/No such file/u);
  });

  it('unpacks a pending configuration backup into /etc only, and keeps accounts that it lacks', async () => {
    const sysroot = sysrootOf([{ name: 'one' }]);
    const backup = join(work, 'backup');
    for (const [path, content] of [
      ['etc/hosts', 'restored\n'],
      ['etc/passwd', 'admin:x:1000:1000::/:/bin/sh\n'],
      ['usr/share/fixture/name', 'overwritten\n'],
      ['root/note', 'not restored\n'],
    ] as const) {
      mkdirSync(dirname(join(backup, path)), { recursive: true });
      writeFileSync(join(backup, path), content);
    }
    run('tar', ['czf', join(sysroot.path, 'sysupgrade.tgz'), '-C', backup, 'etc', 'usr', 'root']);
    const machine = start(imageOf(sysroot));
    await machine.waitFor(/- config restore -/u);
    await machine.waitFor(/FIXTURE STARTED one/u);
    await machine.waitFor(/FIXTURE READY/u);
    expect(await machine.run('cat /etc/hosts /etc/passwd; ls /root /sysroot/sysupgrade.tgz')).toMatch(
      /^restored\nadmin:x:1000:1000::\/:\/bin\/sh\nroot:x:0:0:root:\/root:\/bin\/sh\nls: .*No such file/u,
    );
  });
});

const volatile = [
  ['run', '/tmp/run'],
  ['lock', '/tmp/lock'],
  ['state', '/tmp/state'],
  ['etc', '/tmp/etc'],
  ['log', '/tmp/log'],
  ['tmp', '/tmp/vartmp'],
  ['opkg-lists', '/tmp/opkg-lists'],
] as const;

async function expectDeploymentMounts(machine: Machine): Promise<void> {
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
  expect(mounts.map(([, path]) => path)).not.toContain('/sysroot/dev');
  expect(mounts.map(([, path]) => path)).not.toContain('/sysroot/proc');
  expect(await machine.run('touch /x /usr/x')).toMatch(/Read-only file system[\s\S]*Read-only file system/u);
  expect(await machine.run('touch /etc/x /var/x /sysroot/x /boot/x && echo written')).toBe('written');
  for (const [name, target] of volatile)
    expect(await machine.run(`cd /var/${name}; pwd -P; cd /`)).toBe(target);
  expect(await machine.run('stat -c %a /var/roothome /var/home; cat /var/lib/fixture/seed')).toBe(
    '700\n755\nseed',
  );
  expect(await machine.run('dmesg | grep -c "opkg-ostree: starting openwrt"')).toBe('1');
  expect(await machine.run('[ -e /run/ostree-booted ] && opkg-ostree status')).toMatch(
    /^\* 0 {2}fixture\/0 {2}\(booted\)\n/u,
  );
}

/** The real ostree lists these deployments, in this order. */
function expectLibostreeAgrees(image: string, deployments: readonly string[]): void {
  const dir = extractImage(image, join(work, `extracted-${++counter}`));
  const listed = run('ostree', ['admin', 'status', `--sysroot=${dir}`]).match(/[0-9a-f]{64}\.[0-9]+/gu);
  expect(listed).toEqual(deployments.map((deployment) => deployment.split('/').at(-1)));
}
