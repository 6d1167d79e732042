import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checksum, silentContext } from '../../src/base/index.ts';
import {
  cleanup,
  findTarget,
  finishDeployment,
  holdStaged,
  newOrigin,
  readStaged,
  type SwitchStep,
  stageDeployment,
  withoutDeployment,
  writeDeployments,
} from '../../src/boot/index.ts';
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
  'done',
];

describe.skipIf(!hasOstree || !isRoot)('what interrupted runs leave behind (needs ostree and root)', () => {
  let scratch: string;
  let root: string;
  let sysroot: Sysroot;
  let one: Checksum;
  let two: Checksum;

  beforeEach(async () => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'crash-'));
    root = join(scratch, 'root');
    sysroot = Sysroot.init(root, { target: findTarget('generic-grub'), stateroot: 'openwrt' });
    const repo = join(root, 'ostree/repo');
    one = commitTree(scratch, repo, { ref: 'openwrt/x86', files: vectorTree });
    two = commitTree(scratch, repo, {
      ref: 'openwrt/x86',
      files: {
        ...vectorTree,
        'usr/lib/modules/6.6.1/vmlinuz': 'NEW',
        'usr/share/factory/var/lib/app/db': 'seed',
      },
      version: '24.10',
    });
    await deploy(sysroot, one, { kargs: ['quiet'] });
  });
  afterEach(() => {
    for (const name of ['boot']) {
      try {
        execFileSync('umount', [join(root, name)], { stdio: 'ignore' });
      } catch {
        // not mounted
      }
    }
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  /** Every entry leads to a deployment and its kernels are there. */
  function expectBootable(): void {
    for (const { entry, path } of sysroot.deployments()) {
      expect(fs.existsSync(join(path, 'usr/lib/os-release'))).toBe(true);
      for (const [key, value] of entry.fields) {
        if (key === 'linux' || key === 'initrd') expect(fs.existsSync(join(root, 'boot', value))).toBe(true);
      }
    }
    execFileSync('grub-script-check', [join(root, 'boot/loader/grub.cfg')]);
    ostree(['admin', 'status', `--sysroot=${root}`]);
  }

  it.each(steps)('a full switch cut before "%s"', async (at) => {
    const onStep = (step: SwitchStep) => {
      if (step === at) throw new Error('power cut');
    };
    await expect(deploy(sysroot, two, { finish: { onStep } })).rejects.toThrow('power cut');
    const done = at === 'flush-after' || at === 'done';
    expect(sysroot.deployments().map((d) => d.checksum)).toEqual(done ? [two, one] : [one]);
    expectBootable();
    await deploy(sysroot, two);
    expect(sysroot.deployments().map((d) => d.checksum)).toEqual(done ? [two, two] : [two, one]);
    expectBootable();
    const names = fs
      .readdirSync(join(root, 'ostree/deploy/openwrt/deploy'))
      .filter((name) => !name.endsWith('.origin'));
    expect(names).toHaveLength(2);
    ostree(['fsck', `--repo=${root}/ostree/repo`]);
  });

  it.each(['state', 'links', 'flush', 'commit', 'flush-after', 'done'] as const)(
    'a switch of links cut before "%s"',
    async (at) => {
      await deploy(sysroot, one);
      const before = sysroot.deployments().map((d) => d.serial);
      const onStep = (step: SwitchStep) => {
        if (step === at) throw new Error('power cut');
      };
      await expect(deploy(sysroot, one, { finish: { onStep } })).rejects.toThrow('power cut');
      const done = at === 'flush-after' || at === 'done';
      expect(sysroot.deployments().map((d) => d.serial)).toEqual(done ? [2, 1] : before);
      expectBootable();
      const report = await cleanup(sysroot, silentContext);
      expect(report.removed).toHaveLength(1);
      expect(Object.keys(bootState(root)).filter((path) => path.includes('.tmp-'))).toEqual([]);
      expectBootable();
    },
  );

  it('a staged deployment is swept unless it waits for finalize', async () => {
    const request = {
      commit: two,
      origin: newOrigin('openwrt/x86'),
      stateroot: 'openwrt',
      mergeFrom: sysroot.mergeDeployment('openwrt'),
    };
    const staged = await stageDeployment(sysroot, request, silentContext);
    expect(sysroot.deployments()).toHaveLength(1);
    expect(ostree(['admin', 'status', `--sysroot=${root}`])).not.toContain(two);
    expect((await cleanup(sysroot, silentContext)).removed).toEqual([`openwrt-${two}.0`]);
    expect(fs.existsSync(staged.path)).toBe(false);

    holdStaged(sysroot, await stageDeployment(sysroot, request, silentContext));
    expect((await cleanup(sysroot, silentContext)).removed).toEqual([]);
    const held = readStaged(sysroot);
    if (held === undefined) throw new Error('the record is gone');
    await finishDeployment(sysroot, held, silentContext);
    expect(readStaged(sysroot)).toBeUndefined();
    expect(sysroot.deployments().map((d) => d.checksum)).toEqual([two, one]);
    expectBootable();
  });

  it('factory content comes once, and never through a link', async () => {
    fs.rmSync(join(root, 'ostree/deploy/openwrt/var/lib'), { recursive: true });
    fs.mkdirSync(join(scratch, 'elsewhere'));
    fs.symlinkSync(join(scratch, 'elsewhere'), join(root, 'ostree/deploy/openwrt/var/lib'));
    await deploy(sysroot, two);
    expect(fs.readdirSync(join(scratch, 'elsewhere'))).toEqual([]);
    fs.unlinkSync(join(root, 'ostree/deploy/openwrt/var/lib'));
    await deploy(sysroot, two);
    const db = join(root, 'ostree/deploy/openwrt/var/lib/app/db');
    expect(fs.readFileSync(db, 'utf8')).toBe('seed');
    fs.writeFileSync(db, 'mine');
    await deploy(sysroot, two);
    expect(fs.readFileSync(db, 'utf8')).toBe('mine');
    expect(fs.readlinkSync(join(root, 'ostree/deploy/openwrt/var/run'))).toBe('/tmp/run');
  });

  it('a type conflict in /etc refuses before anything is switched', async () => {
    const path = sysroot.deployments()[0]?.path ?? '';
    fs.writeFileSync(join(path, 'etc/thing'), 'mine');
    const repo = join(root, 'ostree/repo');
    const bad = commitTree(scratch, repo, {
      ref: 'openwrt/x86',
      files: { ...vectorTree, 'usr/etc/thing/a': '1' },
    });
    const before = bootState(root);
    await expect(deploy(sysroot, bad)).rejects.toMatchObject({ code: 'ETC_TYPE_CONFLICT', kind: 'refused' });
    expect(bootState(root)).toMatchObject(before);
    expect(fs.readdirSync(join(root, 'ostree/deploy/openwrt/deploy'))).toHaveLength(2);
  });

  it('the running deployment is never dropped', async () => {
    await deploy(sysroot, two);
    const path = sysroot.deployments()[1]?.path ?? '';
    fs.writeFileSync(join(scratch, 'marker'), '');
    const running = Sysroot.open(root, { bootedMarker: join(scratch, 'marker'), root: path });
    expect(running.booted()?.checksum).toBe(one);
    expect(running.mergeDeployment('openwrt')?.checksum).toBe(one);
    expect(() => withoutDeployment(running.deployments(), 1)).toThrow(
      expect.objectContaining({ code: 'DEPLOYMENT_BOOTED' }),
    );
    await expect(
      writeDeployments(running, running.deployments().slice(0, 1), silentContext),
    ).rejects.toMatchObject({
      code: 'DEPLOYMENT_BOOTED',
    });
  });

  it('a boot partition takes copies, and one that is full refuses with the figures', async () => {
    const saved = bootState(root);
    fs.cpSync(join(root, 'boot'), join(scratch, 'boot'), { recursive: true, verbatimSymlinks: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', join(root, 'boot')]);
    fs.cpSync(join(scratch, 'boot'), join(root, 'boot'), { recursive: true, verbatimSymlinks: true });
    expect(bootState(root)).toMatchObject({ 'boot/loader': saved['boot/loader'] });
    await deploy(sysroot, two);
    expectBootable();
    const big = commitTree(scratch, join(root, 'ostree/repo'), {
      ref: 'openwrt/x86',
      files: { ...vectorTree, 'usr/lib/modules/6.6.1/vmlinuz': 'x'.repeat(2 << 20) },
    });
    const before = bootState(root);
    await expect(deploy(sysroot, big)).rejects.toMatchObject({
      code: 'BOOT_SPACE',
      kind: 'no-space',
      details: { needed: expect.any(Number), free: expect.any(Number), missing: expect.any(Number) },
    });
    expect(bootState(root)).toEqual(before);
  });

  it('init refuses a sysroot that is there, and another loader’s configuration', () => {
    const options = { target: findTarget('generic-grub'), stateroot: 'openwrt' };
    expect(() => Sysroot.init(root, options)).toThrow(expect.objectContaining({ code: 'SYSROOT_EXISTS' }));
    const other = join(scratch, 'other');
    fs.mkdirSync(join(other, 'boot/grub'), { recursive: true });
    fs.writeFileSync(join(other, 'boot/grub/grub.cfg'), 'menuentry x {}');
    expect(() => Sysroot.init(other, options)).toThrow(expect.objectContaining({ code: 'SYSROOT_EXISTS' }));
    expect(fs.existsSync(join(other, 'ostree'))).toBe(false);
    expect(() => Sysroot.open(scratch)).toThrow(expect.objectContaining({ code: 'SYSROOT_INVALID' }));
    expect(() => Sysroot.init(join(scratch, 'x'), { ...options, stateroot: '../x' })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});
