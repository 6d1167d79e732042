import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import type { FixtureOptions } from './support/fixture-root.ts';
import type { Machine } from './support/machine.ts';
import { boardObstacle, boards, Router, reboot } from './support/router.ts';

const bios = boards.find(({ firmware }) => firmware === 'bios');
const obstacle = bios === undefined ? 'no such board' : boardObstacle(bios);

/** A base with services, those in the list enabled at that place of the start order, and a script for the first boot. */
function base(name: string, start: number, enabled: readonly string[], script: string): FixtureOptions {
  const services = ['lamp', 'fan', 'pump'];
  return {
    name,
    files: {
      ...Object.fromEntries(
        services.map((service) => [
          `usr/etc/init.d/${service}`,
          `#!/bin/sh /etc/rc.common\nSTART=${start}\n`,
        ]),
      ),
      'usr/etc/uci-defaults/50-fixture': script,
      'usr/share/fixture/more': name,
    },
    links: Object.fromEntries(
      enabled.map((service) => [`usr/etc/rc.d/S${start}${service}`, `../init.d/${service}`]),
    ),
  };
}

const started = (machine: Machine) =>
  [...machine.output.matchAll(/FIXTURE SERVICE (\S+)/gu)].map(([, name]) => name);

describe.skipIf(obstacle !== undefined)(`a first boot${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let router: Router;
  let folder: string;
  const once = 'echo once >> /etc/ran\n';
  beforeAll(async () => {
    if (bios === undefined) return;
    ensureBundle();
    folder = newFolder('first-boot');
    router = new Router(folder, bios);
    await router.build(base('one', 50, ['lamp', 'fan'], once));
  });
  afterEach(() => router.kill());
  afterAll(() => removeFolder(folder));

  it('runs uci-defaults once for each content, and keeps services as the admin set them', async () => {
    const first = await router.started('one');
    expect(started(first)).toEqual(['S50fan', 'S50lamp']);
    expect(await first.run('cat /etc/ran; ls /etc/uci-defaults')).toBe('once');
    // What `/etc/init.d/fan disable` and `/etc/init.d/pump enable` do.
    await first.run('rm /etc/rc.d/S50fan; ln -s ../init.d/pump /etc/rc.d/S50pump');
    await reboot(first);

    // The next base starts them elsewhere in the order.
    await router.upgrade(base('two', 60, ['lamp', 'fan'], once));
    const second = await router.started('two');
    expect(started(second)).toEqual(['S60lamp', 'S60pump']);
    expect(await second.run('cat /etc/ran; ls /etc/uci-defaults')).toBe('once');
    await reboot(second);

    await router.upgrade(base('three', 60, ['lamp', 'fan'], 'echo twice >> /etc/ran\n'));
    const third = await router.started('three');
    expect(await third.run('cat /etc/ran; ls /etc/uci-defaults')).toBe('once\ntwice');
    await reboot(third);
    const again = await router.started('three');
    expect(await again.run('cat /etc/ran')).toBe('once\ntwice');
    expect(started(again)).toEqual(['S60lamp', 'S60pump']);
  });
});
