/** Machines that are started with a kernel of the test's own, the disk's first boot entry on its command line. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { appendInit, renderCpio } from '../../../src/compose/cpio.ts';
import { firstEntryOptions, TestSysroot } from './disk.ts';
import { type FixtureOptions, staticBusybox, writeFixtureRoot } from './fixture-root.ts';
import { findKernel } from './kernel.ts';
import { Machine } from './machine.ts';

const logs = fileURLToPath(new URL('../../../.cache/e2e/', import.meta.url));

/** Why none can be started here; undefined where they can. */
export function directObstacle(): string | undefined {
  const kernel = findKernel();
  if ('missing' in kernel) return kernel.missing;
  if (process.getuid?.() !== 0) return 'needs root';
  return staticBusybox() === undefined ? 'busybox-static is not installed' : undefined;
}

/** The disks and machines of one file of tests. */
export class DirectBoots {
  readonly folder = mkdtempSync(join(tmpdir(), 'opkg-ostree-e2e-'));
  readonly #machines: Machine[] = [];
  #counter = 0;

  /** A sysroot with a deployment for each tree; the last one is started first. */
  sysrootOf(trees: readonly FixtureOptions[], physicalInit = true): TestSysroot {
    const base = join(this.folder, `disk-${++this.#counter}`);
    const paths = trees.map((tree, index) => {
      writeFixtureRoot(join(base, `tree-${index}`), tree);
      return join(base, `tree-${index}`);
    });
    return new TestSysroot(join(base, 'sysroot'), { physicalInit }, paths);
  }

  imageOf(sysroot: TestSysroot): string {
    return sysroot.image(join(this.folder, `${this.#counter}.img`));
  }

  /** Starts what the disk's first boot entry says, as a boot loader would. */
  start(image: string, options: { append?: string; initrd?: string; reboots?: boolean } = {}): Machine {
    const kernel = findKernel();
    const name = expect.getState().currentTestName?.replaceAll(/[^A-Za-z0-9]+/gu, '-') ?? 'boot';
    const { append = firstEntryOptions(image), ...more } = options;
    const machine = new Machine({
      kernel: 'path' in kernel ? kernel.path : '',
      append,
      image,
      log: join(logs, `${name}.log`),
      ...more,
    });
    this.#machines.push(machine);
    return machine;
  }

  /** What `compose --initramfs` makes of an initramfs that holds a busybox and those modules. */
  initramfs(modules: readonly string[] = []): string {
    const empty = new Uint8Array();
    const base = renderCpio([
      { path: 'bin', mode: 0o40755, content: empty },
      { path: 'bin/busybox', mode: 0o100755, content: readFileSync(staticBusybox() ?? '') },
      { path: 'modules', mode: 0o40755, content: empty },
      ...modules.map((path, index) => ({
        path: `modules/${index}.ko`,
        mode: 0o100644,
        content: readFileSync(path),
      })),
      {
        path: 'init',
        mode: 0o100755,
        content: new TextEncoder().encode('#!/bin/busybox sh\necho WRONG INIT\n'),
      },
    ]);
    const init = new URL('../../../files/usr/lib/opkg-ostree/prepare-root', import.meta.url);
    const path = join(this.folder, `initramfs-${modules.length}.img`);
    writeFileSync(path, appendInit(base, readFileSync(fileURLToPath(init))));
    return path;
  }

  /** After each test. */
  killAll(): void {
    for (const machine of this.#machines.splice(0)) machine.kill();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
