import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { DirectBoots, directObstacle } from './support/direct.ts';
import { firstEntryOptions, readImageFile, run } from './support/disk.ts';
import { kernelModule } from './support/kernel.ts';

const obstacle = directObstacle();
const boots = new DirectBoots();
afterAll(() => boots.remove());
afterEach(() => boots.killAll());
const minute = 60_000;

describe.skipIf(obstacle !== undefined)(
  `early boot in trouble${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    it.each([
      {
        what: 'a file in the place of /var/run',
        spoil: (path: string) => {
          // libostree makes it a symlink.
          rmSync(join(path, 'run'), { force: true });
          writeFileSync(join(path, 'run'), 'x');
        },
      },
      { what: 'no /var', spoil: (path: string) => rmSync(path, { recursive: true }) },
    ])(
      '$what: the deployment on trial is given up, the good one runs with a /var in memory',
      async ({ spoil }) => {
        const sysroot = boots.sysrootOf([{ name: 'old' }, { name: 'new' }]);
        const [old = '', fresh = ''] = sysroot.deployments;
        sysroot.writeState({ pending: fresh, good: old, tries: 3 });
        spoil(join(sysroot.path, 'ostree/deploy/openwrt/var'));
        const image = boots.imageOf(sysroot);
        const failing = boots.start(image);
        await failing.waitFor(/opkg-ostree: (?:cannot make \/var\/run|the stateroot openwrt has no var)\n/u);
        await failing.waitFor(/going back to openwrt/u);
        await failing.ended();
        const back = boots.start(image);
        await back.waitFor(/\/var is in memory, nothing in it is kept/u);
        await back.waitFor(/FIXTURE STARTED old\n/u);
        await back.waitFor(/not as wanted:.* storage/u);
        await back.waitFor(/FIXTURE READY/u);
        expect(await back.run('touch /etc/x /var/lib/x /var/run/x /root/x && echo written')).toBe('written');
        expect(await back.run('opkg-ostree status')).toMatch(/\(booted\)[\s\S]*\(rollback, bad\)/u);
      },
    );

    it('a sysroot that stays read-only: the good deployment runs, nothing is kept', async () => {
      const sysroot = boots.sysrootOf([{ name: 'old' }, { name: 'new' }]);
      const [old = '', fresh = ''] = sysroot.deployments;
      sysroot.writeState({ pending: fresh, good: old, tries: 3 });
      const image = boots.imageOf(sysroot);
      run('tune2fs', ['-O', 'read-only', image]);
      const machine = boots.start(image);
      await machine.waitFor(
        /the sysroot cannot be written: starting openwrt.*, nothing of this run is kept/u,
      );
      await machine.waitFor(/FIXTURE STARTED old\n/u);
      await machine.waitFor(/FIXTURE READY/u);
      expect(
        await machine.run(
          'echo mine > /etc/hosts && cat /etc/hosts; touch /var/lib/x /root/x && echo written',
        ),
      ).toBe('mine\nwritten');
      expect(await machine.run('touch /sysroot/x')).toMatch(/Read-only file system/u);
    });

    const modules = ['watchdog', 'softdog'].map((name) => kernelModule(`drivers/watchdog/${name}.ko`));
    const missing = modules.every((path) => existsSync(path)) ? '' : ' (skipped: the kernel has no softdog)';
    it.skipIf(missing !== '')(
      `an init that hangs: the watchdog that early boot armed resets the machine${missing}`,
      async () => {
        const hang = 'echo "FIXTURE HANGS"; while :; do sleep 60; done';
        const sysroot = boots.sysrootOf([{ name: 'old' }, { name: 'new', broken: hang }]);
        const [old = '', fresh = ''] = sysroot.deployments;
        sysroot.writeState({ pending: fresh, good: old, tries: 1 });
        const image = boots.imageOf(sysroot);
        const initrd = boots.initramfs(modules);
        const append = () => firstEntryOptions(image).replace(/init=\S+/u, 'rootfstype=ext4');
        // As the loader has it: nothing changed the entries.
        const asked = append();
        const hanging = boots.start(image, { append: asked, initrd });
        await hanging.waitFor(/FIXTURE HANGS/u);
        // softdog's own limit is a minute.
        await hanging.ended(3 * minute);
        const last = boots.start(image, { append: asked, initrd });
        await last.waitFor(/going back to openwrt/u);
        await last.ended();
        const back = boots.start(image, { append: append(), initrd });
        await back.waitFor(/FIXTURE STARTED old\n/u);
        await back.waitFor(/FIXTURE READY/u);
        expect(await back.run('cat /sys/class/watchdog/watchdog0/state')).toBe('active');
        expect(readImageFile(image, '/ostree/opkg-ostree/verdicts')).toMatch(/ bad .* never found good\n/u);
      },
      6 * minute,
    );

    it('says how long it took, by the kernel’s clock', async () => {
      const image = boots.imageOf(boots.sysrootOf([{ name: 'one' }]));
      const figures: string[] = [];
      for (const boot of ['first', 'second']) {
        const machine = boots.start(image);
        await machine.waitFor(/FIXTURE READY/u);
        const log = await machine.run('dmesg');
        const at = (pattern: RegExp) => Number(pattern.exec(log)?.[1] ?? Number.NaN);
        const entry = at(/\[ *([\d.]+)\] Run \/ostree\/opkg-ostree\/prepare-root as init process/u);
        const exec = at(/\[ *([\d.]+)\] opkg-ostree: starting openwrt/u);
        expect(exec).toBeGreaterThan(entry);
        figures.push(`${boot} boot ${Math.round((exec - entry) * 1000)} ms`);
        await machine.run('sync');
        machine.kill();
        await machine.ended();
      }
      process.stdout.write(`prepare-root, emulated: ${figures.join(', ')}\n`);
    });
  },
);
