import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  newFolder,
  openWorld,
  removeFolder,
  runProgram,
  type World,
  writeRootfs,
} from '../support/world/index.ts';

const isRoot = process.getuid?.() === 0;

describe('the fixture world', () => {
  let world: World;
  let folder: string;
  beforeAll(async () => {
    world = await openWorld();
    folder = newFolder('world');
  });
  afterAll(() => removeFolder(folder));

  const feedOf = (release: 0 | 1) =>
    join(world.feeds, `releases/${world.releases[release].release.version}/packages/x86_64/packages`);

  it('has a feed of some ninety packages with at least thirty programs', () => {
    const { feed } = world.releases[0];
    expect(feed.length).toBeGreaterThan(80);
    const programs = feed.filter((item) => item.files.some((path) => /^\/usr\/s?bin\/|^\/bin\//.test(path)));
    expect(programs.length).toBeGreaterThanOrEqual(30);
  });

  it('signs its indices as usign does', async () => {
    const key = join(folder, 'key.pub');
    await runProgram('sh', ['-c', 'cat > "$0"', key], { input: world.key.publicText });
    const verify = (index: string) =>
      runProgram('signify-openbsd', [
        '-V',
        '-q',
        '-p',
        key,
        '-m',
        index,
        '-x',
        join(feedOf(0), 'Packages.sig'),
      ]);
    expect(await verify(join(feedOf(0), 'Packages'))).toMatchObject({ status: 0 });
    expect((await verify(join(feedOf(1), 'Packages'))).status).not.toBe(0);
  });

  it('makes packages that tar reads, with the three members in order', async () => {
    const jq = world.releases[0].feed.find((item) => item.name === 'jq');
    const listed = await runProgram('tar', ['-tzf', join(feedOf(0), jq?.fileName ?? '')]);
    expect(listed.stdout).toBe('./debian-binary\n./data.tar.gz\n./control.tar.gz\n');
  });

  it('writes the same root each time', () => {
    const [first, again] = ['a.tar', 'b.tar'].map((name) =>
      writeRootfs(world.releases[0], join(folder, name)),
    );
    expect(readFileSync(first ?? '').equals(readFileSync(again ?? ''))).toBe(true);
  });

  it.skipIf(!isRoot)('runs its own programs in a chroot, with files that the database lists', async () => {
    const root = mkdtempSync(join(folder, 'root-'));
    const tar = writeRootfs(world.releases[0], join(folder, 'c.tar.gz'));
    expect(await runProgram('tar', ['-xzf', tar, '-C', root])).toMatchObject({ status: 0, stderr: '' });
    const listed = await runProgram('chroot', [root, '/bin/opkg', 'list-installed']);
    expect(listed.stdout).toMatch(/^busybox - /m);
    expect((await runProgram('chroot', [root, '/usr/bin/fping', '-v'])).stdout).toContain('Version');
    for (const { name } of world.releases[0].base) {
      const list = readFileSync(join(root, `usr/lib/opkg/info/${name}.list`), 'utf8')
        .split('\n')
        .filter(Boolean);
      const missing = await runProgram(
        'sh',
        ['-c', 'while read p; do [ -e "$0$p" ] || [ -L "$0$p" ] || echo "$p"; done', root],
        {
          input: `${list.join('\n')}\n`,
        },
      );
      expect(list.length === 0 ? '' : missing.stdout, name).toBe('');
    }
    expect(existsSync(join(root, 'var'))).toBe(true);
    expect(
      (await runProgram('stat', ['-c', '%a', join(root, 'usr/bin/fping'), join(root, 'root')])).stdout,
    ).toBe('4755\n750\n');
  });
});
