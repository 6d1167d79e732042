import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendLine,
  newFolder,
  openWorld,
  removeFolder,
  type Scene,
  startScene,
} from '../support/world/index.ts';

const isRoot = process.getuid?.() === 0;
/** Wanted by the admin, and what came with it. */
const added = ['jq', 'libjq1', 'libonig5'];

/** Installs a package of a feed as opkg does, a year after the image was built. */
function install(root: string, ipk: string, flags: string): void {
  const sh = (script: string) => execFileSync('sh', ['-ec', script, 'sh', ipk, root], { encoding: 'utf8' });
  sh('tar -xzOf "$1" ./data.tar.gz | tar -xpz --numeric-owner -C "$2"');
  const listed = sh('tar -xzOf "$1" ./data.tar.gz | tar -tz | grep -v "/$" | sed "s,^\\.,,"');
  const control = sh('tar -xzOf "$1" ./control.tar.gz | tar -xzO ./control').trimEnd();
  const name = /^Package: (\S+)$/mu.exec(control)?.[1] ?? '';
  writeFileSync(join(root, `usr/lib/opkg/info/${name}.list`), listed);
  appendFileSync(
    join(root, 'usr/lib/opkg/status'),
    `\n${control}\nStatus: install ${flags} installed\nInstalled-Time: 1900000000\n`,
  );
}

describe.skipIf(!isRoot)('a converted system is upgraded (skipped without root)', () => {
  let folder: string;
  let scene: Scene;
  beforeAll(async () => {
    folder = newFolder('convert-upgrade');
    scene = await startScene();
    const world = await openWorld();
    const [release] = world.releases;
    const root = scene.sysroot;
    mkdirSync(root, { recursive: true });
    execFileSync('tar', ['-xpf', scene.releases[0].rootfs, '--numeric-owner', '-C', root]);
    const feeds = readdirSync(world.feeds, { recursive: true, encoding: 'utf8' });
    for (const name of added) {
      const file = release.feed.find((entry) => entry.name === name)?.fileName ?? name;
      const path =
        feeds.find(
          (at) => at.includes(`releases/24.10.${release.release.number}/`) && at.endsWith(`/${file}`),
        ) ?? file;
      install(root, join(world.feeds, path), name === 'jq' ? 'user' : 'ok');
    }
    writeFileSync(join(root, 'etc/config/mine'), "config mine\n\toption kept '1'\n");
    appendLine(join(root, 'etc/config/system'), '# mine');
    const boot = join(folder, 'boot');
    mkdirSync(join(boot, 'boot/grub'), { recursive: true });
    cpSync(release.kernel, join(boot, 'boot/vmlinuz'));
    writeFileSync(
      join(boot, 'boot/grub/grub.cfg'),
      `set root='(hd0,msdos1)'\nmenuentry "OpenWrt" {\n\tlinux /boot/vmlinuz root=PARTUUID=a1b2c3d4-02\n}\n`,
    );
    await scene.cli.ok('convert', '--root', root, '--boot', boot, '--branch', scene.branch, '--apply');
  });
  afterAll(async () => {
    await scene?.end();
    if (folder !== undefined) await removeFolder(folder);
  });

  it('to a base without the added packages: they come from the feed, the configuration stays', async () => {
    const [before] = await scene.deployments();
    // No list of a feed was there: what the admin added is a request all the same.
    expect(before).toMatchObject({ 'requested-packages': ['jq'], 'inactive-packages': ['jq'] });
    expect((await scene.inside('jq', '-n', '1')).stdout).toBe('1\n');
    await scene.compose(1);
    await scene.cli.ok('upgrade');
    const [after] = await scene.deployments();
    expect(after?.version).toMatch(/24\.10\.2/u);
    expect(after).toMatchObject({ 'requested-packages': ['jq'], 'inactive-packages': [] });
    expect(after?.packages).toEqual(expect.arrayContaining(['jq']));
    expect((await scene.inside('jq', '-n', '2')).stdout).toBe('2\n');
    const read = (path: string) => readFileSync(join(after?.path ?? '', path), 'utf8');
    expect(read('etc/config/mine')).toContain("option kept '1'");
    expect(read('etc/config/system')).toContain('# mine');
  });
});
