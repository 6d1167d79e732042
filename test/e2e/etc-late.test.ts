import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { toChecksum } from '../../src/base/index.ts';
import { renderEtcSeen } from '../../src/boot/etc-seen.ts';
import { Cli, ensureBundle, newFolder, realRootPath, removeFolder } from '../support/world/index.ts';
import { entryOptions, firstEntryOptions, makeImage, readImageFile, TestSysroot } from './support/disk.ts';
import { staticBusybox, writeFixtureRoot } from './support/fixture-root.ts';
import { findKernel } from './support/kernel.ts';
import { Machine } from './support/machine.ts';

const kernel = findKernel();
const obstacle = (() => {
  if ('missing' in kernel) return kernel.missing;
  if (process.getuid?.() !== 0) return 'needs root';
  return staticBusybox() === undefined ? 'busybox-static is not installed' : undefined;
})();
const rootfs = realRootPath();
const logs = fileURLToPath(new URL('../../.cache/e2e/', import.meta.url));
const machines: Machine[] = [];
afterEach(() => {
  for (const machine of machines.splice(0)) machine.kill();
});

function start(image: string, append = firstEntryOptions(image)): Machine {
  const name = expect.getState().currentTestName?.replaceAll(/[^A-Za-z0-9]+/gu, '-') ?? 'etc-late';
  const path = 'path' in kernel ? kernel.path : '';
  const machine = new Machine({ kernel: path, append, image, log: join(logs, `${name}.log`) });
  machines.push(machine);
  return machine;
}

/** What a switch from the running deployment leaves on the sysroot. */
function writeRecord(sysroot: string, from: string, to: string): void {
  const item = (path: string) => {
    const [, checksum = '', serial = ''] = /([0-9a-f]{64})\.(\d+)$/u.exec(path) ?? [];
    return { stateroot: 'openwrt', checksum: toChecksum(checksum), serial: Number(serial) };
  };
  mkdirSync(join(sysroot, 'ostree/opkg-ostree'), { recursive: true });
  const text = renderEtcSeen(item(from), item(to), join(sysroot, 'ostree/deploy', from, 'etc'));
  writeFileSync(join(sysroot, 'ostree/opkg-ostree/etc-seen'), text);
}

describe.skipIf(obstacle !== undefined)(
  `edits between the switch and the restart${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const work = mkdtempSync(join(tmpdir(), 'opkg-ostree-late-'));
    afterAll(() => rmSync(work, { recursive: true, force: true }));
    let counter = 0;

    /** A disk whose first entry is the new deployment, to be started from the old one. */
    function switched(): { readonly image: string; readonly old: string } {
      const base = join(work, `disk-${++counter}`);
      const files = {
        'usr/etc/rc.common': '#!/bin/sh\n. "$1"\n"$2"\n',
        'usr/sbin/reboot': '#!/bin/sh\n/etc/init.d/opkg-ostree-etc stop\nexec busybox reboot -f\n',
        'usr/etc/config/a': 'a\n',
        'usr/etc/gone': 'gone\n',
      };
      const trees = ['old', 'new'].map((name) => {
        const merged = name === 'new' ? { 'usr/etc/both': 'theirs\n' } : { 'usr/etc/both': 'default\n' };
        writeFixtureRoot(join(base, name), { name, files: { ...files, ...merged } });
        return join(base, name);
      });
      const sysroot = new TestSysroot(join(base, 'sysroot'), { physicalInit: true }, trees);
      const [from = '', to = ''] = sysroot.deployments;
      writeRecord(sysroot.path, from, to);
      const image = sysroot.image(join(base, 'disk.img'));
      return { image, old: entryOptions(image)[1] ?? '' };
    }

    const edits = [
      'echo late > /etc/config/a',
      'chmod 600 /etc/config/a',
      'rm /etc/gone',
      'mkdir -p "/etc/new folder"',
      'echo n > "/etc/new folder/f"',
      'ln -s /tmp/x /etc/link',
      'echo mine > /etc/both',
    ].join('; ');

    it('are in the deployment that starts next', async () => {
      const { image, old } = switched();
      const first = start(image, old);
      await first.waitFor(/FIXTURE STARTED old/u);
      await first.waitFor(/FIXTURE READY/u);
      await first.run(edits);
      first.send('/sbin/reboot\n');
      await first.ended();

      const second = start(image);
      await second.waitFor(/FIXTURE STARTED new/u);
      await second.waitFor(/FIXTURE READY/u);
      const files = await second.run(
        'cat /etc/config/a "/etc/new folder/f" /etc/both /etc/both.opkg-ostree-new',
      );
      expect(files).toBe('late\nn\nmine\ntheirs');
      expect(await second.run('ls -ln /etc/config/a | cut -c1-10; readlink /etc/link; ls /etc/gone')).toMatch(
        /^-rw-------\n\/tmp\/x\nls: .*No such file/u,
      );
      expect(await second.run('opkg-ostree health')).toMatch(/^ok +etc-edits/mu);
      expect(await second.run('cat /etc/opkg-ostree/conflicts.json')).toContain(
        '"path":"both","kind":"both"',
      );
    });

    it('are named by health where the power was cut', async () => {
      const { image, old } = switched();
      const first = start(image, old);
      await first.waitFor(/FIXTURE READY/u);
      await first.run('echo late > /etc/config/a; sync');
      first.kill();
      await first.ended();

      const second = start(image);
      await second.waitFor(/FIXTURE STARTED new/u);
      await second.waitFor(/FIXTURE READY/u);
      expect(await second.run('cat /etc/config/a; opkg-ostree health')).toMatch(
        /^a\n[\s\S]*etc-edits[\s\S]*\/etc\/config\/a/u,
      );
    });
  },
);

const noRoot = rootfs === undefined ? 'OPENWRT_ROOTFS is not set' : obstacle;
describe.skipIf(noRoot !== undefined)(
  `edits before the restart of a real OpenWrt root${noRoot ? ` (skipped: ${noRoot})` : ''}`,
  () => {
    let work: string;
    let image: string;
    beforeAll(async () => {
      ensureBundle();
      work = newFolder('etc-late');
      const sysroot = join(work, 'sysroot');
      const cli = new Cli(work, sysroot);
      await cli.ok('sysroot', 'init', sysroot, '--target', 'x86-64');
      const vmlinuz = 'path' in kernel ? kernel.path : '';
      const words = [
        '--branch',
        'openwrt',
        '--target',
        'x86-64',
        '--kernel-release',
        'e2e',
        '--kernel',
        vmlinuz,
      ];
      await cli.ok('compose', rootfs ?? '', '--repo', join(sysroot, 'ostree/repo'), ...words);
      const kargs = ['root=/dev/nvme0n1', 'rootwait', 'console=ttyS0', 'panic=1'].flatMap((karg) => [
        '--karg',
        karg,
      ]);
      await cli.ok('deploy', 'openwrt', '--karg-none', ...kargs);
      await cli.ok('deploy', 'openwrt');
      const { deployments } = await cli.json<{ deployments: { path: string }[] }>('status');
      const [to = '', from = ''] = deployments.map(({ path }) =>
        path.slice(join(sysroot, 'ostree/deploy/').length),
      );
      writeRecord(sysroot, from, to);
      image = makeImage(sysroot, join(work, 'disk.img'));
    });
    afterAll(() => removeFolder(work));

    async function booted(machine: Machine): Promise<void> {
      await machine.waitFor(/procd: - init -/u, 90_000);
      await machine.waitFor(/opkg-ostree: (?:health: checks done|.* is good)/u, 120_000);
      machine.send('\n');
      await machine.run('true', 60_000);
    }

    it("are carried over by procd's shutdown: uci, a service, a password", async () => {
      const first = start(image, entryOptions(image)[1] ?? '');
      await booted(first);
      await first.run(
        'uci set system.@system[0].hostname=late; uci commit system; /etc/init.d/sysntpd disable',
      );
      await first.run("sed -i 's/^root:[^:]*:/root:$1$late:/' /etc/shadow; cat /etc/shadow | head -1");
      first.send('reboot\n');
      await first.ended(90_000);

      const second = start(image);
      await booted(second);
      expect(
        await second.run(
          'uci get system.@system[0].hostname; head -n 1 /etc/shadow; ls /etc/rc.d | grep -c S[0-9]*sysntpd',
        ),
      ).toMatch(/^late\nroot:\$1\$late:.*\n0$/u);
      expect(await second.run('opkg-ostree health')).toMatch(/^ok +etc-edits/mu);
      expect(readImageFile(image, '/ostree/opkg-ostree/etc-now')).toBe('');
    });

    it('and it writes no image, whoever asks', async () => {
      const machine = start(image);
      await booted(machine);
      await machine.run('dd if=/dev/zero of=/tmp/firmware.bin bs=1k count=64; cp /tmp/firmware.bin /root/');
      expect(await machine.run('sysupgrade -F /tmp/firmware.bin; echo "status $?"')).toMatch(
        /opkg-ostree upgrade[\s\S]*status 1/u,
      );
      expect(
        await machine.run('sysupgrade -b /tmp/b.tgz && sysupgrade -r /tmp/b.tgz; echo "status $?"'),
      ).toMatch(/status 0$/u);
    });
  },
);
