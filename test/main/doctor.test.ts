import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, startScene } from '../support/world/index.ts';

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly text: string;
  readonly remedy: string | null;
}

describe.skipIf(process.getuid?.() !== 0)('doctor', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
  });
  afterAll(async () => {
    await scene?.end();
  });
  const examine = async () => {
    const { stdout } = await scene.cli.run('doctor', '--json');
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    return new Map(findings.map((finding) => [finding.check, finding]));
  };
  const root = async () => (await scene.deployments())[0]?.path ?? '';

  it('a fresh router lacks its feeds and a way back, and is told how to get them', async () => {
    const found = await examine();
    expect(found.get('feeds')).toMatchObject({ state: 'warning', remedy: "'opkg-ostree update'" });
    expect(found.get('way-back')).toMatchObject({ state: 'warning' });
    for (const check of ['loader', 'deployments', 'health', 'lock', 'etc', 'clock']) {
      expect(found.get(check)).toMatchObject({ check, state: 'ok', remedy: null });
    }
  });

  it('after an update and a change all is well', async () => {
    await scene.cli.ok('update');
    await scene.cli.ok('install', 'jq');
    const found = await examine();
    expect([...found.values()].filter(({ state }) => state === 'problem')).toEqual([]);
    expect(found.get('feeds')).toMatchObject({ state: 'ok' });
    expect(found.get('way-back')).toMatchObject({ state: 'ok' });
    expect((await scene.cli.run('doctor')).status).toBe(0);
  });

  it('a disabled health check is a problem: the deployment would be given up', async () => {
    const links = join(await root(), 'etc/rc.d');
    for (const name of readdirSync(links).filter((link) => /^S\d+opkg-ostree$/u.test(link)))
      rmSync(join(links, name));
    expect((await examine()).get('health')).toMatchObject({ state: 'problem' });
    expect(await scene.cli.run('doctor')).toMatchObject({ status: 1 });
    symlinkSync('../init.d/opkg-ostree', join(links, 'S96opkg-ostree'));
    expect((await examine()).get('health')).toMatchObject({ state: 'ok' });
  });

  it('feeds without addresses, and settings that clash, are warnings', async () => {
    const conf = join(await root(), 'etc/opkg/customfeeds.conf');
    writeFileSync(conf, 'src/gz broken\n');
    expect((await examine()).get('feed-config')).toMatchObject({ state: 'warning' });
    writeFileSync(conf, '');
  });

  it('boot entries that lead nowhere are a problem', async () => {
    rmSync(join(scene.sysroot, 'boot/loader'));
    expect((await examine()).get('loader')).toMatchObject({ state: 'problem' });
  });
});
