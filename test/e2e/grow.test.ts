import { existsSync, truncateSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ensureBundle, newFolder, removeFolder } from '../support/world/index.ts';
import { run } from './support/disk.ts';
import { boardObstacle, boards, Router, reboot } from './support/router.ts';

const bios = boards.find(({ firmware }) => firmware === 'bios');
const tools = ['/usr/sbin/resize2fs', '/usr/sbin/sfdisk'];
const missing = tools.find((path) => !existsSync(path));
const obstacle =
  missing !== undefined
    ? `${missing} is missing`
    : bios === undefined
      ? 'no such board'
      : boardObstacle(bios);

describe.skipIf(obstacle)(`an image on a larger disk${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  let router: Router | undefined;
  let folder: string | undefined;
  afterEach(() => router?.kill());
  afterAll(async () => {
    if (folder !== undefined) await removeFolder(folder);
  });
  const free = 'df -m /var | tail -n 1 | tr -s " " | cut -d" " -f2';

  it('takes all of it at its first starts, where the deployment has the tools', async () => {
    if (bios === undefined) return;
    ensureBundle();
    folder = newFolder('grow');
    router = new Router(folder, bios);
    await router.build({ name: 'one', programs: tools }, '300M');
    truncateSync(router.image, 600 * 2 ** 20);
    const written = await router.started('one');
    expect(written.output).toContain('growing: the partition is larger from the next start on');
    await reboot(written);

    const first = await router.started('one');
    expect(first.output).toMatch(/growing: the sysroot has 53[34] MiB/u);
    expect(Number(await first.run(free))).toBeGreaterThan(480);
    expect(await first.run('touch /x; ls /sysroot/ostree/opkg-ostree/grow')).toMatch(
      /Read-only file system[\s\S]*No such file/u,
    );
    await reboot(first);

    expect(run('sfdisk', ['--verify', router.image])).toContain('No errors detected');
    const second = await router.started('one');
    expect(Number(await second.run(free))).toBeGreaterThan(480);
    expect(second.output).not.toContain('growing');
  });
});
