import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildIpk,
  FeedServer,
  FIXTURE_ARCH,
  file,
  fixtureKey,
  type IpkSpec,
  type Scene,
  startScene,
  writeIndex,
} from '../support/world/index.ts';

describe.skipIf(process.getuid?.() !== 0)('what would not work after the reboot is refused before it', () => {
  let scene: Scene;
  let server: FeedServer | undefined;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
  });
  afterAll(async () => {
    await server?.close();
    await scene?.end();
  });

  const refusal = async (...words: string[]) => {
    const ended = await scene.cli.run(...words, '--json');
    const { error } = JSON.parse(ended.stdout) as {
      error: { code: string; message: string; hint: string; details: Record<string, unknown> };
    };
    return { status: ended.status, ...error };
  };

  const spec = (name: string, data: IpkSpec['data']): IpkSpec => ({
    name,
    version: '1-r1',
    arch: 'all',
    fields: {},
    description: name,
    data,
    conffiles: [],
    scripts: {},
    mtime: 1_700_000_000,
  });
  const given = (name: string, data: IpkSpec['data']) => {
    const path = join(scene.folder, `${name}.ipk`);
    writeFileSync(path, buildIpk(spec(name, data)).bytes);
    return path;
  };
  const module = (info: string) =>
    Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(8), Buffer.from(info)]);
  const folder = 'lib/modules/6.6.86';

  it('a module for another kernel, though its package does not say so', async () => {
    const built = module('license=GPL\0depends=\0vermagic=5.15.1 SMP mod_unload \0');
    const path = given('kmod-foreign', [file(`${folder}/foreign.ko`, built)]);
    const before = (await scene.deployments()).length;
    const error = await refusal('install', path);
    expect(error).toMatchObject({
      status: 3,
      code: 'KERNEL_MODULE_MISMATCH',
      details: {
        'kernel-release': '6.6.86',
        modules: [{ path: `/usr/${folder}/foreign.ko`, package: 'kmod-foreign', problem: 'vermagic' }],
      },
    });
    expect(error.message).toContain('5.15.1');
    expect(await scene.deployments()).toHaveLength(before);
  });

  it('a module in another folder, one whose dependency is missing, and a name that is no module', async () => {
    const here = 'vermagic=6.6.86 SMP mod_unload \0';
    const path = given('kmod-mixed', [
      file('lib/modules/5.15.1/lost.ko', module(`license=GPL\0depends=\0${here}`)),
      file(`${folder}/alone.ko`, module(`license=GPL\0depends=nf-conntrack,not-there\0${here}`)),
      file('etc/modules.d/60-mixed', 'alone mode=1\nnothing\n# a comment\n'),
    ]);
    const error = await refusal('install', path);
    const modules = error.details['modules'] as { problem: string; text: string }[];
    expect(modules.map(({ problem }) => problem).sort()).toEqual(['autoload', 'depends', 'folder']);
    expect(modules.find(({ problem }) => problem === 'depends')?.text).toContain('not_there');
    expect(modules.find(({ problem }) => problem === 'autoload')?.text).toMatch(/loads nothing,/);
  });

  it('lets modules pass that fit, and a layer that has none', async () => {
    await scene.cli.ok('install', 'kmod-tun', 'kmod-wireguard', 'bc');
    expect((await scene.deployments())[0]?.packages).toEqual(expect.arrayContaining(['kmod-wireguard']));
  });

  it('an override that takes a module away which is loaded at boot', async () => {
    const keeper = given('loads-conntrack', [file('etc/modules.d/61-keep', 'nf_conntrack\n')]);
    await scene.cli.ok('install', keeper);
    const error = await refusal('override', 'remove', 'kmod-nf-conntrack');
    expect(error).toMatchObject({ status: 3, code: 'KERNEL_MODULE_MISMATCH' });
    await scene.cli.ok('remove', 'loads-conntrack');
  });

  it('a feed that goes back to what it offered two snapshots ago', async () => {
    const [first] = await scene.deployments();
    const own = join(scene.folder, 'own');
    mkdirSync(own);
    server = await FeedServer.start(own);
    writeFileSync(join(first?.path ?? '', 'etc/opkg/customfeeds.conf'), `src/gz own ${server.url}\n`);
    const offer = (...versions: [string, string][]) => {
      const packages = versions.map(([name, version]) =>
        buildIpk({ ...spec(name, []), version, arch: FIXTURE_ARCH }),
      );
      writeIndex(own, packages, fixtureKey('world'));
    };
    offer(['other', '1-r1'], ['safe', '2-r1']);
    await scene.cli.ok('update');
    offer(['other', '1-r1']);
    await scene.cli.ok('update');
    offer(['other', '2-r1'], ['safe', '1-r1']);
    expect(await refusal('update')).toMatchObject({ status: 3, code: 'FEED_DOWNGRADE' });
    offer(['other', '1-r1'], ['safe', '2-r1']);
    expect((await refusal('update')).message).toContain('replaced by a newer one before');
    await scene.cli.ok('update', '--allow-older');
    await scene.cli.ok('update');
    offer(['other', '2-r1'], ['safe', '3-r1']);
    await scene.cli.ok('update');
  });

  it('a rebase to an older base', async () => {
    const { rootfs, kernel } = scene.releases[1];
    const repo = join(scene.sysroot, 'ostree/repo');
    const compose = ['--repo', repo, '--kernel', kernel, '--target', 'x86-64'];
    await scene.cli.ok('compose', rootfs, ...compose, '--branch', 'openwrt/newer');
    await scene.cli.ok('remove', 'kmod-tun', 'kmod-wireguard');
    await scene.cli.ok('rebase', 'openwrt/newer');
    const error = await refusal('rebase', scene.branch);
    expect(error).toMatchObject({ status: 3, code: 'DOWNGRADE_REFUSED' });
    expect(error.hint).toContain('--allow-downgrade');
    await scene.cli.ok('rebase', scene.branch, '--allow-downgrade');
  });
});
