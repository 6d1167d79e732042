import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ensureVar } from '../../src/boot/var.ts';
import { staticBusybox, writeFixtureRoot } from '../e2e/support/fixture-root.ts';

const obstacle = (() => {
  if (process.getuid?.() !== 0) return 'needs root';
  return staticBusybox() === undefined ? 'busybox-static is not installed' : undefined;
})();

/** OpenWrt's: every *.sh of a folder, in the order of their names. */
const functions = 'include() { local file; for file in $(ls $1/*.sh 2>/dev/null); do . $file; done; }\n';
/** Debian's busybox is built without tar's -T, OpenWrt's with it. */
const tarWithNames = `#!/bin/sh
case "$5" in
-T) tr '\\n' '\\000' <"$6" | xargs -0 busybox tar "$1" "$2" "$3" "$4" ;;
*) busybox tar "$@" ;;
esac
`;
/** What a release from 19.07 on asks before anything is written; the JSON reduced to what decides. */
const validate = `#!/bin/sh
. /lib/functions.sh
include /lib/upgrade
FORCEABLE=1 VALID=1
notify_firmware_broken() { FORCEABLE=0 VALID=0; }
platform_check_image "$1" >&2 || VALID=0
echo "valid=$VALID forceable=$FORCEABLE"
`;

describe.skipIf(obstacle !== undefined)(`sysupgrade on a deployment (${obstacle ?? 'in a chroot'})`, () => {
  let work: string;
  let root: string;
  beforeAll(() => {
    work = fs.mkdtempSync(join(tmpdir(), 'sysupgrade-'));
    writeFixtureRoot(join(work, 'tree'), {
      name: 'one',
      files: {
        'usr/sbin/tar': tarWithNames,
        'usr/lib/functions.sh': functions,
        'usr/lib/upgrade/platform.sh':
          'platform_check_image() { return 0; }\nplatform_do_upgrade() { echo WRITES; }\n',
        'usr/lib/upgrade/hook.sh':
          'add_more() { echo /etc/from-hook >>"$1"; }\nsysupgrade_init_conffiles="$sysupgrade_init_conffiles add_more"\n',
        'usr/lib/upgrade/keep.d/base': '/etc/hosts\n/etc/pass* /etc/shadow\n',
        'usr/libexec/validate_firmware_image': validate,
        'usr/etc/sysupgrade.conf': '# mine\n/root\n\n/etc/open vpn\n/etc/keys/\n',
        'usr/etc/shadow': 'root::0:0:99999:7:::\n',
        'usr/etc/group': 'root:x:0:\n',
        'usr/etc/config/system': 'config system\n',
        'usr/etc/from-hook': 'h\n',
        'usr/lib/opkg/status': `Package: a\nConffiles:\n /etc/config/system ${'0'.repeat(64)}\n /etc/gone 1\nStatus: x\n`,
      },
    });
  });
  afterAll(() => fs.rmSync(work, { recursive: true, force: true }));
  beforeEach(() => {
    root = fs.mkdtempSync(join(work, 'root-'));
    spawnSync('cp', ['-a', `${work}/tree/.`, root]);
    spawnSync('cp', ['-a', join(root, 'usr/etc'), join(root, 'etc')]);
    spawnSync('mknod', [join(root, 'dev/null'), 'c', '1', '3']);
    ensureVar(join(root, 'var'));
    for (const name of ['run', 'lock', 'etc', 'log', 'vartmp']) fs.mkdirSync(join(root, 'tmp', name));
  });

  const at = (path: string) => join(root, path);
  const text = (path: string) => fs.readFileSync(at(path), 'utf8');
  const write = (path: string, content: string) => {
    fs.mkdirSync(join(at(path), '..'), { recursive: true });
    fs.writeFileSync(at(path), content);
  };
  function run(words: readonly string[], input?: Buffer): SpawnSyncReturns<Buffer> {
    return spawnSync('chroot', [root, ...words], input === undefined ? {} : { input });
  }
  const sysupgrade = (...args: string[]) => run(['/sbin/sysupgrade', ...args]);
  const listed = (...args: string[]) =>
    sysupgrade(...args)
      .stdout.toString()
      .trim()
      .split('\n');

  it('lists what packages, the admin and hooks keep; folders that are links here with what is in them', () => {
    write('var/roothome/.ssh/id', 'key\n');
    write('etc/keys/ a b ', 'x\n');
    expect(listed('-l')).toEqual([
      '/etc/config/system',
      '/etc/from-hook',
      '/etc/hosts',
      '/etc/keys/ a b ',
      '/etc/opkg-ostree/checks.d/wanted/etc-edits',
      '/etc/passwd',
      '/etc/shadow',
      '/root/.ssh/id',
    ]);
    expect(listed('-u', '--list-backup')).toEqual(['/etc/keys/ a b ', '/root/.ssh/id']);
    write('etc/mine', 'm\n');
    write('etc/opkg-ostree/conflicts.json', '{}');
    expect(listed('-c', '-u', '-l')).toEqual(['/etc/keys/ a b ', '/etc/mine', '/root/.ssh/id']);
    expect(fs.readdirSync(at('tmp')).filter((name) => name.startsWith('sysupgrade'))).toEqual([]);
  });

  it('restores what it backed up: content, mode, links; and keeps accounts that the backup lacks', () => {
    write('var/roothome/note', 'n\n');
    write('etc/keys/secret', 's\n');
    fs.chmodSync(at('etc/keys/secret'), 0o600);
    fs.symlinkSync('secret', at('etc/keys/link'));
    expect(sysupgrade('-b', '/tmp/backup.tgz')).toMatchObject({ status: 0 });
    expect(fs.statSync(at('tmp/backup.tgz')).mode & 0o777).toBe(0o600);
    write('etc/hosts', 'changed\n');
    fs.rmSync(at('etc/keys'), { recursive: true });
    fs.rmSync(at('var/roothome/note'));
    fs.appendFileSync(at('etc/passwd'), 'late:x:5:5::/:/bin/false\n');
    const restored = sysupgrade('-r', '/tmp/backup.tgz');
    expect([restored.stderr.toString(), restored.status]).toEqual(['', 0]);
    expect(text('etc/hosts')).toBe('127.0.0.1 localhost\n');
    expect(text('var/roothome/note')).toBe('n\n');
    expect(fs.statSync(at('etc/keys/secret')).mode & 0o777).toBe(0o600);
    expect(fs.readlinkSync(at('etc/keys/link'))).toBe('secret');
    expect(text('etc/passwd')).toBe('root:x:0:0:root:/root:/bin/sh\nlate:x:5:5::/:/bin/false\n');
    expect(fs.lstatSync(at('root')).isSymbolicLink()).toBe(true);
    expect(fs.readdirSync(at('var')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('carries the disabled services and the packages where the release can print members', () => {
    write('usr/lib/upgrade/tar.sh', 'tar_print_member() { printf "%s\\n%s\\n" "$1" "$2" >>/tmp/members; }\n');
    for (const name of ['on', 'off', 'moon']) write(`etc/init.d/${name}`, '#!/bin/sh\n');
    fs.mkdirSync(at('etc/rc.d'), { recursive: true });
    fs.symlinkSync('../init.d/on', at('etc/rc.d/S19on'));
    fs.symlinkSync('../init.d/off', at('etc/rc.d/K19off'));
    expect(sysupgrade('-k', '-b', '/tmp/b.tgz').status).toBe(0);
    const members = text('tmp/members');
    expect(members).toMatch(/^\/etc\/uci-defaults\/10_disable_services\n/u);
    expect(members).toContain('/etc/init.d/off disable\n');
    expect(members).toContain('/etc/init.d/moon disable\n');
    expect(members).not.toContain('/etc/init.d/on disable\n');
    expect(members).toContain('exit 0\n/etc/backup/installed_packages.txt\na\trom\n');
  });

  it('backs up to the standard output and restores from the standard input', () => {
    const backup = sysupgrade('--create-backup', '-').stdout;
    const names = spawnSync('tar', ['tz'], { input: backup }).stdout.toString().split('\n');
    expect(names).toContain('etc/hosts');
    write('etc/hosts', 'changed\n');
    expect(run(['/sbin/sysupgrade', '--restore-backup', '-'], backup).status).toBe(0);
    expect(text('etc/hosts')).toBe('127.0.0.1 localhost\n');
  });

  it('leaves out what is read-only or emptied at each boot, and says so', () => {
    write('made/usr/bin/x', 'x');
    write('made/var/log/y', 'y');
    write('made/var/lib/z', 'z');
    write('made/etc/q', 'q');
    spawnSync('tar', ['czf', at('tmp/b.tgz'), '-C', at('made'), './usr', './var', './etc']);
    const { stderr, status } = sysupgrade('-q', '-r', '/tmp/b.tgz');
    expect([status, stderr.toString()]).toEqual([0, 'not restored, read-only here: /usr/bin/x\n']);
    expect([text('var/lib/z'), text('etc/q')]).toEqual(['z', 'q']);
    expect([fs.existsSync(at('usr/bin/x')), fs.existsSync(at('tmp/log/y'))]).toEqual([false, false]);
  });

  it('changes nothing for an archive that cannot be read to its end', () => {
    write('made/etc/hosts', 'restored\n');
    write('made/etc/random', 'x'.repeat(300_000));
    const tar = spawnSync('tar', ['c', '-C', at('made'), 'etc'], { maxBuffer: 1 << 24 }).stdout;
    const whole = gzipSync(tar);
    for (const broken of [
      whole.subarray(0, whole.length - 9),
      gzipSync(tar.subarray(0, 100_000)),
      Buffer.from('no'),
    ]) {
      fs.writeFileSync(at('tmp/b.tgz'), broken);
      const { status, stderr } = sysupgrade('-r', '/tmp/b.tgz');
      expect([status, stderr.toString()]).toEqual([1, expect.stringContaining('nothing was restored')]);
    }
    expect(text('etc/hosts')).toBe('127.0.0.1 localhost\n');
    expect(sysupgrade('-r', '/tmp/none').status).toBe(1);
  });

  it.each([
    ['/tmp/firmware.bin'],
    ['-n', '/tmp/firmware.bin'],
    ['-F', '-q', '/tmp/firmware.bin'],
    ['--test', '/tmp/firmware.bin'],
    ['-f', '/tmp/backup.tgz', '/tmp/firmware.bin'],
    ['https://example.org/image'],
  ])('refuses an image: %s %s %s', (...words) => {
    write('tmp/firmware.bin', 'image');
    const { status, stderr } = sysupgrade(...words.filter((word) => word !== undefined));
    expect(status).toBe(1);
    expect(stderr.toString()).toMatch(/opkg-ostree upgrade[\s\S]*opkg-ostree rebase/u);
  });

  it('lets no other way find an image good, nor stage 2 write one', () => {
    const checked = run(['/bin/sh', '/usr/libexec/validate_firmware_image', '/tmp/firmware.bin']);
    expect(checked.stdout.toString()).toBe('valid=0 forceable=0\n');
    const script =
      '. /lib/functions.sh; FORCE=1 do_upgrade=platform_do_upgrade; include /lib/upgrade; echo "$FORCE$do_upgrade"; platform_do_upgrade x; default_do_upgrade x';
    const stage2 = run(['/bin/sh', '-c', script]);
    expect([stage2.stdout.toString(), stage2.status]).toEqual([
      expect.stringMatching(/^0\nNothing was written/u),
      1,
    ]);
  });

  it('explains itself', () => {
    expect(sysupgrade('--help')).toMatchObject({ status: 0 });
    expect(sysupgrade().status).toBe(1);
    expect(sysupgrade('-Z')).toMatchObject({ status: 1 });
    expect(sysupgrade('-b').status).toBe(1);
  });
});
