import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cli, ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { mountObstacle, run, withMounted } from './support/disk.ts';
import { findKernel } from './support/kernel.ts';
import { type Firmware, firmwareObstacle, Machine } from './support/machine.ts';
import { makeStockDisk, stockObstacle, writeStockRoot } from './support/stock.ts';
import { efiObstacle, fatModules, makeEfiStockDisk } from './support/stock-efi.ts';

const logs = fileURLToPath(new URL('../../.cache/e2e', import.meta.url));
const kernel = findKernel();
const kernelPath = 'path' in kernel ? kernel.path : '';
const obstacle = 'path' in kernel ? (stockObstacle() ?? mountObstacle()) : kernel.missing;
const efiMissing = obstacle ?? efiObstacle('x86_64-efi') ?? firmwareObstacle('efi');
const convert = 'node /usr/lib/opkg-ostree/opkg-ostree.mjs convert --progress none';
const megabytes = 1024;

/** A stock machine of its own for the tests of one describe. */
class Stock {
  readonly #firmware: Firmware;
  readonly #log: string;
  folder = '';
  disk = '';
  #machine: Machine | undefined;

  constructor(firmware: Firmware, log: string) {
    this.#firmware = firmware;
    this.#log = join(logs, `${log}.log`);
    beforeAll(() => {
      ensureBundle();
      this.folder = newFolder(log);
      const root = join(this.folder, 'root');
      mkdirSync(root);
      writeStockRoot(root, { kernel: kernelPath, ...(firmware === 'efi' ? { modules: fatModules } : {}) });
      this.disk =
        firmware === 'efi'
          ? makeEfiStockDisk('x86_64-efi', { folder: this.folder, root, kernel: kernelPath, megabytes })
          : makeStockDisk(this.folder, root, kernelPath, megabytes);
      rmSync(root, { recursive: true });
    });
    afterEach(({ task }) => {
      if (task.result?.state === 'fail') this.#machine?.kill();
    });
    afterAll(async () => {
      this.#machine?.kill();
      if (this.folder !== '') await removeFolder(this.folder);
    });
  }

  get machine(): Machine {
    this.#machine ??= new Machine({
      firmware: this.#firmware,
      image: this.disk,
      log: this.#log,
      reboots: true,
    });
    return this.#machine;
  }

  async started(what: 'STOCK' | 'DEPLOYMENT'): Promise<void> {
    await this.machine.waitFor(new RegExp(`${what} STARTED`, 'u'), 150_000);
    await this.machine.waitFor(/FIXTURE READY/u, 60_000);
  }

  reboot(): void {
    this.machine.send('/sbin/reboot\n');
  }

  /** Converts on the running machine. */
  async convert(...words: string[]): Promise<string> {
    const said = await this.machine.run(`${convert} --apply ${words.join(' ')}`, 240_000);
    expect(said).toMatch(/starts at the next boot, on trial\.\n/u);
    return said;
  }

  /** Converts the disk while the machine is off. */
  async convertOff(): Promise<void> {
    const cli = new Cli(this.folder, this.folder);
    await this.withBoot((boot) =>
      withMounted(this.disk, (root) => cli.ok('convert', '--root', root, '--boot', boot, '--apply')),
    );
  }

  /** Mounts the boot partition, and no more of the disk, so that the root can be mounted beside it. */
  async withBoot<T>(body: (path: string) => Promise<T>): Promise<T> {
    const path = join(this.folder, 'boot-partition');
    const size = /start= *2048, size= *(\d+)/u.exec(run('sfdisk', ['-d', this.disk]))?.[1];
    mkdirSync(path, { recursive: true });
    run('mount', ['-o', `loop,offset=${2 ** 20},sizelimit=${Number(size) * 512}`, this.disk, path]);
    try {
      return await body(path);
    } finally {
      run('umount', [path]);
    }
  }

  /** Ends the conversion and starts the deployment once more. */
  async finish(): Promise<void> {
    expect(await this.machine.run('opkg-ostree convert --finish --progress none', 180_000)).toMatch(
      /The old system is gone/u,
    );
    expect(await this.machine.run('ls /sysroot')).toBe('bin\nboot\ndev\nostree\nproc\nsys\ntmp');
    this.reboot();
    await this.started('DEPLOYMENT');
    expect(await this.machine.run('hello; cat /root/notes')).toBe('hello from an added package\nmine');
    expect(await this.machine.run('opkg-ostree status')).toContain('booted');
  }
}

const skipped = obstacle === undefined ? '' : ` (skipped: ${obstacle})`;
const skippedEfi = efiMissing === undefined ? '' : ` (skipped: ${efiMissing})`;

describe.skipIf(obstacle)(`convert, where the checks fail${skipped}`, () => {
  const stock = new Stock('bios', 'convert-bad');
  it('goes back to the stock system', async () => {
    await stock.started('STOCK');
    const { machine } = stock;
    expect(await machine.run(`${convert} --plan`, 90_000)).toMatch(
      /Target: x86-64, root PARTUUID=a1b2c3d4-02 \(ext4\)[\s\S]*become requests: hello\n/u,
    );
    expect(await machine.run('ls -d /ostree || echo nothing written')).toMatch(/nothing written/u);
    await machine.run('touch /etc/broken');
    await stock.convert();
    stock.reboot();
    await machine.waitFor(/DEPLOYMENT STARTED/u, 150_000);
    await machine.waitFor(/checks failed: whole: going back to the system before the conversion/u, 60_000);
    await stock.started('STOCK');
    expect(await machine.run('cat /root/notes; cat /proc/mounts | grep -c " /boot "')).toBe('mine\n2');
    expect(await machine.run('grep -c bad /ostree/opkg-ostree/verdicts')).toBe('1');
  });
});

describe.skipIf(obstacle)(`convert --reboot${skipped}`, () => {
  const stock = new Stock('bios', 'convert-reboot');
  it('runs as a deployment of itself, with configuration and packages', async () => {
    await stock.started('STOCK');
    const { machine } = stock;
    await machine.run('echo later > /root/later');
    expect(await stock.convert('--reboot')).toContain('Restarting.');
    await stock.started('DEPLOYMENT');
    expect(await machine.run('cat /etc/config/network')).toContain('192.168.7.1');
    expect(await machine.run('grep secret /etc/shadow; grep -c secret /usr/etc/shadow')).toMatch(
      /secret[\s\S]*\n0$/u,
    );
    expect(await machine.run('hello; cat /root/notes /root/later')).toBe(
      'hello from an added package\nmine\nlater',
    );
    expect(await machine.run('touch /usr/x /etc/x && echo written')).toContain('Read-only file system');
    const status = await machine.run('opkg-ostree status --json > /tmp/status; cat /tmp/status', 90_000);
    const { deployments } = JSON.parse(status.replaceAll('\n', '')) as {
      deployments: Record<string, unknown>[];
    };
    expect(deployments).toMatchObject([
      {
        booted: true,
        health: { state: 'good' },
        'requested-packages': ['hello'],
        'inactive-packages': ['hello'],
      },
    ]);
  });

  it('lets the old system start again, by --undo in the deployment', async () => {
    const { machine } = stock;
    expect(await machine.run('opkg-ostree convert --undo --progress none', 90_000)).toContain(
      'The old system starts at the next boot.',
    );
    stock.reboot();
    await stock.started('STOCK');
    expect(await machine.run('cat /root/later; ls -d /ostree/deploy')).toBe('later\n/ostree/deploy');
  });
});

describe.skipIf(obstacle)(`convert --finish${skipped}`, () => {
  const stock = new Stock('bios', 'convert-finish');
  it('starts without the old system once that is deleted, its menu and kernel too', async () => {
    await stock.convertOff();
    await stock.started('DEPLOYMENT');
    await stock.finish();
    stock.machine.kill();
    await stock.withBoot(async (boot) => {
      expect(run('ls', [join(boot, 'boot'), join(boot, 'boot/grub')])).not.toMatch(/vmlinuz|stock\.cfg/u);
      expect(run('cat', [join(boot, 'boot/grub/grub.cfg')])).not.toContain('menuentry');
    });
  });
});

describe.skipIf(efiMissing)(`convert with an EFI GRUB that reads FAT only${skippedEfi}`, () => {
  const stock = new Stock('efi', 'convert-efi');
  it('starts the deployment from the FAT partition, and goes back where the checks fail', async () => {
    await stock.started('STOCK');
    const { machine } = stock;
    expect(await machine.run(`${convert} --plan`, 90_000)).toContain('Target: generic-grub-esp');
    await machine.run('touch /etc/broken');
    await stock.convert();
    expect(await machine.run('cat /proc/mounts | grep -c opkg-ostree-convert')).toBe('0');
    stock.reboot();
    await machine.waitFor(/DEPLOYMENT STARTED/u, 150_000);
    await machine.waitFor(/checks failed: whole: going back to the system before the conversion/u, 60_000);
    await stock.started('STOCK');
    expect(await machine.run('cat /root/notes; ls /boot/../ostree/deploy')).toBe('mine\nopenwrt');
  });
});

describe.skipIf(efiMissing)(`convert --finish with an EFI GRUB that reads FAT only${skippedEfi}`, () => {
  const stock = new Stock('efi', 'convert-efi-finish');
  it('starts without the old system once that is deleted, its menu and kernel too', async () => {
    await stock.started('STOCK');
    await stock.convert('--reboot');
    await stock.started('DEPLOYMENT');
    await stock.finish();
    stock.machine.kill();
    const fat = `${stock.disk}@@1M`;
    expect(run('mdir', ['-b', '-i', fat, '::boot', '::boot/grub'])).not.toMatch(/vmlinuz\n|stock\.cfg/u);
    expect(run('mtype', ['-i', fat, '::boot/grub/grub.cfg'])).not.toContain('menuentry');
  });
});

describe.skipIf(efiMissing)(`a conversion that cannot tell its boot loader${skippedEfi}`, () => {
  const stock = new Stock('efi', 'convert-last-resort');
  it('starts the old system from early boot, where the deployment cannot be started', async () => {
    await stock.started('STOCK');
    const { machine } = stock;
    await stock.convert();
    await machine.run('rm /ostree/deploy/openwrt/deploy/*/usr/sbin/init; sync');
    stock.reboot();
    // Early boot cannot mount the FAT partition: this kernel has its driver as modules, and there is no initramfs.
    await machine.waitFor(/starting the system before the conversion, this once/u, 150_000);
    await stock.started('STOCK');
    expect(await machine.run('cat /root/notes')).toBe('mine');
  });
});
