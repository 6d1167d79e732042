import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import { findTarget, initStateroot, withDefault, writeDeployments } from '../../src/boot/index.ts';
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
import { ash, busybox } from './ash.ts';

const can = hasOstree && isRoot && busybox !== undefined;

describe.skipIf(!can)('going back in sh (needs busybox, ostree and root)', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = fs.mkdtempSync(join(tmpdir(), 'switch-'));
  });
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  /** Four deployments of three trees and two kernels, the second kernel without an initramfs, in two stateroots. */
  async function makeSysroot(target: string, kargs: readonly string[], few = false): Promise<Sysroot> {
    const path = join(scratch, 'mine');
    const sysroot = Sysroot.init(path, { target: findTarget(target), stateroot: 'openwrt' });
    initStateroot(path, 'spare');
    const repo = join(path, 'ostree/repo');
    const commit = (extra: Record<string, string>, version: string, initramfs = true) => {
      const { 'usr/lib/modules/6.6.1/initramfs.img': initrd = '', ...rest } = vectorTree;
      const files = {
        ...rest,
        ...(initramfs ? { 'usr/lib/modules/6.6.1/initramfs.img': initrd } : {}),
        ...extra,
      };
      return commitTree(scratch, repo, { ref: 'openwrt/x86', files, version });
    };
    const options = { kargs: [...kargs], finish: { retain: true, cleanup: false as const } };
    await deploy(sysroot, commit({ 'usr/share/a': '1' }, '23.05.1'), options);
    await deploy(sysroot, commit({ 'usr/share/a': '2' }, '23.05.2'), options);
    if (few) return Sysroot.open(path);
    const plain = commit(
      { 'usr/share/a': '3', 'usr/lib/ostree-boot/uEnv.txt': 'board=x\nextra=1\n' },
      '23.05.3',
      false,
    );
    await deploy(sysroot, plain, options);
    await deploy(sysroot, commit({ 'usr/share/a': '4' }, '23.05.4'), { ...options, stateroot: 'spare' });
    return Sysroot.open(path);
  }

  it.each([
    { target: 'generic-grub', kargs: ['root=/dev/sda2', 'quiet', 'dyndbg="file x +p"', 'a=[1]'] },
    { target: 'generic-extlinux', kargs: ['root=/dev/sda2', 'a="b c"'] },
    { target: 'generic-uboot', kargs: ['root=/dev/sda2'] },
    { target: 'bananapi-r3', kargs: ['root=/dev/sda2', 'a="b c"'] },
    { target: 'raspberrypi-4', kargs: ['root=/dev/sda2', 'a="b c"'] },
    { target: 'generic-grub-esp', kargs: ['root=/dev/sda2', 'a="b c"'] },
  ])(
    'writes byte for byte what the tool writes for $target, whichever deployment it goes back to',
    async ({ target, kargs }) => {
      const sysroot = await makeSysroot(target, kargs);
      for (const index of [1, 3, 2, 3]) {
        const theirs = join(scratch, `theirs-${Math.random()}`);
        fs.cpSync(sysroot.path, theirs, {
          recursive: true,
          verbatimSymlinks: true,
          preserveTimestamps: true,
        });
        const reference = Sysroot.open(theirs);
        await writeDeployments(reference, withDefault(reference.deployments(), index), silentContext);

        const goal = sysroot.deploymentAt(index);
        const name = `${goal.stateroot}/deploy/${goal.checksum}.${goal.serial}`;
        // Who is on trial is written before the switch, by either.
        const state = 'ostree/opkg-ostree/boot-state';
        fs.mkdirSync(join(sysroot.path, 'ostree/opkg-ostree'), { recursive: true });
        fs.cpSync(join(theirs, state), join(sysroot.path, state));
        expect(ash(sysroot.path, `switch_to ${name}`)).toEqual({ status: 0, stdout: '', stderr: '' });

        expect(ofCurrent(sysroot.path)).toEqual(ofCurrent(theirs));
        expect(
          Sysroot.open(sysroot.path)
            .deployments()
            .map(({ id }) => id),
        ).toEqual(reference.deployments().map(({ id }) => id));
        ostree(['admin', 'status', `--sysroot=${sysroot.path}`]);
      }
    },
  );

  it('leaves the old order or the new one wherever it is cut off, and the next try finishes', async () => {
    const sysroot = await makeSysroot('generic-grub', ['quiet'], true);
    const { path } = sysroot;
    const order = () =>
      Sysroot.open(path)
        .deployments()
        .map(({ id }) => id);
    const before = order();
    const [first = '', second = ''] = before;
    const command = `switch_to ${nameOf(sysroot, 1)}`;
    // In the place of busybox: the session dies when the limit of calls is reached, as in a power cut.
    const cut = `bb() { echo >> "$CALLS"; [ "$(wc -l < "$CALLS")" -le "$LIMIT" ] || kill -9 0; case "$1" in sync | fsync) ;; *) ${busybox} "$@" ;; esac; }`;
    // All that a switch writes; the rest of the sysroot need not be copied for each try.
    const written = () => [
      'boot',
      ...fs
        .readdirSync(join(path, 'ostree'))
        .filter((n) => n.startsWith('boot.'))
        .map((n) => `ostree/${n}`),
    ];
    const copy = (from: string, to: string, names: readonly string[]) => {
      for (const name of names) {
        fs.cpSync(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
      }
    };
    const saved = join(scratch, 'saved');
    fs.mkdirSync(join(saved, 'ostree'), { recursive: true });
    const old = written();
    copy(path, saved, old);
    const calls = join(scratch, 'calls');
    let finished = false;
    let cuts = 0;
    for (let limit = 0; !finished; limit++) {
      for (const name of written()) fs.rmSync(join(path, name), { recursive: true });
      copy(saved, path, old);
      fs.writeFileSync(calls, '');
      finished = ash(path, `${cut}; ${command}`, { CALLS: calls, LIMIT: `${limit}` }).status === 0;
      expect([before, [second, first]]).toContainEqual(order());
      expect(ash(path, command).status).toBe(0);
      expect(order()).toEqual([second, first]);
      if (!finished) cuts++;
    }
    expect(cuts).toBeGreaterThan(25);
  }, 120_000);

  it('leaves an entry out whose deployment is gone', async () => {
    const sysroot = await makeSysroot('generic-grub', ['quiet']);
    const [first, second, third, fourth] = sysroot.deployments();
    fs.rmSync(first?.path ?? '', { recursive: true });
    ash(sysroot.path, `switch_to ${second?.stateroot}/deploy/${second?.checksum}.${second?.serial}`);
    const left = Sysroot.open(sysroot.path).deployments();
    expect(left.map(({ id }) => id)).toEqual([second, third, fourth].map((deployment) => deployment?.id));
  });

  it.each([
    { what: 'is first already', name: (s: Sysroot) => nameOf(s, 0), status: 0 },
    { what: 'does not exist', name: () => `openwrt/deploy/${'0'.repeat(64)}.0`, status: 1 },
    { what: 'is a path elsewhere', name: () => '../../../etc', status: 1 },
  ])('touches nothing for a deployment that $what', async ({ name, status }) => {
    const sysroot = await makeSysroot('generic-grub', ['quiet']);
    const before = bootState(sysroot.path);
    expect(ash(sysroot.path, `switch_to ${name(sysroot)}`).status).toBe(status);
    expect(bootState(sysroot.path)).toEqual(before);
  });

  it('refuses to roll back to another stateroot, as the tool does', async () => {
    const sysroot = await makeSysroot('generic-grub', ['quiet']);
    const before = bootState(sysroot.path);
    expect(ash(sysroot.path, 'rollback')).toEqual({
      status: 3,
      stdout: '',
      stderr: 'there is no other deployment to go back to\n',
    });
    expect(bootState(sysroot.path)).toEqual(before);
  });

  it('rolls back to the next deployment, which is on trial unless it was found good before', async () => {
    const sysroot = await makeSysroot('generic-grub', ['quiet']);
    const [first, second] = [nameOf(sysroot, 1), nameOf(sysroot, 2)];
    ash(sysroot.path, `switch_to ${first}`);
    expect(ash(sysroot.path, 'rollback').stdout).toMatch(
      /^openwrt\/deploy\/\S+ starts at the next boot: run 'reboot'\n/u,
    );
    const state = () => fs.readFileSync(join(sysroot.path, 'ostree/opkg-ostree/boot-state'), 'utf8');
    expect(nameOf(Sysroot.open(sysroot.path), 0)).toBe(second);
    expect(state()).toBe(`format 1\npending ${second}\ngood ${first}\ntries 3\n`);
    expect(ash(sysroot.path, 'rollback').status).toBe(0);
    expect(nameOf(Sysroot.open(sysroot.path), 0)).toBe(first);
    expect(state()).toBe(`format 1\ngood ${first}\n`);
  });
});

function nameOf(sysroot: Sysroot, index: number): string {
  const { stateroot, checksum, serial } = sysroot.deploymentAt(index);
  return `${stateroot}/deploy/${checksum}.${serial}`;
}

/** What is current: the idle bootversion is swept by the tool's next cleanup. */
function ofCurrent(path: string): Record<string, string> {
  const boot = fs.readlinkSync(join(path, 'boot/loader')).at(-1);
  const links = fs.readlinkSync(join(path, `ostree/boot.${boot}`));
  const all = Object.entries(bootState(path));
  const wanted = [
    'boot/loader',
    'boot/firmware/',
    `boot/loader.${boot}/`,
    `ostree/boot.${boot}`,
    `ostree/${links}/`,
  ];
  return Object.fromEntries(
    all.filter(([name]) => wanted.some((w) => (w.endsWith('/') ? name.startsWith(w) : name === w))),
  );
}
