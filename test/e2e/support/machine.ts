/**
 * A machine under QEMU without KVM: no sleeping, each wait is for a line of its serial console and has a limit. The console is
 * kept as a log, also when a test passes.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';

/** What starts the machine: QEMU itself with a kernel, or firmware that finds a loader on the disk. */
type Start =
  | { readonly kernel: string; readonly initrd?: string; readonly append: string }
  | { readonly firmware: Firmware };

export type Firmware = 'bios' | 'efi' | 'u-boot' | 'efi-arm';

export type MachineOptions = Start & {
  /** A disk image; the machine sees it as /dev/nvme0n1, which Debian's cloud kernel needs no module for. */
  readonly image: string;
  /** Where the console is kept; appended to. */
  readonly log: string;
  /** Restart by itself at a reset, as a router does; else that ends the machine. */
  readonly reboots?: boolean;
  /** Where each write of the machine is recorded; an empty file. */
  readonly writeLog?: string;
};

/** How long a line of the console may take: a boot takes ten seconds, three times as long on a busy machine. A hang ends all the same. */
const patience = 120_000;

/**
 * For kernels of x86: the emulated TSC follows that of whichever host CPU runs, and a guest that trusts it was seen to sleep for ever;
 * on a busy host the check of the timer fails, and the kernel panics.
 */
export const emulated = 'tsc=unstable no_timer_check';

const ovmf = '/usr/share/OVMF/OVMF_CODE.fd';
const uboot = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
const aavmf = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd';

const isArm = (firmware: Firmware) => firmware === 'u-boot' || firmware === 'efi-arm';

/** Why a machine with that firmware cannot be started here; undefined where it can. */
export function firmwareObstacle(firmware: Firmware): string | undefined {
  const program = isArm(firmware) ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
  if (spawnSync(program, ['--version']).status !== 0) return `${program} is not installed`;
  if (firmware === 'efi' && !existsSync(ovmf)) return 'ovmf is not installed';
  if (firmware === 'u-boot' && !existsSync(uboot)) return 'u-boot-qemu is not installed';
  if (firmware === 'efi-arm' && !existsSync(aavmf)) return 'qemu-efi-aarch64 is not installed';
  return undefined;
}

function startArguments(options: MachineOptions): string[] {
  if ('kernel' in options) {
    const initrd = options.initrd === undefined ? [] : ['-initrd', options.initrd];
    return ['-kernel', options.kernel, ...initrd, '-append', `${options.append} ${emulated}`];
  }
  switch (options.firmware) {
    case 'bios':
      return [];
    case 'efi':
      return ['-M', 'q35', '-drive', `if=pflash,format=raw,readonly=on,file=${ovmf}`];
    case 'u-boot':
      return ['-M', 'virt', '-cpu', 'cortex-a57', '-bios', uboot];
    case 'efi-arm':
      return ['-M', 'virt', '-cpu', 'cortex-a57', '-bios', aavmf];
  }
}

function diskArguments({ image, writeLog }: MachineOptions): string[] {
  if (writeLog === undefined) return ['-drive', `file=${image},format=raw,if=none,id=disk`];
  const nodes = [
    `driver=file,node-name=image,filename=${image}`,
    `driver=file,node-name=log,filename=${writeLog}`,
    'driver=blklogwrites,node-name=disk,file=image,log=log',
  ];
  return nodes.flatMap((node) => ['-blockdev', node]);
}

export class Machine {
  /** Everything that the console printed. */
  output = '';
  /** Where the next wait begins. */
  #cursor = 0;
  #commands = 0;
  #exited = false;
  #wake: (() => void)[] = [];
  readonly #child: ChildProcess;
  readonly #log: WriteStream;

  constructor(options: MachineOptions) {
    mkdirSync(dirname(options.log), { recursive: true });
    this.#log = createWriteStream(options.log, { flags: 'a' });
    const start = startArguments(options);
    this.#log.write(`\n== ${start.join(' ')}\n`);
    const args = ['-m', '512', '-nographic', '-nic', 'none', ...start];
    if (options.reboots !== true) args.push('-no-reboot');
    args.push(...diskArguments(options));
    args.push('-device', 'nvme,drive=disk,serial=1');
    const arm = 'firmware' in options && isArm(options.firmware);
    this.#child = spawn(arm ? 'qemu-system-aarch64' : 'qemu-system-x86_64', args, {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer) => {
      this.output += chunk.toString('latin1').replaceAll('\r', '');
      this.#log.write(chunk);
      this.#notify();
    };
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
    this.#child.on('close', () => {
      this.#exited = true;
      this.#log.end();
      this.#notify();
    });
  }

  /** The match of what the console prints from here on; fails at the limit, or when the machine ends before. */
  async waitFor(pattern: RegExp, milliseconds = patience): Promise<RegExpExecArray> {
    const until = Date.now() + milliseconds;
    for (;;) {
      const match = pattern.exec(this.output.slice(this.#cursor));
      if (match !== null) {
        this.#cursor += match.index + match[0].length;
        return match;
      }
      if (this.#exited) throw new Error(`the machine ended before ${pattern}\n${this.#tail()}`);
      if (!(await this.#change(until))) {
        throw new Error(`no ${pattern} within ${milliseconds} ms\n${this.#tail()}`);
      }
    }
  }

  send(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** The output of a command on the console's shell, without its last newline. */
  async run(command: string, milliseconds = patience): Promise<string> {
    const mark = `done-${++this.#commands}`;
    // The terminal echoes what is typed: the mark is written so that its echo does not look like it.
    this.send(`echo 'begin'-${mark}; ${command}; echo 'end'-${mark}\n`);
    await this.waitFor(new RegExp(`begin-${mark}\n`, 'u'), milliseconds);
    const match = await this.waitFor(new RegExp(`([\\s\\S]*?)\n?end-${mark}\n`, 'u'), milliseconds);
    return match[1] ?? '';
  }

  /** Waits until the machine has turned itself off; `reboot` counts. */
  async ended(milliseconds = patience): Promise<void> {
    const until = Date.now() + milliseconds;
    while (!this.#exited) {
      if (!(await this.#change(until)))
        throw new Error(`still running after ${milliseconds} ms\n${this.#tail()}`);
    }
  }

  /** A power cut, as far as the guest's memory goes. */
  kill(): void {
    if (!this.#exited) this.#child.kill('SIGKILL');
  }

  #tail(): string {
    return this.output.split('\n').slice(-30).join('\n');
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** False when nothing happened until then. */
  #change(until: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), Math.max(0, until - Date.now()));
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
