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

interface Offer {
  readonly name: string;
  readonly version: string;
  readonly depends?: string;
}

describe.skipIf(process.getuid?.() !== 0)('opkg moves only what it was asked to move (needs root)', () => {
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
    offer(
      { name: 'tool', version: '1-r1', depends: 'libtool' },
      { name: 'libtool', version: '1-r1' },
      { name: 'other', version: '1-r1' },
    );
    await opkg('update');
    await opkg('install tool other');
  });
  afterAll(async () => {
    await server?.close();
    await scene?.end();
  });

  const offer = (...offers: Offer[]) => {
    const packages = offers.map(({ name, version, depends }) =>
      buildIpk({
        name,
        version,
        arch: FIXTURE_ARCH,
        fields: depends === undefined ? {} : { Depends: depends },
        description: name,
        data: [file(`usr/share/${name}`, version)],
        conffiles: [],
        scripts: {},
        mtime: 1_700_000_000,
      }),
    );
    writeFeed(feed, packages, fixtureKey('world'));
  };
  const opkg = async (line: string) => {
    const ended = await scene.cli.run('opkg', ...line.split(' '));
    expect(ended, `opkg ${line}`).toMatchObject({ status: 0 });
    return ended;
  };
  const versions = async () => {
    const { stdout } = await opkg('list-installed');
    const lines = stdout.split('\n').filter((line) => /^(?:tool|libtool|other|third) - /u.test(line));
    return Object.fromEntries(lines.map((line) => line.split(' - ')));
  };

  it('installing leaves what is layered at its version', async () => {
    offer(
      { name: 'tool', version: '2-r1', depends: 'libtool (>= 2)' },
      { name: 'libtool', version: '2-r1' },
      { name: 'other', version: '2-r1' },
      { name: 'third', version: '2-r1' },
    );
    await opkg('update');
    await opkg('install third');
    expect(await versions()).toEqual({ tool: '1-r1', libtool: '1-r1', other: '1-r1', third: '2-r1' });
  });

  it('upgrading a package takes along what it needs, and nothing else', async () => {
    const { stdout } = await opkg('upgrade tool');
    expect(stdout).toMatch(/^Upgrading tool on root from 1-r1 to 2-r1\.\.\.$/mu);
    expect(stdout).not.toContain('other');
    expect(await versions()).toEqual({ tool: '2-r1', libtool: '2-r1', other: '1-r1', third: '2-r1' });
  });

  it('the deployment’s own upgrade moves all', async () => {
    await scene.cli.ok('upgrade');
    expect((await versions())['other']).toBe('2-r1');
  });

  it('says what has no effect here', async () => {
    const ended = await opkg('--force-overwrite --force-reinstall --noaction remove other');
    expect(ended.stderr).toMatch(/^opkg: --force-overwrite has no effect on a deployment: .+$/mu);
    expect(ended.stderr).toMatch(/^opkg: --force-reinstall has no effect on a deployment: .+$/mu);
    expect((await opkg('--noaction remove other')).stderr).toBe('');
  });
});
