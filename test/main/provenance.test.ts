import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendLine, buildIpk, file, type Scene, startScene } from '../support/world/index.ts';

interface Whence {
  readonly source: string;
  readonly 'tree-path': string | null;
  readonly kind: string;
  readonly object: string | null;
  readonly owners: readonly {
    readonly name: string;
    readonly from: string;
    readonly feed: string | null;
    readonly sha256: string | null;
    readonly commit: string | null;
  }[];
  readonly etc: { readonly state: string } | null;
}

describe.skipIf(process.getuid?.() !== 0)('why and whence, and requests that wait', () => {
  let scene: Scene;
  let firstBase: string;
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    firstBase = await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    await scene.cli.ok('install', 'adblock-lite', 'less');
  });
  afterAll(async () => {
    await scene?.end();
  });

  const whence = (path: string) => scene.cli.json<Whence>('whence', path);
  const path = async () => (await scene.deployments())[0]?.path ?? '';

  it('shows the chain from a request to a library', async () => {
    const found = await scene.cli.json<{
      reason: string;
      state: string;
      chains: { name: string }[][];
      'required-by': { name: string }[];
    }>('why', 'libonig5');
    expect(found).toMatchObject({ state: 'layered', reason: 'depends' });
    expect(found.chains.map((chain) => chain.map(({ name }) => name))).toEqual([
      ['adblock-lite', 'jq', 'libjq1', 'libonig5'],
    ]);
    expect(found['required-by'].map(({ name }) => name)).toContain('libjq1');
    expect(await scene.cli.ok('why', 'libonig5')).toMatch(
      /adblock-lite .* -> jq .* -> libjq1 .* -> libonig5/,
    );
  });

  it('tells the base apart, and what is not there', async () => {
    const found = await scene.cli.json<{ state: string; reason: string; 'required-by': { name: string }[] }>(
      'why',
      'busybox',
    );
    expect(found).toMatchObject({ state: 'base', reason: 'base' });
    expect(found['required-by'].map(({ name }) => name)).toEqual(
      expect.arrayContaining(['dnsmasq', 'opkg', 'uhttpd']),
    );
    expect((await scene.cli.run('why', 'tcpdump')).status).toBe(3);
  });

  it('finds package, feed, digest and commit behind a layered file, and proves them', async () => {
    const found = await whence('/usr/bin/jq');
    const owner = found.owners[0];
    expect(found).toMatchObject({ source: 'package', kind: 'file', etc: null });
    expect(owner).toMatchObject({ name: 'jq', from: 'layer', feed: 'openwrt_packages' });
    const repo = ['--repo', join(scene.sysroot, 'ostree/repo')];
    const listed = await scene.cli.ok('repo', 'ls', ...repo, '-C', owner?.commit ?? '', 'payload/usr/bin/jq');
    expect(listed).toContain(found.object ?? 'no object');
    expect((await whence('/bin/../usr/bin/jq').catch(() => undefined))?.object).toBeUndefined();
  });

  it('follows merged folders, names the base, links of the layer, and files of the admin', async () => {
    const busybox = await whence('/bin/busybox');
    expect(busybox).toMatchObject({ source: 'package', 'tree-path': 'usr/bin/busybox' });
    expect(busybox.owners).toMatchObject([{ name: 'busybox', from: 'base', commit: firstBase, feed: null }]);
    const link = await whence('/usr/bin/less');
    expect(link).toMatchObject({ kind: 'symlink', source: 'package' });
    expect(link.owners).toMatchObject([
      { name: 'busybox', role: 'file', current: false },
      { name: 'less', role: 'alternative', current: true, feed: 'openwrt_packages' },
    ]);
    expect(await scene.cli.ok('whence', '/usr/bin/less')).toMatch(/: less \S+ from openwrt_packages\n/);
    const config = join(await path(), 'etc/config/dhcp');
    expect(await whence('/etc/config/dhcp')).toMatchObject({
      etc: { state: 'default' },
      owners: [{ name: 'dnsmasq' }],
    });
    appendLine(config, "config host 'printer'");
    writeFileSync(join(await path(), 'etc/mine'), 'mine\n');
    rmSync(join(await path(), 'etc/config/firewall'));
    expect(await whence('/etc/config/dhcp')).toMatchObject({ etc: { state: 'changed' }, object: null });
    expect(await whence('/etc/mine')).toMatchObject({ source: 'admin', etc: { state: 'added' }, owners: [] });
    expect(await whence('/etc/config/firewall')).toMatchObject({
      kind: 'missing',
      etc: { state: 'deleted' },
    });
    const missing = await scene.cli.run('whence', '/usr/bin/nothing', '--json');
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: 'OSTREE_PATH_NOT_FOUND' } });
    expect((await scene.cli.run('whence', '/proc/1')).status).not.toBe(0);
  });

  it('upgrades without a request that cannot be met, and takes it back when it can', async () => {
    const ipk = buildIpk({
      name: 'needs-old-kernel',
      version: '1-r1',
      arch: 'all',
      fields: { Depends: 'kernel (= 6.6.86~af351158cfb5febf5155a3aa53785982-r1)' },
      description: 'Bound to the first kernel',
      data: [file('usr/bin/needs-old-kernel', '#!/bin/sh\necho yes\n', 0o755)],
      conffiles: [],
      scripts: {},
      mtime: 1_700_000_000,
    });
    const given = join(scene.folder, 'needs-old-kernel.ipk');
    writeFileSync(given, ipk.bytes);
    await scene.cli.ok('install', given);
    await scene.cli.ok('pin', '0');
    const second = await scene.compose(1);
    const blocked = await scene.cli.run('upgrade', '--json');
    expect(blocked.status).toBe(3);
    expect(blocked.stdout).toContain('needs-old-kernel');
    const skipped = await scene.cli.json<{ notes: string[] }>('upgrade', '--skip-broken');
    expect(skipped.notes.join('\n')).toContain('needs-old-kernel is set aside');
    type Row = { 'suspended-packages': string[]; 'base-checksum': string; packages: string[] };
    const first = async () => (await scene.cli.json<{ deployments: Row[] }>('status')).deployments[0];
    expect(await first()).toMatchObject({
      'suspended-packages': ['needs-old-kernel'],
      'base-checksum': second,
    });
    // Other changes are not held up by what is suspended already.
    await scene.cli.ok('install', 'bc');
    expect((await first())?.['suspended-packages']).toEqual(['needs-old-kernel']);
    const again = await scene.cli.json<{ notes: string[] }>('deploy', firstBase);
    expect(again.notes.join('\n')).toContain('needs-old-kernel can be had again');
    expect((await first())?.['suspended-packages']).toEqual([]);
    expect((await first())?.packages).toContain('needs-old-kernel');
  });

  it('remembers a request that the base meets, and says so', async () => {
    const noted = await scene.cli.json<{ notes: string[] }>('install', 'firewall4');
    expect(noted.notes.join('\n')).toContain('firewall4 is in the base already');
    const status = await scene.cli.json<{ deployments: { 'inactive-packages': string[] }[] }>('status');
    expect(status.deployments[0]?.['inactive-packages']).toEqual(['firewall4']);
  });
});
