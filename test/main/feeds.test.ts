import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type Scene, startScene } from '../support/world/index.ts';

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('feeds over the life of a router', () => {
  let scene: Scene;
  let configuration: string;
  const conf = async () => join((await scene.deployments())[0]?.path ?? '', 'etc/opkg/distfeeds.conf');
  const tables = () => join(scene.sysroot, 'ostree/repo/extensions/opkg-ostree/index');
  const update = () =>
    scene.cli.json<{ snapshot: string; changed: boolean; feeds: { packages: number }[] }>('update');
  let first: string;

  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.useFeedsOfRelease(1);
  });
  afterAll(async () => {
    await scene?.end();
  });

  it('update fetches every index with its signature and makes a table of each', async () => {
    const done = await update();
    first = done.snapshot;
    expect(done.changed).toBe(true);
    expect(scene.server.count('Packages.gz')).toBe(done.feeds.length);
    expect(scene.server.count('Packages.sig')).toBe(done.feeds.length);
    expect(readdirSync(tables()).length).toBeGreaterThan(0);
  });

  it('a second update is told that nothing changed, and asks for no signature', async () => {
    const before = scene.server.requests.length;
    expect(await update()).toMatchObject({ snapshot: first, changed: false });
    const asked = scene.server.requests.slice(before);
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([304]));
    expect(asked.every(({ path }) => path.endsWith('Packages.gz'))).toBe(true);
  });

  it('search, list and info tell the same with tables, without, and with damaged ones', async () => {
    const look = async () => [
      await scene.cli.ok('search', 'json'),
      await scene.cli.ok('list', 'lib*'),
      await scene.cli.ok('info', 'jq'),
    ];
    const expected = await look();
    expect(expected[0]).toContain('jq');
    for (const name of readdirSync(tables())) {
      const path = join(tables(), name);
      const good = readFileSync(path);
      for (const damage of [Buffer.alloc(0), good.subarray(0, 200), Buffer.from(good).fill(0x41, 96)]) {
        writeFileSync(path, damage);
        expect(await look()).toEqual(expected);
        expect(readFileSync(path)).toEqual(good);
      }
    }
  });

  it('removing a package and layering it again needs no network', async () => {
    await scene.cli.ok('install', 'jq', 'bash');
    configuration = readFileSync(await conf(), 'utf8');
    const before = scene.server.requests.length;
    await scene.cli.ok('remove', 'jq');
    await scene.cli.ok('install', 'jq');
    expect(scene.server.requests.slice(before)).toEqual([]);
    expect((await scene.deployments())[0]).toMatchObject({ 'requested-packages': ['bash', 'jq'] });
  });

  it('a folder is a feed too; the newer snapshot does not move what was solved against the old one', async () => {
    const snapshot = async () => {
      const { path } = (await scene.deployments())[0] ?? {};
      return /^snapshot ?= ?(\S+)$/mu.exec(readFileSync(`${path}.origin`, 'utf8'))?.[1];
    };
    expect(await snapshot()).toBe(first);
    const folder = (await openWorld()).feeds;
    writeFileSync(await conf(), configuration.replaceAll(scene.server.url, `file://${folder}`));
    const requests = scene.server.requests.length;
    const done = await update();
    expect(done.snapshot).not.toBe(first);
    expect(done.feeds.every(({ packages }) => packages > 0)).toBe(true);
    await scene.cli.ok('remove', 'bash');
    expect(await snapshot()).toBe(first);
    // What grows the wish looks into the newest.
    await scene.cli.ok('install', 'tinyproxy');
    expect(await snapshot()).toBe(done.snapshot);
    expect(scene.server.requests.length).toBe(requests);
  });
});
