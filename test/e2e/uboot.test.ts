import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentContext } from '../../src/base/index.ts';
import {
  entryField,
  findTarget,
  parseTarget,
  Sysroot,
  stateName,
  writeBootState,
} from '../../src/boot/index.ts';
import { targetData } from '../../src/boot/target-data.ts';
import { buildImage, planDisk } from '../../src/image/index.ts';
import { commitTree, deploy, hasOstree, isRoot, vectorTree } from '../boot/support.ts';
import { tinyKernel } from '../boot/tiny-kernel.ts';
import { newFolder, removeFolder } from '../support/world/index.ts';
import { firmwareObstacle, Machine } from './support/machine.ts';

const logs = fileURLToPath(new URL('../../.cache/e2e/', import.meta.url));
const obstacle = firmwareObstacle('u-boot') ?? (hasOstree && isRoot ? undefined : 'needs ostree and root');
const kernelPath = 'usr/lib/modules/6.6.1/vmlinuz';

describe.skipIf(obstacle)(`U-Boot itself${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let folder: string;
  let machine: Machine | undefined;
  beforeAll(() => {
    folder = newFolder('uboot');
  });
  afterEach(() => machine?.kill());
  afterAll(() => removeFolder(folder));

  /** A sysroot with deployments of these kernels, the last one first; then what a test changes; then a disk around it. */
  async function makeDisk(
    target: 'generic-extlinux' | 'generic-bootscr' | 'counted',
    kernels: readonly string[],
    change: (root: string, sysroot: Sysroot) => void = () => undefined,
  ): Promise<string> {
    const scratch = fs.mkdtempSync(join(folder, 'disk-'));
    const root = join(scratch, 'root');
    const board = target === 'counted' ? countedBoard : findTarget(target);
    let sysroot = Sysroot.init(root, { target: board, stateroot: 'openwrt' });
    for (const name of kernels) {
      // An initramfs is not what is tried here, and the tiny kernel knows none.
      const { 'usr/lib/modules/6.6.1/initramfs.img': _, ...files } = vectorTree;
      const binaries = { [kernelPath]: tinyKernel(name) };
      const commit = commitTree(scratch, join(root, 'ostree/repo'), {
        ref: `openwrt/${name.toLowerCase()}`,
        files: { ...files, [kernelPath]: '' },
        binaries,
      });
      await deploy(sysroot, commit, {
        kargs: ['quiet', `name=${name}`, 'a="b c"'],
        finish: { retain: true },
      });
      sysroot = Sysroot.open(root);
    }
    change(root, sysroot);
    const layout = findTarget('generic-extlinux').image;
    if (layout === undefined) throw new Error('no layout');
    const plan = planDisk({ ...layout, bytes: 120 * 1024 ** 2, seed: target });
    const output = join(scratch, 'disk.img');
    await buildImage({ plan, sysroot: root, output, efiPlatform: undefined }, silentContext);
    fs.rmSync(root, { recursive: true });
    return output;
  }

  function start(image: string): Machine {
    const name = expect.getState().currentTestName?.replaceAll(/[^A-Za-z0-9]+/gu, '-') ?? 'uboot';
    machine = new Machine({ firmware: 'u-boot', image, log: join(logs, `${name}.log`) });
    return machine;
  }

  /** The kernel that was started and its arguments, as it found them in its device tree. */
  async function started(running: Machine): Promise<{ readonly kernel: string; readonly kargs: string }> {
    const [, kernel = ''] = await running.waitFor(/\nKERNEL (\S+) STARTED\n/u, 60_000);
    const [, kargs = ''] = await running.waitFor(/(quiet name=[ -~]*)\0/u);
    await running.ended();
    return { kernel, kargs };
  }

  const entries = (root: string) => fs.readdirSync(join(root, 'boot/loader/entries')).length;
  /** The kernel of the entry at a place, emptied: U-Boot loads it and cannot start it. */
  const spoil = (root: string, name: string) => {
    for (const kernel of fs.readdirSync(join(root, 'boot/ostree'))) {
      const path = join(root, 'boot/ostree', kernel, 'vmlinuz-6.6.1');
      if (!fs.readFileSync(path).includes(`KERNEL ${name} `)) continue;
      fs.unlinkSync(path);
      fs.writeFileSync(path, 'not a kernel');
    }
  };

  it.each(['generic-extlinux', 'generic-bootscr'] as const)(
    '%s: starts the first entry with its arguments',
    async (target) => {
      const image = await makeDisk(target, ['ONE', 'TWO'], (root) => expect(entries(root)).toBe(2));
      const { kernel, kargs } = await started(start(image));
      expect(kernel).toBe('TWO');
      expect(kargs).toMatch(
        /^quiet name=TWO a="b c" init=\S+ ostree=\/ostree\/boot\.[01]\/openwrt\/[0-9a-f]{64}\/0 ?$/u,
      );
    },
  );

  it('generic-bootscr: starts the second entry where the first one cannot be', async () => {
    const image = await makeDisk('generic-bootscr', ['ONE', 'TWO'], (root) => spoil(root, 'TWO'));
    expect(await started(start(image))).toMatchObject({
      kernel: 'ONE',
      kargs: expect.stringMatching(/name=ONE a="b c" init=\S+ ostree=/u),
    });
  });

  it('generic-bootscr: starts the second entry where the first one is not there', async () => {
    const image = await makeDisk('generic-bootscr', ['ONE', 'TWO'], (root) => {
      const [path = ''] = /kernel_image=(\S+)/u
        .exec(fs.readFileSync(join(root, 'boot/loader/uEnv.txt'), 'utf8'))
        ?.slice(1) ?? [''];
      fs.unlinkSync(join(root, path));
    });
    expect(await started(start(image))).toMatchObject({ kernel: 'ONE' });
  });

  it('counts the starts of a deployment on trial, then starts the one to go back to, and says so', async () => {
    // Three deployments, on trial the newest, to go back to the oldest.
    let trial = '';
    const paths: string[] = [];
    const image = await makeDisk('counted', ['ONE', 'TWO', 'THREE'], (root, sysroot) => {
      const [pending, , good] = sysroot.deployments();
      if (pending === undefined || good === undefined) throw new Error('three deployments');
      trial = stateName(pending);
      writeBootState(root, { pending: trial, good: stateName(good), tries: 3 });
      const { render } = sysroot.loader;
      const files = render(
        sysroot.deployments().map(({ entry }) => ({ entry })),
        { ...sysroot.loaderOptions, trial: { deployment: trial, tries: 3, back: 2 } },
      );
      fs.writeFileSync(join(root, 'boot/loader/uEnv.txt'), files[0]?.text ?? '');
      paths.push(...[pending, good].map(({ entry }) => entryField(entry, 'linux') ?? ''));
      // Each start fails at once and returns to the prompt, as a crash returns to the board's loader.
      for (const name of ['ONE', 'TWO', 'THREE']) spoil(root, name);
    });
    const running = start(image);
    await running.waitFor(/Hit any key to stop autoboot/u);
    running.send('\n');
    await running.waitFor(/=> /u);
    running.send('setenv devtype nvme; setenv devnum 0; setenv distro_bootpart 1; nvme scan\n');
    await running.waitFor(/nvme scan[\s\S]*?=> /u);
    running.send('load nvme 0:1 $scriptaddr /boot/boot.scr\n');
    await running.waitFor(/bytes read[\s\S]*?=> /u);
    // A trial that is over: its count must not be taken for this one's.
    running.send('setenv opkg_ostree_counted older; setenv opkg_ostree_boots 3\n');
    await running.waitFor(/boots 3[\s\S]*?=> /u);
    const [first = '', back = ''] = paths.map((path) => path.replaceAll('.', '\\.'));
    for (let boots = 1; boots <= 3; boots++) {
      running.send('source $scriptaddr; printenv opkg_ostree_boots\n');
      await running.waitFor(/opkg-ostree: starting /u);
      await running.waitFor(new RegExp(`^/boot${first}\n`, 'u'));
      await running.waitFor(new RegExp(`opkg_ostree_boots=${boots}\n`, 'u'), 60_000);
    }
    running.send('source $scriptaddr; printenv bootargs\n');
    await running.waitFor(/opkg-ostree: starting /u);
    await running.waitFor(new RegExp(`^/boot${back}\n`, 'u'));
    const gaveUp = new RegExp(`bootargs=quiet name=\\S+ .* opkg-ostree\\.gave-up=${trial}`, 'u');
    await running.waitFor(gaveUp);
    // The same where U-Boot itself has counted and runs altbootcmd, which counts no start of ours.
    running.send(
      'setenv opkg_ostree_boots 0; setenv opkg_ostree_entry limit; source $scriptaddr; printenv bootargs\n',
    );
    await running.waitFor(/opkg-ostree: starting /u);
    await running.waitFor(new RegExp(`^/boot${back}\n`, 'u'));
    await running.waitFor(gaveUp);
    running.send('printenv opkg_ostree_boots\n');
    await running.waitFor(/opkg_ostree_boots=0\n/u);
  });
});

/** A board like generic-bootscr whose environment can be stored. */
const countedBoard = parseTarget(
  {
    ...(targetData.get('generic-bootscr') as object),
    loader: {
      id: 'bootscr',
      firmware: ['u-boot'],
      timeout: 2,
      script: { command: 'booti', counter: true, defaults: {} },
    },
  },
  'counted',
);
