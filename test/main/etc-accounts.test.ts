import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendLine, buildIpk, editFile, file, type Scene, startScene } from '../support/world/index.ts';

describe.skipIf(process.getuid?.() !== 0)('ids of accounts over layers and upgrades (needs root)', () => {
  let scene: Scene;
  let root: string;
  const next = async () => {
    root = (await scene.deployments())[0]?.path ?? '';
  };
  const lines = (path: string) => readFileSync(join(root, path), 'utf8').split('\n');
  const line = (path: string, name: string) => lines(path).filter((text) => text.startsWith(`${name}:`));

  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await next();
  });
  afterAll(async () => {
    await scene?.end();
  });

  /** A package that asks for accounts; its file. */
  function ipk(
    name: string,
    requireUser: string,
    data = [file(`usr/share/${name}`, `${name}\n`, 0o644)],
  ): string {
    const built = buildIpk({
      name,
      version: '1',
      arch: 'all',
      fields: { Depends: 'libc', 'Require-User': requireUser },
      description: name,
      data,
      conffiles: [],
      scripts: {},
      mtime: 1_700_000_000,
    });
    const path = join(scene.folder, `${name}_1_all.ipk`);
    writeFileSync(path, built.bytes);
    return path;
  }

  const refusal = async (...words: string[]) => {
    const ended = await scene.cli.run('--json', ...words);
    const { code, message } = (JSON.parse(ended.stdout) as { error: { code: string; message: string } })
      .error;
    return { status: ended.status, code, message };
  };

  it('gives a user that two packages ask for one line and one id', async () => {
    await scene.cli.ok('install', ipk('one', 'shared:shared'), ipk('two', 'shared:shared:more'));
    await next();
    expect(line('etc/passwd', 'shared')).toHaveLength(1);
    expect(line('etc/group', 'more')[0]).toMatch(/^more:x:\d+:shared$/u);
    const id = Number(line('etc/passwd', 'shared')[0]?.split(':')[2]);
    expect(id).toBeGreaterThanOrEqual(32_768);
  });

  it('names both packages that want one id for two names, or two ids for one name', async () => {
    const wanted = ipk('three', 'foo=901:foo=901');
    expect(await refusal('install', wanted, ipk('four', 'bar=901:bar=901'))).toMatchObject({
      status: 3,
      code: 'USER_ID_CONFLICT',
      message: expect.stringMatching(/four.*three|three.*four/u),
    });
    expect(await refusal('install', wanted, ipk('five', 'foo=902:foo=901'))).toMatchObject({
      code: 'USER_ID_CONFLICT',
      message: expect.stringMatching(/five.*three|three.*five/u),
    });
  });

  it('refuses a fixed id that an account of this machine has, and says whose they are', async () => {
    appendLine(join(root, 'etc/passwd'), 'foo:x:903:903::/:/bin/false');
    expect(await refusal('install', ipk('six', 'bar=903:bar=904'))).toEqual({
      status: 3,
      code: 'USER_ID_CONFLICT',
      message: "/etc/passwd: the new user 'bar' of package six has id 903, which 'foo' has on this machine",
    });
    editFile(join(root, 'etc/passwd'), 'foo:x:903:903::/:/bin/false\n', '');
  });

  it('keeps the ids of this machine, in /etc and for what comes into /var', async () => {
    const id = line('etc/passwd', 'shared')[0]?.split(':')[2] ?? '';
    for (const path of ['etc/passwd', 'etc/group']) editFile(join(root, path), `:x:${id}`, ':x:777');
    editFile(join(root, 'etc/passwd'), `:777:${id}:`, ':777:777:');
    const own = { uid: Number(id), gid: Number(id) };
    const data = ['var/lib/shared/state', 'usr/bin/shared'].map((path) => ({
      ...file(path, 'state\n', 0o600),
      ...own,
    }));
    const ended = await scene.cli.run('install', ipk('seven', 'shared:shared', data));
    expect([ended.status, ended.stdout + ended.stderr]).toEqual([
      0,
      expect.stringContaining('/usr/bin/shared: the account that owns it has another id on this machine'),
    ]);
    await next();
    expect(line('usr/etc/passwd', 'shared')[0]).toContain(`:${id}:`);
    expect(line('etc/passwd', 'shared')[0]).toMatch(/^shared:x:777:777:/u);
    const { uid, gid } = statSync(join(root, '../../var/lib/shared/state'));
    expect([uid, gid]).toEqual([777, 777]);
  });

  it('previews the accounts of layered packages as the next release will have them', async () => {
    const rootfs = join(scene.folder, 'fresh');
    mkdirSync(rootfs);
    execFileSync('tar', ['xzf', scene.releases[1].rootfs, '-C', rootfs]);
    appendFileSync(join(rootfs, 'etc/passwd'), 'fresh:x:908:908::/:/bin/false\n');
    appendFileSync(join(rootfs, 'etc/group'), 'fresh:x:908:\n');
    const words = ['--repo', join(scene.sysroot, 'ostree/repo'), '--branch', scene.branch];
    const more = ['--kernel', scene.releases[1].kernel, '--target', 'x86-64'];
    await scene.cli.ok('compose', rootfs, ...words, ...more);
    const preview = await scene.cli.json<{ entries: { path: string; diff: string[] | null }[] }>(
      ...['etc', 'merge', '--preview'],
    );
    const files = ['passwd', 'group'];
    const before = files.map((name) => lines(`etc/${name}`));
    await scene.cli.ok('upgrade');
    await next();
    for (const [index, name] of files.entries()) {
      const diff = preview.entries.find(({ path }) => path === `/etc/${name}`)?.diff ?? [];
      const changed = (sign: string) =>
        diff.filter((text) => text.startsWith(sign)).map((text) => text.slice(1));
      const after = lines(`etc/${name}`);
      expect(changed('-')).toEqual(before[index]?.filter((text) => !after.includes(text)));
      expect(changed('+')).toEqual(after.filter((text) => before[index]?.includes(text) !== true));
      expect(changed('+')).toEqual([expect.stringMatching(/^fresh:/u)]);
    }
    expect(line('etc/group', 'more')).toHaveLength(1);
    expect(line('etc/passwd', 'shared')).toHaveLength(1);
  });

  it('names the package of the base too, where its account has another id on this machine', async () => {
    await scene.cli.ok('install', ipk('eight', 'aa=905:aa=905'));
    await next();
    // Someone moved it by hand, and the next package fixes that very id.
    for (const path of ['etc/passwd', 'etc/group']) editFile(join(root, path), 'aa:x:905', 'aa:x:906');
    appendFileSync(join(root, 'etc/note'), 'x\n');
    expect(await refusal('install', ipk('nine', 'bb=906:bb=907'))).toMatchObject({
      code: 'USER_ID_CONFLICT',
      message: expect.stringMatching(/'bb' of package nine has id 906, which 'aa' of package eight has/u),
    });
  });
});
