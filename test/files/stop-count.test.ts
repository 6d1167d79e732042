import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopCount } from '../../src/boot/index.ts';
import { loaderFor } from '../../src/boot/loaders/index.ts';
import { mergeEnvironment } from '../../src/boot/uboot-env.ts';
import { ash, busybox } from './ash.ts';

const deployment = `openwrt/deploy/${'a'.repeat(64)}.0`;
const hasTools = spawnSync('fw_printenv', ['--help']).status === 0;
const size = 0x1000;
const uenv = [
  'kernel_image=/boot/ostree/openwrt-b/vmlinuz',
  'bootargs=quiet',
  'mine_back_up=kept',
  `opkg_ostree_trial=${deployment}`,
  'opkg_ostree_tries=3',
  'kernel_image_back=/boot/ostree/openwrt-c/vmlinuz',
  'bootargs_back=quiet',
  '',
].join('\n');
const after = 'kernel_image=/boot/ostree/openwrt-b/vmlinuz\nbootargs=quiet\nmine_back_up=kept\n';

/** The loader of a board that starts what its stored environment names, and its variables. */
const loader = loaderFor('fw-env');
const ours = () => [...(loader.environment?.({ timeout: 1 }) ?? [])];

describe.skipIf(busybox === undefined || !hasTools)(
  'the end of a count in U-Boot (needs busybox and libubootenv-tool)',
  () => {
    let root: string;
    let path: string | undefined;
    beforeEach(() => {
      root = fs.mkdtempSync(join(tmpdir(), 'stop-count-'));
      fs.mkdirSync(join(root, 'boot/loader'), { recursive: true });
      fs.writeFileSync(join(root, 'boot/boot.scr'), '');
      fs.writeFileSync(join(root, 'boot/loader/uEnv.txt'), uenv);
      fs.writeFileSync(
        join(root, 'fw_env.config'),
        `${root}/env 0 0x${size.toString(16)}\n${root}/env 0x${size.toString(16)} 0x${size.toString(16)}\n`,
      );
      // As on a router, where the tools find their configuration by themselves; the writes are counted.
      fs.mkdirSync(join(root, 'bin'));
      for (const name of ['fw_printenv', 'fw_setenv']) {
        const tool = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
        const text = `#!/bin/sh\necho ${name} "$@" >>${root}/calls\nexec ${tool} -c ${root}/fw_env.config "$@"\n`;
        fs.writeFileSync(join(root, 'bin', name), text, { mode: 0o755 });
      }
      path = process.env['PATH'];
      process.env['PATH'] = `${root}/bin:${path}`;
    });
    afterEach(() => {
      process.env['PATH'] = path;
      fs.rmSync(root, { recursive: true, force: true });
    });

    const store = (variables: readonly (readonly [string, string])[]) => {
      const empty = [0, 1].map(() => new Uint8Array(size).fill(0xff));
      const made = mergeEnvironment(empty, { size, redundant: true }, [variables]);
      fs.writeFileSync(join(root, 'env'), Buffer.concat(made));
      fs.rmSync(join(root, 'calls'), { force: true });
    };
    const stored = (name: string) =>
      spawnSync('fw_printenv', ['-n', name], { encoding: 'utf8' }).stdout.trim();
    const writes = () =>
      fs
        .readFileSync(join(root, 'calls'), 'utf8')
        .split('\n')
        .filter((line) => /^fw_setenv (?!-h)/u.test(line)).length;

    const sh = () => ash(root, `log() { echo "$1"; }\nstop_grub_count ${deployment}`);
    const node = () =>
      stopCount({ path: root, loader, loaderOptions: { timeout: 1 }, booted: () => ({}) }, deployment);
    it.each([
      ['sh', sh],
      ['the tool', node],
    ])('by %s: neither the script nor U-Boot itself goes on counting, by one write', (_, stop) => {
      store([...ours(), ['bootcount', '2'], ['upgrade_available', '1'], ['mine', 'kept']]);
      stop();
      expect(fs.readFileSync(join(root, 'boot/loader/uEnv.txt'), 'utf8')).toBe(after);
      expect(writes()).toBe(1);
      expect([stored('bootcount'), stored('upgrade_available'), stored('mine')]).toEqual(['0', '0', 'kept']);
      stop();
      expect(writes()).toBe(1);
    });

    it('leaves the environment of a board that does not start from it alone', () => {
      store([
        ['altbootcmd', 'run rescue'],
        ['bootcount', '2'],
        ['upgrade_available', '1'],
      ]);
      expect(sh().status).toBe(0);
      expect(writes()).toBe(0);
      expect(stored('upgrade_available')).toBe('1');
    });

    it('says so where the environment cannot be written', () => {
      store([...ours(), ['upgrade_available', '1']]);
      fs.writeFileSync(join(root, 'bin/fw_setenv'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const { status, stdout } = sh();
      expect(status).toBe(0);
      expect(stdout).toBe('cannot end the count of U-Boot\n');
    });
  },
);
