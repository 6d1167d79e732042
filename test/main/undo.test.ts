import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIpk, file, type Scene, startScene } from '../support/world/index.ts';

interface Row {
  readonly checksum: string;
  readonly 'base-checksum': string;
  readonly 'requested-packages': readonly string[];
  readonly 'requested-local-packages': readonly string[];
  readonly 'base-removals': readonly string[];
  readonly kargs: readonly string[];
  readonly id: string;
}

interface Entry {
  readonly id: string;
  readonly command: string;
  readonly outcome: string;
  readonly error: { readonly code: string } | null;
}

describe.skipIf(process.getuid?.() !== 0)('the history and taking entries of it back', () => {
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
    const row = (await scene.cli.json<{ deployments: Row[] }>('status')).deployments[0];
    if (row === undefined) throw new Error('nothing is deployed');
    return row;
  };
  const last = async () => {
    const entry = (await scene.cli.json<Entry[]>('history')).at(-1);
    if (entry === undefined) throw new Error('the history is empty');
    return entry;
  };
  const code = async (...words: string[]) => {
    const ended = await scene.cli.run(...words, '--json');
    expect(ended.status).toBe(3);
    return (JSON.parse(ended.stdout) as { error: { code: string; message: string } }).error;
  };

  it('takes an install back, and the undo back, and ends at the same commit', async () => {
    await scene.cli.ok('install', 'jq', 'bc');
    const made = await next();
    const entry = (await last()).id;
    await scene.cli.ok('undo', entry);
    expect((await next())['requested-packages']).toEqual([]);
    const undone = await last();
    expect(undone.command).toContain(`undo ${entry}`);
    await scene.cli.ok('undo', undone.id);
    expect((await next()).checksum).toBe(made.checksum);
    expect((await next())['requested-packages']).toEqual(['bc', 'jq']);
  });

  it('takes only its own part back, and refuses where a later change did that already', async () => {
    await scene.cli.ok('install', 'tree');
    const entry = (await last()).id;
    await scene.cli.ok('remove', 'jq');
    await scene.cli.ok('undo', entry);
    expect((await next())['requested-packages']).toEqual(['bc']);
    const error = await code('undo', entry);
    expect(error).toMatchObject({ code: 'UNDO_IMPOSSIBLE' });
    expect(error.message).toContain('tree');
  });

  it('brings a local package back from the cache', async () => {
    const ipk = buildIpk({
      name: 'given',
      version: '1-r1',
      arch: 'all',
      fields: {},
      description: 'A file of the admin',
      data: [file('usr/share/given', 'given\n')],
      conffiles: [],
      scripts: {},
      mtime: 1_700_000_000,
    });
    const path = join(scene.folder, 'given.ipk');
    writeFileSync(path, ipk.bytes);
    await scene.cli.ok('install', path);
    writeFileSync(path, 'no package any more');
    await scene.cli.ok('remove', 'given');
    await scene.cli.ok('undo', (await last()).id);
    expect((await next())['requested-local-packages']).toEqual([`${ipk.sha256}:all:given:1-r1`]);
  });

  it('takes overrides and kernel arguments back', async () => {
    await scene.cli.ok('swap', 'dnsmasq', 'dnsmasq-full');
    const swapped = (await last()).id;
    const before = (await next()).kargs;
    await scene.cli.ok('kargs', '--append', 'quiet');
    const kargs = (await last()).id;
    expect((await next()).kargs).toContain('quiet');
    await scene.cli.ok('undo', swapped);
    expect(await next()).toMatchObject({ 'base-removals': [], 'requested-packages': ['bc'] });
    await scene.cli.ok('undo', kargs);
    expect((await next()).kargs).toEqual(before);
  });

  it('takes an upgrade back while its base is kept, and says so when it is not', async () => {
    const before = await next();
    await scene.compose(1);
    await scene.cli.ok('upgrade');
    const upgraded = (await last()).id;
    expect((await next())['base-checksum']).not.toBe(before['base-checksum']);
    await scene.cli.ok('undo', upgraded);
    expect((await next())['base-checksum']).toBe(before['base-checksum']);
    const again = await code('undo', upgraded);
    expect(again).toMatchObject({ code: 'UNDO_IMPOSSIBLE' });
    expect(again.message).toContain('base');
  });

  it('takes a rollback back, and refuses what has no inverse', async () => {
    const before = await next();
    await scene.cli.ok('rollback');
    expect((await next()).id).not.toBe(before.id);
    await scene.cli.ok('undo', (await last()).id);
    expect((await next()).id).toBe(before.id);
    await scene.cli.ok('pin', '0');
    expect(await code('undo', (await last()).id)).toMatchObject({ code: 'UNDO_IMPOSSIBLE' });
    expect(await code('undo', '9999')).toMatchObject({ code: 'UNDO_IMPOSSIBLE' });
  });

  it('records refusals, updates and cleanups, and no misuse', async () => {
    await scene.cli.run('install', 'no-such-package');
    expect(await last()).toMatchObject({ outcome: 'failed', error: { code: 'PACKAGE_UNKNOWN' } });
    expect(await code('undo', (await last()).id)).toMatchObject({ code: 'UNDO_IMPOSSIBLE' });
    await scene.cli.ok('update');
    expect(await last()).toMatchObject({ command: 'opkg-ostree update', outcome: 'done' });
    await scene.cli.ok('cleanup');
    expect(await last()).toMatchObject({ command: 'opkg-ostree cleanup', outcome: 'done' });
    const { id } = await last();
    await scene.cli.run('install', 'no such package');
    await scene.cli.run('install', 'no-such-package', '--dry-run');
    expect((await last()).id).toBe(id);
  });
});
