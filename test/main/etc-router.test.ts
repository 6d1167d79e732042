import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendLine, editFile, runProgram, type Scene, startScene } from '../support/world/index.ts';

interface Preview {
  readonly entries: readonly { readonly path: string; readonly class: string }[];
}

describe.skipIf(process.getuid?.() !== 0)(
  'the configuration of a router over an upgrade (needs root)',
  () => {
    let scene: Scene;
    let root: string;
    const at = (path: string) => join(root, 'etc', path);
    const text = (path: string) => readFileSync(at(path), 'utf8');
    const next = async () => {
      root = (await scene.deployments())[0]?.path ?? '';
    };

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

    it('shows what the admin changed', async () => {
      appendLine(at('config/dhcp'), "\nconfig host\n\toption name 'printer'");
      writeFileSync(at('mine'), 'mine\n', { mode: 0o600 });
      const diff = await scene.cli.ok('etc', 'diff');
      expect(diff).toContain("+\toption name 'printer'");
      expect(diff).toContain('A /etc/mine');
    });

    it('warns of uci changes that nobody committed', async () => {
      const deltas = join(scene.folder, 'deltas');
      mkdirSync(deltas);
      writeFileSync(join(deltas, 'network'), "network.lan.ipaddr='10.0.0.1'\n");
      await scene.compose(1);
      const env = { OPKG_OSTREE_UCI_DELTAS: deltas };
      const preview = await scene.cli.runWith({ env }, 'etc', 'merge', '--preview');
      expect(preview.stdout).toContain('uci changes of network');
    });

    it('previews what the upgrade then makes', async () => {
      editFile(at('openwrt_release'), '24.10.1', 'edited');
      const preview = await scene.cli.json<Preview>('etc', 'merge', '--preview');
      const classOf = (path: string) => preview.entries.find((entry) => entry.path === path)?.class;
      expect([classOf('/etc/mine'), classOf('/etc/openwrt_release')]).toEqual(['kept', 'conflict']);
      await scene.cli.ok('deploy', scene.branch);
      await next();
      expect(text('mine')).toBe('mine\n');
      expect(text('openwrt_release')).toContain('24.10.2');
      const conflicts = preview.entries.filter((entry) => entry.class === 'conflict').length;
      const status = await scene.cli.json<{ deployments: { 'etc-conflicts': number }[] }>('status');
      expect(status.deployments[0]?.['etc-conflicts']).toBe(conflicts);
      expect(await scene.cli.ok('etc', 'conflicts')).toContain('/etc/openwrt_release');
    });

    it('settles a conflict', async () => {
      await scene.cli.ok('etc', 'accept', '/etc/openwrt_release');
      expect(existsSync(at('openwrt_release.opkg-ostree-old'))).toBe(false);
      expect(text('openwrt_release')).toContain('24.10.2');
      expect(await scene.cli.ok('etc', 'conflicts')).toContain('No conflicts');
    });

    it('keeps the history, and gives a file back', async () => {
      writeFileSync(at('mine'), 'worse\n');
      const records = await scene.cli.json<{ records: { subject: string }[] }>('etc', 'log');
      expect(records.records.length).toBeGreaterThanOrEqual(3);
      expect(await scene.cli.ok('etc', 'show', '1')).toMatch(/^[AMD] \/etc\//m);
      await scene.cli.ok('etc', 'revert', '/etc/mine', '0');
      expect(text('mine')).toBe('mine\n');
      expect(statSync(at('mine')).mode & 0o777).toBe(0o600);
      const repo = `${scene.sysroot}/ostree/repo`;
      expect(await runProgram('ostree', ['fsck', `--repo=${repo}`])).toMatchObject({ status: 0 });
      const listed = await runProgram('ostree', [
        'ls',
        `--repo=${repo}`,
        '-C',
        'opkg-ostree/etc/openwrt',
        '/mine',
      ]);
      const object = /[0-9a-f]{64}/u.exec(listed.stdout)?.[0] ?? '';
      const path = join(repo, 'objects', object.slice(0, 2), `${object.slice(2)}.file`);
      expect(statSync(path).mode & 0o077).toBe(0);
    });

    it('decides ahead, for a file as it is now', async () => {
      expect(await scene.cli.ok('etc', 'keep', 'mine')).toContain('at the next upgrade');
      expect(text('opkg-ostree/merge.d/settled')).toMatch(/^keep \/etc\/mine [0-9a-f]{64}$/m);
    });

    it('goes back to the defaults', async () => {
      expect(await scene.cli.ok('etc', 'reset', 'config/dhcp')).toContain('/etc/config/dhcp');
      expect(text('config/dhcp')).not.toContain('printer');
      rmSync(at('rc.local'), { force: true });
      await scene.cli.ok('etc', 'reset', '--all');
      expect(await scene.cli.ok('etc', 'diff')).toContain('No changes.');
      await scene.cli.ok('etc', 'revert', 'mine', '0');
      expect(text('mine')).toBe('mine\n');
    });

    it('refuses what is no path below /etc', async () => {
      for (const path of ['/usr/bin/x', '../x', '/etc'])
        expect((await scene.cli.run('etc', 'accept', path)).status).toBe(2);
    });
  },
);
