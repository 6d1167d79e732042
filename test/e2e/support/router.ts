/** A machine with a disk that `image build` made, and what happens to that from outside. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { Cli } from '../../support/world/index.ts';
import { findArm64 } from './arm64.ts';
import { mountObstacle, run, withMounted } from './disk.ts';
import { type FixtureOptions, staticBusybox, writeFixtureRoot } from './fixture-root.ts';
import { findKernel } from './kernel.ts';
import { emulated, type Firmware, firmwareObstacle, Machine, type MachineOptions } from './machine.ts';

const logs = fileURLToPath(new URL('../../../.cache/e2e/', import.meta.url));
const branch = 'fixture/main';

export interface Board {
  readonly firmware: Firmware;
  readonly target: string;
  /** Arguments of `image build`. */
  readonly kargs: readonly string[];
  readonly parts: () => Parts | { readonly missing: string };
}

interface Parts {
  readonly kernel: string;
  readonly busybox?: string;
  /** Where GRUB's modules are, if not in Debian's place. */
  readonly grub?: string;
}

const x86 = () => {
  const kernel = findKernel();
  return 'path' in kernel ? { kernel: kernel.path } : kernel;
};
const pc = { target: 'x86-64', kargs: ['panic=1', ...emulated.split(' ')], parts: x86 } as const;
export const boards: readonly Board[] = [
  { firmware: 'bios', ...pc },
  { firmware: 'efi', ...pc },
  {
    firmware: 'u-boot',
    target: 'generic-extlinux',
    kargs: ['panic=1', 'console=ttyAMA0'],
    parts: findArm64,
  },
  { firmware: 'efi-arm', target: 'armsr-armv8', kargs: ['panic=1'], parts: findArm64 },
];

/** An image of a board, and what happens to it. */
export class Router {
  readonly folder: string;
  readonly image: string;
  readonly #board: Board;
  readonly #cli: Cli;
  readonly #parts: Parts;
  readonly #machines: Machine[] = [];
  #trees = 0;

  constructor(folder: string, board: Board) {
    this.folder = folder;
    this.#board = board;
    this.image = join(folder, 'disk.img');
    this.#cli = new Cli(folder, folder);
    const parts = board.parts();
    if ('missing' in parts) throw new Error(parts.missing);
    this.#parts = parts;
  }

  /** Commits a tree to the branch of a repository. */
  commit(repo: string, options: FixtureOptions): void {
    const tree = join(this.folder, `tree-${++this.#trees}`);
    const { kernel, busybox } = this.#parts;
    writeFixtureRoot(tree, { kernel, ...(busybox === undefined ? {} : { busybox }), ...options });
    const owner = ['--owner-uid=0', '--owner-gid=0', '--no-xattrs'];
    run('ostree', [
      `--repo=${repo}`,
      'commit',
      ...owner,
      '-b',
      branch,
      `--tree=dir=${tree}`,
      '-s',
      options.name,
    ]);
  }

  async build(options: FixtureOptions, size = '500M'): Promise<void> {
    const repo = join(this.folder, 'repo');
    run('ostree', ['init', `--repo=${repo}`, '--mode=bare']);
    this.commit(repo, options);
    const kargs = this.#board.kargs.flatMap((karg) => ['--karg', karg]);
    const words = ['--target', this.#board.target, '--repo', repo, '--branch', branch, '-o', this.image];
    const env = this.#parts.grub === undefined ? {} : { OPKG_OSTREE_GRUB: this.#parts.grub };
    const made = await this.#cli.runWith({ env }, 'image', 'build', ...words, '--size', size, ...kargs);
    if (made.status !== 0) throw new Error(`image build: ${made.stderr}`);
  }

  /** Makes a tree of the branch what boots next, from outside. */
  async upgrade(options: FixtureOptions, ...words: string[]): Promise<void> {
    await this.outside(async (cli, repo) => {
      this.commit(repo, options);
      await cli('upgrade', ...words);
    });
  }

  /** Works on the sysroot from outside, as on a build host. */
  async outside(
    body: (cli: (...args: string[]) => Promise<string>, repo: string) => Promise<unknown>,
  ): Promise<void> {
    await withMounted(this.image, (path) =>
      body((...args) => this.#cli.ok('--sysroot', path, ...args), join(path, 'ostree/repo')),
    );
  }

  /** `image` is another disk of the same board, `log` the name of another log than the test's. */
  start(
    options: Pick<MachineOptions, 'reboots' | 'writeLog'> & {
      readonly image?: string;
      readonly log?: string;
    } = {},
  ): Machine {
    const { log, ...more } = options;
    const name = log ?? expect.getState().currentTestName?.replaceAll(/[^A-Za-z0-9]+/gu, '-') ?? 'image';
    const { firmware } = this.#board;
    const machine = new Machine({ firmware, image: this.image, ...more, log: join(logs, `${name}.log`) });
    this.#machines.push(machine);
    return machine;
  }

  async started(name: string, options: Parameters<Router['start']>[0] = {}): Promise<Machine> {
    const machine = this.start(options);
    await machine.waitFor(new RegExp(`FIXTURE STARTED ${name}\n`, 'u'), 120_000);
    await machine.waitFor(/FIXTURE READY/u);
    return machine;
  }

  kill(): void {
    for (const machine of this.#machines.splice(0)) machine.kill();
  }
}

/** Why images of the board cannot be tried here; undefined where they can. */
export function boardObstacle(board: Board): string | undefined {
  const here = mountObstacle() ?? firmwareObstacle(board.firmware);
  if (here !== undefined) return here;
  if (staticBusybox() === undefined) return 'busybox-static is not installed';
  const parts = board.parts();
  return 'missing' in parts ? parts.missing : undefined;
}

/** `reboot` on the console's shell, to its end. */
export async function reboot(machine: Machine): Promise<void> {
  machine.send('/sbin/reboot\n');
  await machine.ended();
}
