import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ash, busybox } from './ash.ts';

const running = `openwrt/deploy/${'a'.repeat(64)}.0`;
const other = `openwrt/deploy/${'b'.repeat(64)}.0`;
/** What the running system would say: no ubus, no kernel log, nothing that restarts the machine. */
const fakes = `booted_deployment() { echo ${running}; }
log() { echo "log: $1"; }
switch_to() { echo "switch to $1"; }
`;

describe.skipIf(busybox === undefined)('health in sh (needs busybox)', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'health-'));
    fs.mkdirSync(join(root, 'ostree/opkg-ostree'), { recursive: true });
    for (const name of [running, other])
      fs.mkdirSync(join(root, 'ostree/deploy', name, 'usr'), { recursive: true });
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  const write = (path: string, content: string) => {
    fs.mkdirSync(dirname(join(root, path)), { recursive: true });
    fs.writeFileSync(join(root, path), content, { mode: 0o755 });
  };
  const state = () => fs.readFileSync(join(root, 'ostree/opkg-ostree/boot-state'), 'utf8');
  const health = (command: string) =>
    ash(root, fakes + command, {
      OPKG_OSTREE_CHECKS: join(root, 'checks'),
      OPKG_OSTREE_RUN: join(root, 'run'),
      OPKG_OSTREE_FIRST_BOOT: join(root, 'first-boot'),
      OPKG_OSTREE_VAR: join(root, 'var'),
      OPKG_OSTREE_HEALTH_DEADLINE: '0',
    });

  it('fails by a required check, not by a wanted one, and shows the first line of each', () => {
    write('checks/required/disk', '#!/bin/sh\necho 40 MB free\necho more\n');
    write('checks/wanted/uplink', '#!/bin/sh\necho no uplink\nexit 1\n');
    write('checks/required/absent', '#!/bin/sh\nexit 77\n');
    const good = health('health check');
    expect(good.status).toBe(0);
    expect(good.stdout).toMatch(/^ok {6}disk {12}40 MB free\n(?:.*\n)*failed {2}uplink {10}no uplink\n$/mu);
    expect(good.stdout).not.toMatch(/absent/u);
    write('checks/required/disk', '#!/bin/sh\nexit 3\n');
    const bad = health('health check');
    expect(bad.status).toBe(1);
    expect(bad.stdout).toMatch(/^failed {2}disk {12}status 3$/mu);
  });

  it('ends a check that hangs', () => {
    write('checks/required/hangs', '#!/bin/sh\nexec sleep 60\n');
    const result = health('CHECK_LIMIT=1; health check');
    expect(result.status).toBe(1);
    expect(result.stdout).toMatch(/^failed {2}hangs/mu);
  });

  it.each([
    {
      what: 'marks the deployment on trial good',
      pending: running,
      confirm: '',
      check: 0,
      expected: `format 1\ngood ${running}\n`,
    },
    {
      what: 'leaves another deployment’s trial alone',
      pending: other,
      confirm: '',
      check: 0,
      expected: `format 1\npending ${other}\ngood ${running}\ntries 2\n`,
    },
    {
      what: 'leaves it alone when checks fail, too',
      pending: other,
      confirm: '',
      check: 1,
      expected: `format 1\npending ${other}\ngood ${running}\ntries 2\n`,
    },
  ])('$what', ({ pending, check, expected }) => {
    const good = pending === running ? other : running;
    write('ostree/opkg-ostree/boot-state', `format 1\npending ${pending}\ngood ${good}\ntries 2\n`);
    write('checks/required/it', `#!/bin/sh\nexit ${check}\n`);
    health('health run');
    expect(state()).toBe(expected);
  });

  it('goes back where a required check of the deployment on trial keeps failing', () => {
    write('ostree/opkg-ostree/boot-state', `format 1\npending ${running}\ngood ${other}\ntries 2\n`);
    write('checks/required/it', '#!/bin/sh\nexit 1\n');
    const result = health('give_up() { echo "give up: $1"; }; health run');
    expect(result.stdout).toMatch(/give up: checks failed: it/u);
  });

  it('waits for the confirmation, and goes back without it', () => {
    write(
      'ostree/opkg-ostree/boot-state',
      `format 1\npending ${running}\ngood ${other}\ntries 2\nconfirm 1\n`,
    );
    const late = health('give_up() { echo "give up: $1"; }; health run');
    expect(late.stdout).toMatch(/give up: not confirmed within 1 seconds/u);
    expect(health('health_confirm').stdout).toMatch(new RegExp(`^${running} stays$`, 'mu'));
    expect(state()).toBe(`format 1\ngood ${running}\n`);
    expect(health('health_confirm').stdout).toBe('nothing to confirm\n');
  });

  it('runs the deferred script of a package once for each deployment, and keeps what it said', () => {
    write('first-boot/tor/postinst', '#!/bin/sh\necho "tor $1 $PWD"; echo complaint >&2; exit 3\n');
    write('first-boot/nano/postinst', 'echo nano\n');
    expect(health('health first-boot').stdout).toMatch(/the script of tor ended with status 3/u);
    expect(health('health first-boot').stdout).toBe('');
    expect(fs.readFileSync(join(root, 'var/first-boot.log'), 'utf8')).toBe(
      `== ${running} nano\nnano\n== status 0\n== ${running} tor\ntor configure /\ncomplaint\n== status 3\n`,
    );
    expect(fs.readFileSync(join(root, 'var/first-boot.done'), 'utf8')).toBe(
      `${running} nano\n${running} tor\n`,
    );
    expect(health(`booted_deployment() { echo ${other}; }; health first-boot`).stdout).not.toBe('');
  });
});
