/**
 * A loader that reads FAT only, with Linux's own vfat: the partition of a Raspberry Pi's disk follows a switch of the tool and
 * going back in sh. What the board's firmware would read is read with mtools.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cli, ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { mountObstacle, run } from './support/disk.ts';
import { staticBusybox, writeFixtureRoot } from './support/fixture-root.ts';
import { findKernel, kernelModule } from './support/kernel.ts';
import { Machine } from './support/machine.ts';

const log = fileURLToPath(new URL('../../.cache/e2e/vfat.log', import.meta.url));
const kernel = findKernel();
const modules = [
  'fs/fat/fat.ko',
  'fs/fat/vfat.ko',
  'fs/nls/nls_cp437.ko',
  'fs/nls/nls_iso8859-1.ko',
  'fs/nls/nls_ascii.ko',
].map(kernelModule);
const obstacle = (() => {
  if ('missing' in kernel) return kernel.missing;
  if (!modules.every((path) => existsSync(path))) return 'the kernel has no vfat';
  if (spawnSync('mtype', ['--version']).status !== 0) return 'mtools is not installed';
  if (staticBusybox() === undefined) return 'busybox-static is not installed';
  return mountObstacle();
})();

describe.skipIf(obstacle !== undefined)(
  `the FAT partition${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let folder: string;
    let disk: string;
    let machine: Machine | undefined;
    beforeAll(async () => {
      ensureBundle();
      folder = newFolder('vfat');
      disk = join(folder, 'disk.img');
      const repo = join(folder, 'repo');
      const tree = join(folder, 'tree');
      const insmod = modules.map((path) => `insmod /usr/share/fixture/${path.split('/').at(-1)}`).join('; ');
      writeFixtureRoot(tree, {
        name: 'one',
        node: true,
        broken: insmod,
        files: { 'usr/lib/modules/fixture/dtb/broadcom/bcm2711-rpi-4-b.dtb': 'DTB' },
      });
      for (const path of modules) run('cp', [path, join(tree, 'usr/share/fixture')]);
      run('ostree', ['init', `--repo=${repo}`, '--mode=bare']);
      const owner = ['--owner-uid=0', '--owner-gid=0', '--no-xattrs'];
      run('ostree', [`--repo=${repo}`, 'commit', ...owner, '-b', 'pi', `--tree=dir=${tree}`]);
      const words = ['--target', 'raspberrypi-4', '--repo', repo, '--branch', 'pi', '-o', disk];
      await new Cli(folder, folder).ok('image', 'build', ...words, '--size', '700M', '--loader', 'none');
    });
    afterEach(() => machine?.kill());
    afterAll(() => removeFolder(folder));

    /** What the firmware of the board would start: the command line, and the boot link in it. */
    function started(image: string): { readonly cmdline: string } {
      const start = Number(/start= *(\d+)/u.exec(run('sfdisk', ['-d', image]))?.[1]);
      const read = (path: string) => {
        const env = { ...process.env, MTOOLS_SKIP_CHECK: '1' };
        const result = spawnSync('mtype', ['-i', `${image}@@${start * 512}`, `::${path}`], { env });
        if (result.status !== 0) throw new Error(`${path}: ${result.stderr}`);
        return result.stdout.toString('latin1');
      };
      const config = read('ostree.txt');
      const prefix = /^os_prefix=([0-9a-f]{8})\/$/mu.exec(config)?.[1] ?? '';
      expect(read(`${prefix}/bootcsum.txt`)).toMatch(new RegExp(`^${prefix}[0-9a-f]{56}\n$`, 'u'));
      expect(read(`${prefix}/kernel8.img`)).toContain('not read: the machine is started');
      const cmdline = read(/^cmdline=\/(.*)$/mu.exec(config)?.[1] ?? '').trim();
      return { cmdline };
    }

    async function boot(): Promise<Machine> {
      const append = `${started(disk).cmdline} console=ttyS0 panic=1`;
      const path = 'path' in kernel ? kernel.path : '';
      machine = new Machine({ kernel: path, append, image: disk, log });
      await machine.waitFor(/FIXTURE STARTED one\n/u, 120_000);
      await machine.waitFor(/FIXTURE READY/u, 120_000);
      return machine;
    }

    async function powerCut(running: Machine): Promise<void> {
      running.kill();
      await running.ended();
    }

    it('follows a switch of the tool, and going back in sh, each whole when its command has ended', async () => {
      const first = await boot();
      expect(
        await first.run('opkg-ostree kargs --append=second=1 --progress none; echo "status $?"', 180_000),
      ).toMatch(/status 0$/u);
      expect(await first.run('grep -c "/boot/firmware vfat" /proc/mounts')).toMatch(/^[12]$/u);
      await powerCut(first);
      expect(started(disk).cmdline).toMatch(/ second=1/u);

      const second = await boot();
      expect(await second.run('opkg-ostree status')).toMatch(/^\* 0 .*\(booted\)[\s\S]*?Health: good$/mu);
      expect(await second.run('opkg-ostree rollback; echo "status $?"', 60_000)).toMatch(/status 0$/u);
      await powerCut(second);
      expect(started(disk).cmdline).not.toMatch(/ second=1/u);
      await boot();
    }, 600_000);
  },
);
