import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checksum, silentContext } from '../../src/base/index.ts';
import { cleanup, findTarget, type SwitchStep, withDefault, writeDeployments } from '../../src/boot/index.ts';
import {
  bootState,
  commitTree,
  deploy,
  hasOstree,
  isRoot,
  ostree,
  Sysroot,
  vectorTree,
} from '../boot/support.ts';

const steps: SwitchStep[] = [
  'state',
  'kernels',
  'entries',
  'loader-files',
  'links',
  'flush',
  'commit',
  'flush-after',
  'firmware',
  'firmware-commit',
  'firmware-flush',
  'done',
];
const dtb = 'usr/lib/modules/6.6.1/dtb';
const piTree = {
  ...vectorTree,
  [`${dtb}/broadcom/bcm2711-rpi-4-b.dtb`]: 'DTB',
  [`${dtb}/overlays/disable-bt.dtbo`]: 'OVERLAY',
};

describe.skipIf(!hasOstree || !isRoot)('a loader that reads FAT only (needs ostree and root)', () => {
  let scratch: string;
  let root: string;
  let firmware: string;
  let sysroot: Sysroot;
  let one: Checksum;
  let two: Checksum;
  let three: Checksum;

  async function start(target: string): Promise<void> {
    scratch = fs.mkdtempSync(join(tmpdir(), 'firmware-'));
    root = join(scratch, 'root');
    firmware = join(root, 'boot/firmware');
    sysroot = Sysroot.init(root, { target: findTarget(target), stateroot: 'openwrt' });
    const repo = join(root, 'ostree/repo');
    const commit = (kernel: string) =>
      commitTree(scratch, repo, {
        // Each a branch of its own, so that no cleanup prunes it.
        ref: `openwrt/${kernel.toLowerCase()}`,
        files: { ...piTree, 'usr/lib/modules/6.6.1/vmlinuz': kernel },
      });
    one = commit('ONE');
    two = commit('TWO');
    three = commit('THREE');
    await deploy(sysroot, one, { kargs: ['root=/dev/sda2', 'a="b c"'] });
  }
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  const read = (path: string) => fs.readFileSync(join(firmware, path), 'utf8');

  /** What the board would start, by its rules: the kernel's content and the deployment that its command line leads to. */
  function started(): { readonly kernel: string; readonly commit: string } {
    const isPi = fs.existsSync(join(firmware, 'ostree.txt'));
    let kernel: string;
    let options: string;
    if (isPi) {
      const config = read('ostree.txt');
      const prefix = /^os_prefix=(.{1,15})$/mu.exec(config)?.[1] ?? '';
      // The firmware ignores a prefix under which it does not find kernel and device tree.
      expect(fs.existsSync(join(firmware, prefix, 'bcm2711-rpi-4-b.dtb'))).toBe(true);
      expect(fs.existsSync(join(firmware, prefix, 'overlays/README'))).toBe(true);
      expect(Buffer.byteLength(config)).toBeLessThan(512);
      kernel = read(`${prefix}${/^kernel=(.*)$/mu.exec(config)?.[1]}`);
      options = read(/^cmdline=\/(.*)$/mu.exec(config)?.[1] ?? '');
    } else {
      const line = /^\tlinux (\S+) (.*)$/mu.exec(read('ostree/grub.cfg'));
      kernel = read(line?.[1] ?? '');
      options = line?.[2] ?? '';
    }
    const link = /ostree=(\S+)/u.exec(options)?.[1] ?? '';
    const folder = fs.realpathSync(join(root, link));
    expect(fs.existsSync(join(folder, 'usr/lib/os-release'))).toBe(true);
    return { kernel, commit: /([0-9a-f]{64})\.\d+$/u.exec(folder)?.[1] ?? '' };
  }

  /** Names that FAT can hold, no links, nothing that differs by case alone. */
  function expectFat(): void {
    const visit = (folder: string) => {
      const names = fs.readdirSync(folder, { withFileTypes: true });
      expect(new Set(names.map(({ name }) => name.toLowerCase())).size).toBe(names.length);
      for (const entry of names) {
        expect(entry.name).toMatch(/^[^"*/:<>?\\|\u0000-\u001f]{1,255}$/u);
        expect(entry.name).not.toMatch(/[. ]$/u);
        expect(entry.isFile() || entry.isDirectory()).toBe(true);
        if (entry.isDirectory()) visit(join(folder, entry.name));
      }
    };
    visit(firmware);
  }

  const kernels = () =>
    fs
      .readdirSync(join(firmware, fs.existsSync(join(firmware, 'boot')) ? 'boot' : ''))
      .filter((name) => /^[0-9a-f]{8}/u.test(name));

  describe.each(['raspberrypi-4', 'generic-grub-esp'])('%s', (target) => {
    beforeEach(() => start(target));

    it('starts the first entry, has one copy of each kernel, and goes back', async () => {
      expect(started()).toEqual({ kernel: 'ONE', commit: one });
      await deploy(sysroot, two);
      expect(started()).toEqual({ kernel: 'TWO', commit: two });
      await deploy(sysroot, two);
      expect(kernels()).toHaveLength(1);
      await deploy(sysroot, one, { finish: { retain: true } });
      expect(kernels()).toHaveLength(2);
      await writeDeployments(sysroot, withDefault(sysroot.deployments(), 1), silentContext);
      expect(started()).toEqual({ kernel: 'TWO', commit: two });
      expectFat();
      ostree(['admin', 'status', `--sysroot=${root}`]);
    });

    it.each(steps)(
      'cut before "%s" it starts the old one or the new one, and the next run repairs',
      async (at) => {
        const onStep = (step: SwitchStep) => {
          if (step === at) throw new Error('power cut');
        };
        await expect(deploy(sysroot, two, { finish: { onStep } })).rejects.toThrow('power cut');
        const listed = steps.indexOf(at) > steps.indexOf('commit');
        const switched = steps.indexOf(at) > steps.indexOf('firmware-commit');
        expect(sysroot.deployments().map((d) => d.checksum)).toEqual(listed ? [two, one] : [one]);
        expect(started()).toEqual(switched ? { kernel: 'TWO', commit: two } : { kernel: 'ONE', commit: one });
        expectFat();

        // Another switch straight away: it must not pull the ground from under what the board would still start.
        const seen: string[] = [];
        const watch = () => {
          seen.push(started().kernel);
        };
        await deploy(sysroot, three, { finish: { onStep: watch } });
        expect(new Set(seen.slice(1))).toEqual(new Set([listed ? 'TWO' : 'ONE', 'THREE']));
        expect(started()).toEqual({ kernel: 'THREE', commit: three });
        expectFat();
      },
    );

    it.each(steps.slice(steps.indexOf('flush-after')))(
      'after a cut before "%s" a cleanup repairs',
      async (at) => {
        const onStep = (step: SwitchStep) => {
          if (step === at) throw new Error('power cut');
        };
        await expect(deploy(sysroot, two, { finish: { onStep } })).rejects.toThrow('power cut');
        const report = await cleanup(sysroot, silentContext);
        expect(report.loaderRepaired).toBe(steps.indexOf(at) <= steps.indexOf('firmware-commit'));
        expect(started()).toEqual({ kernel: 'TWO', commit: two });
        expect(kernels()).toHaveLength(2);
        const before = bootState(root);
        expect((await cleanup(sysroot, silentContext)).loaderRepaired).toBe(false);
        expect(bootState(root)).toEqual(before);
      },
    );
  });

  describe('on the Raspberry Pi', () => {
    beforeEach(() => start('raspberrypi-4'));

    it('tryboot starts the other one, once', async () => {
      await deploy(sysroot, two);
      expect(read('tryboot.txt')).toContain('\ninclude trial.txt\n');
      const line = (name: string) => read(/^cmdline=\/(.*)$/mu.exec(read(name))?.[1] ?? '');
      const other = fs.realpathSync(join(root, /ostree=(\S+)/u.exec(line('trial.txt'))?.[1] ?? ''));
      expect(other).toContain(one);
    });

    it('settings of the admin stay', async () => {
      fs.appendFileSync(join(firmware, 'config.txt'), 'dtparam=spi=on\n');
      await deploy(sysroot, two);
      expect(read('config.txt')).toMatch(/include ostree\.txt\ndtparam=spi=on\n$/u);
    });

    it('refuses, with what to do, while the partition is not mounted', async () => {
      fs.renameSync(firmware, join(scratch, 'elsewhere'));
      fs.mkdirSync(firmware);
      await expect(deploy(sysroot, two)).rejects.toMatchObject({
        code: 'SYSROOT_INVALID',
        hint: expect.stringContaining(firmware),
      });
      fs.rmdirSync(firmware);
      fs.renameSync(join(scratch, 'elsewhere'), firmware);
      expect(started()).toEqual({ kernel: 'ONE', commit: one });
    });

    it('a kernel whose folder holds another one is never started', async () => {
      await deploy(sysroot, two);
      const [name] = kernels();
      fs.writeFileSync(join(firmware, `${name}/bootcsum.txt`), 'other\n');
      await expect(deploy(sysroot, one)).rejects.toMatchObject({ code: 'SYSROOT_INVALID' });
    });
  });
});
