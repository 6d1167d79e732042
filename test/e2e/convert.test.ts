import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { mountObstacle } from './support/disk.ts';
import { findKernel } from './support/kernel.ts';
import { Machine } from './support/machine.ts';
import { makeStockDisk, stockObstacle, writeStockRoot } from './support/stock.ts';

const log = fileURLToPath(new URL('../../.cache/e2e/convert.log', import.meta.url));
const kernel = findKernel();
const obstacle = 'path' in kernel ? (stockObstacle() ?? mountObstacle()) : kernel.missing;
const convert = 'node /usr/lib/opkg-ostree/opkg-ostree.mjs convert --progress none';

describe.skipIf(obstacle)(`convert on a running machine${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let folder: string;
  let disk: string;
  let machine: Machine;
  beforeAll(() => {
    ensureBundle();
    folder = newFolder('convert-machine');
    const root = join(folder, 'root');
    mkdirSync(root);
    writeStockRoot(root);
    disk = makeStockDisk(folder, root, 'path' in kernel ? kernel.path : '', 1024);
    rmSync(root, { recursive: true });
    machine = new Machine({ firmware: 'bios', image: disk, log, reboots: true });
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') machine?.kill();
  });
  afterAll(async () => {
    machine?.kill();
    if (folder !== undefined) await removeFolder(folder);
  });
  const started = async (what: 'STOCK' | 'DEPLOYMENT') => {
    await machine.waitFor(new RegExp(`${what} STARTED`, 'u'), 120_000);
    await machine.waitFor(/FIXTURE READY/u);
  };

  const converted = async () => {
    expect(await machine.run(`${convert} --apply`, 180_000)).toMatch(
      /starts at the next boot, on trial\.\n/u,
    );
    machine.send('/sbin/reboot\n');
  };

  it('goes back to the stock system where the checks fail', async () => {
    await started('STOCK');
    expect(await machine.run(`${convert} --plan`, 60_000)).toMatch(
      /Target: x86-64, root PARTUUID=a1b2c3d4-02 \(ext4\)[\s\S]*become requests: hello\n/u,
    );
    expect(await machine.run('ls -d /ostree || echo nothing written')).toMatch(/nothing written/u);
    await machine.run('touch /etc/broken');
    await converted();
    await machine.waitFor(/DEPLOYMENT STARTED/u, 120_000);
    await machine.waitFor(/checks failed: whole: going back to the system before the conversion/u, 60_000);
    await started('STOCK');
    expect(await machine.run('cat /root/notes; cat /proc/mounts | grep -c " /boot "')).toBe('mine\n2');
    expect(await machine.run('grep -c bad /ostree/opkg-ostree/verdicts')).toBe('1');
  });

  it('runs as a deployment of itself, with configuration and packages', async () => {
    await machine.run('rm /etc/broken; echo later > /root/later');
    await converted();
    await started('DEPLOYMENT');
    expect(await machine.run('cat /etc/config/network')).toContain('192.168.7.1');
    expect(await machine.run('grep secret /etc/shadow; grep -c secret /usr/etc/shadow')).toMatch(
      /secret[\s\S]*\n0$/u,
    );
    expect(await machine.run('hello; cat /root/notes /root/later; ls /etc/broken')).toMatch(
      /^hello from an added package\nmine\nlater\nls: /u,
    );
    expect(await machine.run('touch /usr/x /etc/x && echo written')).toContain('Read-only file system');
    const status = await machine.run('opkg-ostree status --json > /tmp/status; cat /tmp/status', 60_000);
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

  it('starts without the old system once that is deleted', async () => {
    expect(await machine.run('opkg-ostree convert --finish --progress none', 120_000)).toMatch(
      /The old system is gone/u,
    );
    expect(await machine.run('ls /sysroot')).toBe('bin\nboot\ndev\nostree\nproc\nsys\ntmp');
    machine.send('/sbin/reboot\n');
    await started('DEPLOYMENT');
    expect(await machine.run('hello; cat /root/later')).toBe('hello from an added package\nlater');
    expect(await machine.run('opkg-ostree status')).toContain('booted');
  });
});
