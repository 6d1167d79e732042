import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTar } from '../support/world/build/deb.ts';
import { appendLine, realRootPath, type Scene, startScene } from '../support/world/index.ts';

const rootfs = realRootPath();
const obstacle = (() => {
  if (rootfs === undefined) return 'OPENWRT_ROOTFS is not set';
  return process.getuid?.() === 0 ? undefined : 'needs root';
})();

// musl's realpath asks /proc.
const withProc = 'mount -t proc proc /proc && "$0" "$@"';

describe.skipIf(obstacle !== undefined)(
  `sysupgrade on a real OpenWrt root${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let scene: Scene;
    let root: string;
    beforeAll(async () => {
      scene = await startScene(rootfs);
      await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
      await scene.compose(0);
      await scene.cli.ok('deploy', scene.branch);
      root = (await scene.deployments())[0]?.path ?? '';
      mkdirSync(at('dev'), { recursive: true });
      writeFileSync(at('var/roothome/note'), 'kept\n');
      writeFileSync(at('var/lib/original'), await original(), { mode: 0o755 });
      writeFileSync(at('var/lib/firmware.bin'), 'no image\n');
    });
    afterAll(async () => {
      await scene?.end();
    });

    // `inside` mounts the stateroot's /var there.
    const at = (path: string) => join(root, path.startsWith('var/') ? `../../${path}` : path);
    const original = async () => {
      const bytes = readFileSync(rootfs ?? '');
      const entries = await readTar((rootfs ?? '').endsWith('.tar') ? bytes : gunzipSync(bytes));
      return entries.find(({ path }) => path === 'sbin/sysupgrade')?.content ?? new Uint8Array();
    };
    const list = async (program: string) =>
      (await scene.inside(program, '-l')).stdout.split('\n').filter((line) => line !== '');

    it("lists what base-files' own script lists, and more where that stops at a link", async () => {
      expect(await list('/sbin/sysupgrade')).toEqual(await list('/var/lib/original'));
      appendLine(at('etc/sysupgrade.conf'), '/root');
      const theirs = await list('/var/lib/original');
      expect(theirs).toContain('/root');
      expect(await list('/sbin/sysupgrade')).toEqual([
        ...theirs.filter((path) => path !== '/root'),
        '/root/note',
      ]);
    });

    it('backs up and restores with the tools of the root', async () => {
      const before = readFileSync(at('etc/config/dropbear'), 'utf8');
      expect(await scene.inside('sysupgrade', '-b', '/var/lib/backup.tgz')).toMatchObject({ status: 0 });
      writeFileSync(at('etc/config/dropbear'), 'broken\n');
      writeFileSync(at('var/roothome/note'), 'broken\n');
      expect(await scene.inside('sysupgrade', '-r', '/var/lib/backup.tgz')).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(readFileSync(at('etc/config/dropbear'), 'utf8')).toBe(before);
      expect(readFileSync(at('var/roothome/note'), 'utf8')).toBe('kept\n');
    });

    it("refuses an image, and lets base-files' own script refuse it, even by force", async () => {
      for (const words of [
        ['/sbin/sysupgrade'],
        ['/sbin/sysupgrade', '-F'],
        ['/var/lib/original', '-F', '-n'],
        ['/var/lib/original', '-T'],
      ]) {
        const { status, stdout, stderr } = await scene.inside(
          'sh',
          '-c',
          withProc,
          ...words,
          '/var/lib/firmware.bin',
        );
        expect([words, status, stdout + stderr]).toEqual([
          words,
          1,
          expect.stringContaining('opkg-ostree rebase'),
        ]);
      }
    });
  },
);
