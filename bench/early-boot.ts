/**
 * Early boot under QEMU's emulation: from the kernel's "Run ... as init process" to the line before /sbin/init is started, by the
 * kernel's clock. EARLY_BOOT_BEFORE names a folder with an older version of files/usr/lib/opkg-ostree, which is then started in turns
 * with this one on the same disk. The goal is 300 ms.
 */
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstEntryOptions, TestSysroot } from '../test/e2e/support/disk.ts';
import { writeFixtureRoot } from '../test/e2e/support/fixture-root.ts';
import { findKernel } from '../test/e2e/support/kernel.ts';
import { Machine } from '../test/e2e/support/machine.ts';
import { measure, type Variant } from './lib/harness.ts';

const rounds = Number(process.env['EARLY_BOOT_ROUNDS'] ?? 10);

async function startedWithin(machine: Machine): Promise<number> {
  const [, entry = ''] = await machine.waitFor(
    /\[ *([\d.]+)\] Run \/ostree\/opkg-ostree\/prepare-root as init process/u,
  );
  const [, exec = ''] = await machine.waitFor(/\[ *([\d.]+)\] opkg-ostree: starting openwrt/u);
  return (Number(exec) - Number(entry)) * 1000;
}

/** A disk with one deployment; early boot is that of a folder. */
function diskWith(folder: string, name: string, early: string): string {
  const tree = join(folder, `${name}-tree`);
  writeFixtureRoot(tree, { name });
  const sysroot = new TestSysroot(join(folder, `${name}-sysroot`), { physicalInit: true }, [tree]);
  cpSync(early, join(sysroot.path, 'ostree/opkg-ostree'), { recursive: true });
  return sysroot.image(join(folder, `${name}.img`));
}

async function bootsOf(folder: string, kernel: string, name: string, early: string): Promise<Variant[]> {
  const start = (image: string) =>
    new Machine({ kernel, append: firstEntryOptions(image), image, log: join(folder, `${name}.log`) });
  const fresh = diskWith(folder, name, early);
  const used = `${fresh}.used`;
  copyFileSync(fresh, used);
  const first = start(used);
  await first.waitFor(/FIXTURE READY/u);
  await first.run('sync');
  first.kill();
  await first.ended();
  const boot = (image: string, prepare: () => unknown): (() => Promise<number>) => {
    return async () => {
      prepare();
      const machine = start(image);
      const took = await startedWithin(machine);
      machine.kill();
      await machine.ended();
      return took;
    };
  };
  const scratch = `${fresh}.scratch`;
  return [
    { name: `${name}, first boot`, run: boot(scratch, () => copyFileSync(fresh, scratch)) },
    { name: `${name}, later boot`, run: boot(scratch, () => copyFileSync(used, scratch)) },
  ];
}

const kernel = findKernel();
if ('missing' in kernel) throw new Error(kernel.missing);
const folder = mkdtempSync(join(tmpdir(), 'early-boot-'));
try {
  const before = process.env['EARLY_BOOT_BEFORE'];
  const variants = await bootsOf(
    folder,
    kernel.path,
    'now',
    join(process.cwd(), 'files/usr/lib/opkg-ostree'),
  );
  if (before !== undefined) variants.push(...(await bootsOf(folder, kernel.path, 'before', before)));
  await measure('early boot', variants, { rounds, warmup: 0 });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
