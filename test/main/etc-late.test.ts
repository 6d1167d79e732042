import {
  appendFileSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toChecksum } from '../../src/base/index.ts';
import { renderEtcSeen } from '../../src/boot/etc-seen.ts';
import { realRootPath, runProgram, type Scene, startScene } from '../support/world/index.ts';

const rootfs = realRootPath();
const obstacle = (() => {
  if (rootfs === undefined) return 'OPENWRT_ROOTFS is not set';
  return process.getuid?.() === 0 ? undefined : 'needs root';
})();

/** Enters deployment $1 as a boot would, the sysroot $2 at /sysroot. */
const enter = `
root=$1 sysroot=$2; shift 2
mount --bind "$root/../../var" "$root/var" && mount --rbind "$sysroot" "$root/sysroot" && mount -t tmpfs tmpfs "$root/tmp" || exit 125
mount --bind /dev "$root/dev"
mkdir -p "$root/tmp/lock" "$root/tmp/run" "$root/tmp/log"
exec chroot "$root" "$@"
`;

describe.skipIf(obstacle !== undefined)(
  `late edits, merged by the shell and the tools of a real OpenWrt root${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let scene: Scene;
    let old: string;
    let fresh: string;
    beforeAll(async () => {
      scene = await startScene(rootfs);
      await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
      await scene.compose(0);
      await scene.cli.ok('deploy', scene.branch);
      await scene.compose(1);
      await scene.cli.ok('upgrade');
      [fresh = '', old = ''] = (await scene.deployments()).map(({ path }) => path);
      const item = (path: string) => {
        const [, checksum = '', serial = ''] = /([0-9a-f]{64})\.(\d+)$/u.exec(path) ?? [];
        return { stateroot: 'openwrt', checksum: toChecksum(checksum), serial: Number(serial) };
      };
      mkdirSync(join(scene.sysroot, 'ostree/opkg-ostree'), { recursive: true });
      const record = join(scene.sysroot, 'ostree/opkg-ostree/etc-seen');
      writeFileSync(record, renderEtcSeen(item(old), item(fresh), join(old, 'etc')));
    });
    afterAll(async () => {
      await scene?.end();
    });
    const inside = (root: string, ...words: string[]) =>
      runProgram('unshare', ['-m', 'sh', '-c', enter, 'sh', root, scene.sysroot, ...words]);

    it('finds nothing changed that was not edited', async () => {
      const recorded = () =>
        readFileSync(join(scene.sysroot, 'ostree/opkg-ostree/etc-seen'), 'utf8').split('\n').sort();
      const seen = recorded();
      const before = readdirSync(join(fresh, 'etc'), { recursive: true, encoding: 'utf8' }).sort();
      expect(await inside(old, '/etc/init.d/opkg-ostree-etc', 'stop')).toMatchObject({ status: 0 });
      expect(readdirSync(join(fresh, 'etc'), { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
      // The hook wrote its own list over that of the switch.
      expect(recorded()).toEqual(seen);
      expect(seen.filter((line) => line.startsWith('f ')).length).toBeGreaterThan(50);
    });

    it('carries uci, a service, a password, a mode, a deletion and odd names over', async () => {
      appendFileSync(join(old, 'etc/config/dropbear'), '# late\n');
      writeFileSync(join(old, 'etc/ü tab\tnew\nline\\'), 'odd\n', { mode: 0o640 });
      rmSync(join(old, 'etc/shells'));
      // As if the new release had brought a section; what the switch saw is beside its record.
      const kept = join(scene.sysroot, 'ostree/opkg-ostree/etc-seen.d/config');
      mkdirSync(kept, { recursive: true });
      copyFileSync(join(old, 'etc/config/uhttpd'), join(kept, 'uhttpd'));
      appendFileSync(join(fresh, 'etc/config/uhttpd'), "\nconfig cert 'fresh'\n\toption bits '2048'\n");
      const script = [
        'uci set uhttpd.main.max_requests=7',
        // As `uci commit`, which this root's does not do under chroot.
        'uci export uhttpd | tail -n +2 > /tmp/uhttpd && cat /tmp/uhttpd > /etc/config/uhttpd',
        'chmod 600 /etc/profile',
        '/etc/init.d/cron disable',
        "sed -i 's/^root:[^:]*:/root:$1$late:/' /etc/shadow",
        '/etc/init.d/opkg-ostree-etc stop',
      ].join(' && ');
      const ended = await inside(old, 'sh', '-c', script);
      expect([ended.stderr, ended.status]).toEqual(['', 0]);
      const text = (path: string) => readFileSync(join(fresh, 'etc', path), 'utf8');
      expect(text('config/dropbear')).toMatch(/# late\n$/u);
      expect(text('config/uhttpd')).toMatch(
        /option max_requests '7'\n[\s\S]*config cert 'fresh'\n\toption bits '2048'\n/u,
      );
      expect(existsSync(join(fresh, 'etc/config/uhttpd.opkg-ostree-new'))).toBe(false);
      expect(text('ü tab\tnew\nline\\')).toBe('odd\n');
      expect(text('shadow')).toMatch(/^root:\$1\$late:/mu);
      expect((statSync(join(fresh, 'etc/profile')).mode & 0o777).toString(8)).toBe('600');
      expect(existsSync(join(fresh, 'etc/shells'))).toBe(false);
      expect(readdirSync(join(fresh, 'etc/rc.d')).filter((name) => /^S\d+cron$/u.test(name))).toEqual([]);
      expect(lstatSync(join(fresh, 'etc/resolv.conf')).isSymbolicLink()).toBe(true);
      expect(readlinkSync(join(fresh, 'etc/resolv.conf'))).toBe(readlinkSync(join(old, 'etc/resolv.conf')));
      expect((await inside(fresh, '/etc/opkg-ostree/checks.d/wanted/etc-edits')).stdout).toBe(
        'every edit is here\n',
      );
    });
  },
);
