import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildIpk,
  FeedServer,
  FIXTURE_ARCH,
  file,
  fixtureKey,
  type Scene,
  startScene,
  writeFeed,
} from '../support/world/index.ts';

interface Plan {
  readonly renames: readonly { readonly from: string; readonly to: string | null; readonly since: string }[];
}

describe.skipIf(process.getuid?.() !== 0)('packages that a release renamed', () => {
  let scene: Scene;
  let server: FeedServer;
  let feed: string;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    feed = join(scene.folder, 'own');
    mkdirSync(feed);
    server = await FeedServer.start(feed);
    const root = (await scene.deployments())[0]?.path ?? '';
    writeFileSync(join(root, 'etc/opkg/customfeeds.conf'), `src/gz own ${server.url}\n`);
    offer('luci-app-opkg', 'luci-i18n-opkg-de', 'luci-app-diag-core', 'auc', 'owut');
    await scene.cli.ok('update');
    await scene.cli.ok(
      'install',
      'luci-app-opkg=1-r1',
      'luci-i18n-opkg-de',
      'luci-app-diag-core',
      'auc',
      'jq',
    );
  });
  afterAll(async () => {
    await server?.close();
    await scene?.end();
  });

  const offer = (...names: string[]) => {
    const packages = names.map((name) =>
      buildIpk({
        name,
        version: '1-r1',
        arch: FIXTURE_ARCH,
        fields: {},
        description: name,
        data: [file(`usr/share/${name}`, name)],
        conffiles: [],
        scripts: {},
        mtime: 1_700_000_000,
      }),
    );
    writeFeed(feed, packages, fixtureKey('world'));
  };
  const requested = async () => (await scene.deployments())[0]?.['requested-packages'];

  it('leaves names alone while the base stays, and where they still exist', async () => {
    offer('luci-app-package-manager', 'luci-i18n-package-manager-de', 'auc', 'owut');
    await scene.compose(1);
    const kept = await scene.cli.run('upgrade', '--packages-only', '--json');
    expect(kept.status).toBe(3);
    expect(kept.stdout).toContain('luci-app-opkg');
  });

  it('says what it puts right, and does it with an upgrade of the base', async () => {
    const plan = await scene.cli.json<Plan>('upgrade', '--dry-run');
    expect(plan.renames).toEqual([
      expect.objectContaining({ from: 'luci-app-diag-core', to: null, since: '24.10' }),
      expect.objectContaining({ from: 'luci-app-opkg', to: 'luci-app-package-manager' }),
      expect.objectContaining({ from: 'luci-i18n-opkg-de', to: 'luci-i18n-package-manager-de' }),
    ]);
    expect(await scene.cli.ok('upgrade', '--dry-run')).toContain(
      'luci-app-opkg -> luci-app-package-manager (since 24.10)',
    );
    const refused = await scene.cli.run('upgrade', '--no-renames', '--json');
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'PACKAGE_UNKNOWN' } });
    await scene.cli.ok('upgrade');
    expect(await requested()).toEqual([
      'auc',
      'jq',
      'luci-app-package-manager',
      'luci-i18n-package-manager-de',
    ]);
  });
});
