/**
 * What each target's loader reads after an installation, an upgrade, another one and a rollback, kept in test/golden/boot; and the real
 * tools' word on it. `UPDATE_GOLDEN=1` writes the files anew: look at the difference before it is kept.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import { setVariables } from '../../src/boot/fw-setenv.ts';
import {
  defaultKargs,
  findTarget,
  listTargets,
  loaderFor,
  loaderOptions,
  mergeEnvironment,
  rollbackIndex,
  withDefault,
  writeDeployments,
} from '../../src/boot/index.ts';
import { commitTree, deploy, hasOstree, isRoot, Sysroot, snapshot, vectorTree } from '../boot/support.ts';

const golden = new URL('../golden/boot/', import.meta.url).pathname;
const dtb = 'usr/lib/modules/6.6.1/dtb';
const targets = listTargets()
  .filter(({ status }) => status === 'supported')
  .map(({ id }) => id);
const has = (program: string) => spawnSync('which', [program]).status === 0;

describe.skipIf(!hasOstree || !isRoot)('boot entries of each target (needs ostree and root)', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'golden-'));
  });
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  it.each(targets)('%s', async (id) => {
    const target = findTarget(id);
    const root = join(scratch, 'root');
    const sysroot = Sysroot.init(root, { target, stateroot: 'openwrt' });
    expectGolden(id, '0-init', root);
    const names = ['1-installed', '2-upgraded', '3-upgraded-again'];
    for (const [index, name] of names.entries()) {
      const first = { kargs: ['root=PARTUUID=01234567-02', ...defaultKargs(target), 'a="b c"'] };
      await deploy(sysroot, commit(root, id, index), {
        ...(index === 0 ? first : {}),
        finish: { retain: true },
      });
      expectGolden(id, name, root);
      judge(root);
    }
    const list = sysroot.deployments();
    await writeDeployments(sysroot, withDefault(list, rollbackIndex(list)), silentContext);
    expectGolden(id, '4-rolled-back', root);
    judge(root);
  });

  const environments = targets.filter((id) => findTarget(id).environment !== undefined);
  it.skipIf(!has('fw_printenv')).each(environments)(
    '%s: fw_printenv and fw_setenv take the environment that an image gets (needs libubootenv-tool)',
    (id) => {
      const target = findTarget(id);
      const { size, redundantOffset } = target.environment ?? { size: 0 };
      const ours = loaderFor(target.loader.id).environment?.(loaderOptions(target));
      const wanted = new Map([['loadaddr', '0x46000000'], ...(ours ?? [])]);
      const copies = redundantOffset === undefined ? 1 : 2;
      const empty = Array.from({ length: copies }, () => new Uint8Array(size).fill(0xff));
      const format = { size, redundant: copies === 2 };
      const made = mergeEnvironment(empty, format, [wanted]);
      const device = join(scratch, 'env');
      fs.writeFileSync(device, Buffer.concat(made));
      const config = join(scratch, 'fw_env.config');
      fs.writeFileSync(
        config,
        made.map((_, n) => `${device} 0x${(n * size).toString(16)} 0x${size.toString(16)}\n`).join(''),
      );
      const printed = () =>
        new Map(
          execFileSync('fw_printenv', ['-c', config], { encoding: 'utf8' })
            .trimEnd()
            .split('\n')
            .map((line): [string, string] => [
              line.slice(0, line.indexOf('=')),
              line.slice(line.indexOf('=') + 1),
            ]),
        );
      expect(printed()).toEqual(wanted);

      // A change by the router's own tool is one write, and what we make of it afterwards keeps it.
      setVariables(
        new Map([
          ['bootcount', '0'],
          ['upgrade_available', '1'],
        ]),
        config,
      );
      expect(printed().get('upgrade_available')).toBe('1');
      execFileSync('fw_setenv', ['-c', config, 'mine', 'kept = yes']);
      const disk = fs.readFileSync(device);
      const read = made.map((_, n) => disk.subarray(n * size, (n + 1) * size));
      fs.writeFileSync(device, Buffer.concat(mergeEnvironment(read, format, [wanted])));
      expect(printed().get('mine')).toBe('kept = yes');
      expect(printed().get('bootcmd')).toBe(wanted.get('bootcmd'));
      // One copy damaged: the other one counts.
      const damaged = fs.readFileSync(device);
      damaged[100] = (damaged[100] ?? 0) ^ 0xff;
      fs.writeFileSync(device, damaged);
      if (copies === 2) expect(printed().get('mine')).toBe('kept = yes');
    },
  );

  function commit(root: string, id: string, index: number) {
    const { 'usr/lib/modules/6.6.1/initramfs.img': initrd = '', ...rest } = vectorTree;
    const { kernel } = findTarget(id);
    const tree = kernel.devicetree === undefined ? {} : { [`${dtb}/${kernel.devicetree}`]: 'DTB' };
    const initramfs = kernel.initramfs ? { 'usr/lib/modules/6.6.1/initramfs.img': initrd } : {};
    return commitTree(scratch, join(root, 'ostree/repo'), {
      ref: `openwrt/${index}`,
      // The third has the kernel of the second.
      files: {
        ...rest,
        ...tree,
        ...initramfs,
        'usr/lib/modules/6.6.1/vmlinuz': `KERNEL ${Math.min(index, 1)}`,
        'usr/share/number': String(index),
      },
      version: `24.10.${index}`,
    });
  }
});

/** Entries, loader files, stubs, and what lies on a FAT partition; kernels by their names. */
function expectGolden(id: string, name: string, root: string): void {
  const made = Object.entries(snapshot(root, ['boot']))
    .filter(([path]) => !/\/loader\.\d\.tmp|^boot\/boot$/u.test(path))
    .map(([path, content]) => {
      const text = path.endsWith('boot.scr') ? content.slice(content.indexOf('#')) : content;
      return `== ${path}\n${text}${text.endsWith('\n') ? '' : '\n'}`;
    })
    .sort()
    .join('');
  const path = join(golden, id, `${name}.txt`);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, made);
  }
  expect(made).toBe(fs.readFileSync(path, 'utf8'));
}

/** The real tools take what is there. */
function judge(root: string): void {
  const boot = join(root, 'boot');
  for (const name of [
    'loader/grub.cfg',
    'grub/grub.cfg',
    'firmware/ostree/grub.cfg',
    'firmware/boot/grub/grub.cfg',
  ]) {
    if (fs.existsSync(join(boot, name))) execFileSync('grub-script-check', [join(boot, name)]);
  }
  const script = join(boot, 'boot.scr');
  if (fs.existsSync(script)) {
    const listed = execFileSync('mkimage', ['-l', script], { encoding: 'utf8' });
    expect(listed).toContain('Image Type:   AArch64 Linux Script (uncompressed)');
    // The same script packed by mkimage has the same payload and, but for its times, the same header.
    const text = fs.readFileSync(script).subarray(72);
    const source = join(root, 'script');
    fs.writeFileSync(source, text);
    const args = [
      '-A',
      'arm64',
      '-O',
      'linux',
      '-T',
      'script',
      '-C',
      'none',
      '-n',
      'opkg-ostree',
      '-d',
      source,
    ];
    execFileSync('mkimage', [...args, `${source}.scr`], {
      env: { ...process.env, SOURCE_DATE_EPOCH: '0' },
    });
    expect(fs.readFileSync(`${source}.scr`).equals(fs.readFileSync(script))).toBe(true);
  }
}
