import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, startScene } from '../support/world/index.ts';

interface Plan {
  readonly install: readonly { readonly name: string; readonly scripts: string; readonly feed: string }[];
  readonly services: {
    readonly enable: readonly string[];
    readonly disable: readonly string[];
    readonly unknown: readonly string[];
  };
  readonly 'download-bytes': number;
  readonly 'flash-bytes': number;
  readonly 'temporary-bytes': number;
}

describe.skipIf(process.getuid?.() !== 0)('what a dry run tells', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
  });
  afterAll(async () => {
    await scene?.end();
  });

  const plan = (...words: string[]) => scene.cli.json<Plan>(...words, '--dry-run');
  const classes = ({ install }: Plan) =>
    Object.fromEntries(install.map((entry) => [entry.name, entry.scripts]));

  it('asks no server with --cache-only, and calls unknown what it does not know', async () => {
    const before = scene.server.requests.length;
    const made = await plan('install', 'tinyproxy', 'adblock-lite', '--cache-only');
    expect(scene.server.requests.length).toBe(before);
    expect(new Set(Object.values(classes(made)))).toEqual(new Set(['unknown']));
    expect(made.services).toMatchObject({ enable: [], disable: [] });
    expect(made.services.unknown).toEqual(expect.arrayContaining(['adblock-lite', 'tinyproxy']));
  });

  it('knows scripts and services of packages that are not in the cache yet', async () => {
    const made = await plan('install', 'tinyproxy', 'adblock-lite', 'bcp38-lite');
    expect(classes(made)).toMatchObject({
      tinyproxy: 'native',
      'adblock-lite': 'sandboxed',
      'bcp38-lite': 'deferred',
    });
    expect(made.services.unknown).toEqual([]);
    expect(made.services.enable).toContain('tinyproxy');
    expect(made['download-bytes']).toBeGreaterThan(0);
    expect(made['temporary-bytes']).toBeGreaterThan(made['download-bytes']);
    expect(await scene.deployments()).toHaveLength(1);
  });

  it('does not fail when a package cannot be looked into', async () => {
    scene.server.fail('.ipk', { kind: 'status', status: 404 });
    const made = await plan('install', 'tcpdump');
    scene.server.heal();
    expect(classes(made)['tcpdump']).toBe('unknown');
  });

  it('downloads nothing again afterwards, and takes about the flash that was said', async () => {
    const made = await plan('install', 'tinyproxy', 'adblock-lite');
    const before = scene.server.count('.ipk');
    const free = (await scene.cli.json<{ 'free-bytes': number }>('status'))['free-bytes'];
    expect(free).toBeGreaterThan(made['flash-bytes']);
    await scene.cli.ok('install', 'tinyproxy', 'adblock-lite');
    expect(scene.server.count('.ipk')).toBe(before);
    const folder = join(scene.sysroot, 'ostree/repo/tmp/opkg-ostree.download');
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  });

  it('names services that go, and none that stay', async () => {
    expect((await plan('remove', 'tinyproxy')).services.disable).toEqual(['tinyproxy']);
    const swapped = await plan('swap', 'dnsmasq', 'dnsmasq-full');
    expect(swapped.services).toMatchObject({ enable: [], disable: [] });
    expect((await plan('override', 'remove', 'uhttpd')).services.disable).toEqual(['uhttpd']);
    expect(await scene.cli.ok('remove', 'tinyproxy', '--dry-run')).toContain('Services gone: tinyproxy');
  });

  it('refuses before any download what does not fit', async () => {
    const config = join(scene.sysroot, 'ostree/repo/config');
    const others = readFileSync(config, 'utf8').replace(/^min-free-space.*\n/gm, '');
    writeFileSync(config, others.replace('[core]\n', '[core]\nmin-free-space-size=900TB\n'));
    const before = scene.server.count('.ipk');
    const ended = await scene.cli.run('install', 'tmux', '--json');
    expect(ended.status).toBe(5);
    const { error } = JSON.parse(ended.stdout) as {
      error: { code: string; hint: string; details: { needed: number; available: number } };
    };
    expect(error).toMatchObject({ code: 'NO_SPACE', details: { available: 0 } });
    expect(error.details.needed).toBeGreaterThan(0);
    expect(error.hint).toContain('cleanup');
    expect(scene.server.count('.ipk')).toBe(before);
  });
});
