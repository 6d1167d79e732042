import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, type Scene, startScene } from '../support/world/index.ts';

describe.skipIf(process.getuid?.() !== 0)(
  'the history of /etc and what a restart would lose (needs root)',
  () => {
    let scene: Scene;
    let repo: string;
    const etc = async (path: string) => join((await scene.deployments())[0]?.path ?? '', 'etc', path);
    const records = async () =>
      (await scene.cli.json<{ records: { checksum: string }[] }>('etc', 'log')).records;

    beforeAll(async () => {
      scene = await startScene();
      repo = join(scene.sysroot, 'ostree/repo');
      await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
      await scene.compose(0);
      await scene.cli.ok('deploy', scene.branch);
    });
    afterAll(async () => {
      await scene?.end();
    });

    it('warns of uncommitted uci changes, of a session too, before and after anything is changed', async () => {
      const folders = ['deltas', 'session'].map((name) => join(scene.folder, name));
      for (const [index, folder] of folders.entries()) {
        mkdirSync(folder);
        writeFileSync(join(folder, index === 0 ? 'network' : 'wireless'), "x.y.z='1'\n");
        writeFileSync(join(folder, 'empty'), '');
      }
      await scene.compose(1);
      const options = { env: { OPKG_OSTREE_UCI_DELTAS: folders.join(':') } };
      for (const words of [
        ['etc', 'merge', '--preview'],
        ['upgrade', '--preview'],
        ['install', 'jq', '--dry-run'],
        ['install', 'jq'],
      ]) {
        const { stdout, stderr, status } = await scene.cli.runWith(options, ...words);
        expect([words, status, stdout + stderr]).toEqual([
          words,
          0,
          expect.stringContaining('uci changes of network, wireless are not committed'),
        ]);
      }
      expect(await scene.cli.ok('etc', 'merge', '--preview')).not.toContain('uci changes');
    });

    it('keeps as many records as the repository says, and gives the space of the others back', async () => {
      const config = join(repo, 'config');
      const text = readFileSync(config, 'utf8');
      appendFileSync(config, text.includes('[opkg-ostree]') ? '' : '\n[opkg-ostree]\n');
      writeFileSync(
        config,
        readFileSync(config, 'utf8').replace('[opkg-ostree]\n', '[opkg-ostree]\netc-history=3\n'),
      );
      const sizes: string[] = [];
      for (let round = 0; round < 4; round++) {
        writeFileSync(await etc('big'), `${round}`.repeat(100_000));
        await scene.cli.ok('deploy', scene.branch);
        await scene.cli.ok('cleanup');
        sizes.push((await records())[0]?.checksum ?? '');
      }
      const kept = await records();
      expect(kept).toHaveLength(3);
      expect(kept.map(({ checksum }) => checksum)).toContain(sizes.at(-1));
      expect(kept.map(({ checksum }) => checksum)).not.toContain(sizes[0]);
      const object = (checksum: string) =>
        join(repo, 'objects', checksum.slice(0, 2), `${checksum.slice(2)}.commit`);
      expect(existsSync(object(sizes[0] ?? ''))).toBe(false);
      expect(await runProgram('ostree', ['fsck', `--repo=${repo}`])).toMatchObject({ status: 0 });
      expect((await scene.cli.run('etc', 'revert', 'big', '3')).status).toBe(3);
      await scene.cli.ok('etc', 'revert', 'big', '2');
    });

    it('records nothing where the repository says 0', async () => {
      const config = join(repo, 'config');
      writeFileSync(config, readFileSync(config, 'utf8').replace('etc-history=3', 'etc-history=0'));
      const before = (await records())[0]?.checksum;
      writeFileSync(await etc('big'), 'again');
      await scene.cli.ok('deploy', scene.branch);
      expect((await records())[0]?.checksum).toBe(before);
    });
  },
);
