import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendLine, buildIpk, file, type Scene, startScene } from '../support/world/index.ts';

interface Held {
  readonly 'held-packages': readonly string[];
  readonly 'base-removals': readonly string[];
  readonly 'base-replacements': readonly string[];
  readonly 'suspended-packages': readonly string[];
  readonly 'inactive-packages': readonly string[];
  readonly 'requested-packages': readonly string[];
  readonly packages: readonly string[];
  readonly path: string;
  readonly staged: boolean;
}

const mtime = 1_700_000_000;

describe.skipIf(process.getuid?.() !== 0)("changes to the base's own packages", () => {
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

  const next = async () => {
    const status = await scene.cli.json<{ deployments: Held[] }>('status');
    const first = status.deployments[0];
    if (first === undefined) throw new Error('nothing is deployed');
    return first;
  };
  const opkgVersion = async (name: string) => {
    const out = (await scene.inside('opkg', 'list-installed')).stdout;
    const line = out.split('\n').find((text) => text.startsWith(`${name} - `));
    return line?.split(' - ')[1];
  };
  const refusal = async (...words: string[]) => {
    const ended = await scene.cli.run(...words, '--json');
    const { error } = JSON.parse(ended.stdout) as {
      error: { code: string; message: string; hint: string };
    };
    return { status: ended.status, ...error };
  };
  const links = (path: string, service: string) =>
    readdirSync(join(path, 'etc/rc.d')).filter((name) => /^[SK]\d\d/.test(name) && name.slice(3) === service);

  it('swaps dnsmasq for dnsmasq-full in one step, and keeps the configuration', async () => {
    appendLine(join((await next()).path, 'etc/config/dhcp'), "\nconfig host\n\toption name 'printer'");
    const plan = await scene.cli.json<{
      install: { name: string }[];
      remove: { name: string }[];
    }>('swap', 'dnsmasq', 'dnsmasq-full', '--dry-run');
    expect(plan.install.map(({ name }) => name)).toContain('dnsmasq-full');
    expect(plan.remove.map(({ name }) => name)).toEqual(['dnsmasq']);
    expect((await next())['base-removals']).toEqual([]);

    await scene.cli.ok('swap', 'dnsmasq', 'dnsmasq-full');
    const first = await next();
    expect(first).toMatchObject({
      'base-removals': ['dnsmasq'],
      'requested-packages': ['dnsmasq-full'],
    });
    expect(readFileSync(join(first.path, 'etc/config/dhcp'), 'utf8')).toContain("option name 'printer'");
    expect(links(first.path, 'dnsmasq').some((name) => name.startsWith('S'))).toBe(true);
    expect(await opkgVersion('dnsmasq')).toBeUndefined();
    expect(await opkgVersion('dnsmasq-full')).toBeDefined();
  });

  it('swaps back: what was hidden is there again, and a service that was switched off stays off', async () => {
    const before = await next();
    for (const name of links(before.path, 'dnsmasq')) rmSync(join(before.path, 'etc/rc.d', name));
    await scene.cli.ok('swap', 'dnsmasq-full', 'dnsmasq');
    const first = await next();
    expect(first).toMatchObject({ 'base-removals': [], 'requested-packages': [], packages: [] });
    expect(await opkgVersion('dnsmasq')).toBeDefined();
    expect(links(first.path, 'dnsmasq').filter((name) => name.startsWith('S'))).toEqual([]);
    expect(readFileSync(join(first.path, 'etc/config/dhcp'), 'utf8')).toContain("option name 'printer'");
  });

  it('refuses to swap what is not there, and says what to do', async () => {
    expect(await refusal('swap', 'no-such', 'jq')).toMatchObject({ status: 3, code: 'PACKAGE_UNKNOWN' });
    expect((await refusal('swap', 'no-such', 'jq')).hint).toContain('opkg-ostree install');
    await scene.cli.ok('install', 'jq');
    const came = await refusal('swap', 'libjq1', 'bc');
    expect(came).toMatchObject({ status: 3, code: 'PACKAGE_NOT_LAYERED' });
    expect(came.hint).toContain('why libjq1');
  });

  it('replaces a package of the base by a file, pinned by its digest, and takes it back', async () => {
    const ipk = buildIpk({
      name: 'uhttpd',
      version: '9999-r1',
      arch: 'x86_64',
      fields: { Depends: 'libc, busybox' },
      description: 'another uhttpd',
      data: [file('usr/sbin/uhttpd', '#!/bin/sh\necho replaced\n', 0o755)],
      conffiles: [],
      scripts: {},
      mtime,
    });
    const path = join(scene.folder, 'uhttpd.ipk');
    writeFileSync(path, ipk.bytes);
    chmodSync(path, 0o644);
    await scene.cli.ok('override', 'replace', path);
    rmSync(path);
    expect((await next())['base-replacements']).toEqual([`${ipk.sha256}:x86_64:uhttpd:9999-r1`]);
    expect((await scene.inside('/usr/sbin/uhttpd')).stdout).toBe('replaced\n');
    expect(await opkgVersion('uhttpd')).toBe('9999-r1');
    // The file is gone; the cache has it.
    await scene.cli.ok('install', 'bc');
    expect(await opkgVersion('uhttpd')).toBe('9999-r1');
    await scene.cli.ok('override', 'reset', 'uhttpd');
    expect((await next())['base-replacements']).toEqual([]);
    expect(await opkgVersion('uhttpd')).not.toBe('9999-r1');
    expect(await refusal('override', 'replace', 'jq')).toMatchObject({ status: 3, code: 'PACKAGE_UNKNOWN' });
  });

  it('asks before it touches what no system runs without, and only once', async () => {
    const asked = await refusal('override', 'remove', 'procd');
    expect(asked).toMatchObject({ status: 3, code: 'WOULD_CHANGE_BASE' });
    const told = await scene.cli.run('override', 'remove', 'procd', '--dry-run', '--json');
    expect(told.stdout).toContain('--force-critical');
  });

  it('makes a deployment that waits for finalize, with what is edited meanwhile', async () => {
    const before = await next();
    await scene.cli.ok('install', 'tree', '--lock-finalization');
    const status = await scene.cli.json<{ next: string; deployments: (Held & { id: string })[] }>('status');
    const waiting = status.deployments.find(({ staged }) => staged);
    expect(waiting?.['requested-packages']).toContain('tree');
    expect(status.next).not.toBe(waiting?.id);
    await scene.cli.ok('cleanup');
    appendLine(join(before.path, 'etc/config/dhcp'), "\nconfig host\n\toption name 'late'");
    await scene.cli.ok('finalize');
    const first = await next();
    expect(first['requested-packages']).toContain('tree');
    expect(readFileSync(join(first.path, 'etc/config/dhcp'), 'utf8')).toContain("option name 'late'");
    expect(await refusal('finalize')).toMatchObject({ status: 3, code: 'DEPLOYMENT_NOT_FOUND' });
  });

  it('holds a package of the base and a layered one over an upgrade of both', async () => {
    const [base, layered] = [await opkgVersion('dnsmasq'), await opkgVersion('jq')];
    await scene.cli.ok('override', 'hold', 'dnsmasq', 'jq');
    expect((await next())['held-packages']).toEqual([`dnsmasq=${base}`, `jq=${layered}`].sort());
    expect(await refusal('override', 'remove', 'dnsmasq')).toMatchObject({ status: 3 });
    expect(await refusal('override', 'hold', 'busybox')).toMatchObject({
      status: 3,
      code: 'WOULD_CHANGE_BASE',
    });
    await scene.compose(1);
    await scene.cli.ok('upgrade');
    expect(await opkgVersion('dnsmasq')).toBe(base);
    expect(await opkgVersion('jq')).toBe(layered);
    expect(await opkgVersion('libjq1')).not.toBe(layered);
    // A second upgrade finds the kept content in the cache, not in the base.
    await scene.cli.ok('cleanup');
    await scene.cli.ok('install', 'ed');
    expect(await opkgVersion('dnsmasq')).toBe(base);
    await scene.cli.ok('override', 'reset', '--all');
    await scene.cli.ok('upgrade');
    expect(await opkgVersion('dnsmasq')).not.toBe(base);
    expect(await opkgVersion('jq')).not.toBe(layered);
    expect(existsSync(join((await next()).path, 'usr/lib/opkg/info/dnsmasq.list'))).toBe(true);
    expect(readlinkSync(join((await next()).path, 'etc/rc.d/S50uhttpd'))).toBe('../init.d/uhttpd');
  });
});
