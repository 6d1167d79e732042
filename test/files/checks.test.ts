import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ash, busybox } from './ash.ts';

const running = `openwrt/deploy/${'a'.repeat(64)}.0`;
const other = `openwrt/deploy/${'b'.repeat(64)}.0`;

describe.skipIf(busybox === undefined)('built-in health checks and the guard (needs busybox)', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'checks-'));
    for (const name of [running, other])
      fs.mkdirSync(join(root, 'ostree/deploy', name, 'usr'), { recursive: true });
    fs.mkdirSync(join(root, 'ostree/opkg-ostree'), { recursive: true });
    fs.mkdirSync(join(root, 'run'));
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  const check = (script: string, env: Record<string, string> = {}) => {
    const { status, stdout } = ash(root, script, {
      OPKG_OSTREE_RUN: join(root, 'run'),
      OPKG_OSTREE_CHECKS: join(root, 'checks.d'),
      OPKG_OSTREE_REQUIRED: join(root, 'required'),
      OPKG_OSTREE_PROBE: join(root, 'probe'),
      ...env,
    });
    return { status, said: stdout.trim() };
  };

  const ubus = (interfaces: string) =>
    `ubus() { echo dump; }; jsonfilter() { printf '%b' '${interfaces}'; }; check_interfaces`;
  it.each([
    { what: 'all interfaces up', script: ubus(''), status: 0, said: 'all are up' },
    { what: 'interfaces down', script: ubus('wan\\nwan6\\n'), status: 1, said: 'down: wan wan6' },
    {
      what: 'no netifd',
      script: 'ubus() { return 4; }; jsonfilter() { :; }; check_interfaces',
      status: 77,
      said: '',
    },
    { what: 'no procd', script: 'check_procd', status: 77, said: '' },
    { what: 'no probe', script: 'check_probe', status: 77, said: '' },
  ])('$what', ({ script, status, said }) => {
    expect(check(script)).toEqual({ status, said });
  });

  it('asks the host of the probe, and none that looks like an option', () => {
    const ping = `bb() { case "$1" in ping) shift; echo "$*" > '${root}/asked'; return $ANSWER ;; *) ${busybox} "$@" ;; esac; }; check_probe`;
    fs.writeFileSync(join(root, 'probe'), '192.0.2.1\n');
    expect(check(ping, { ANSWER: '0' })).toEqual({ status: 0, said: '192.0.2.1 answers' });
    expect(fs.readFileSync(join(root, 'asked'), 'utf8')).toBe('-c 1 -W 5 192.0.2.1\n');
    expect(check(ping, { ANSWER: '1' })).toEqual({ status: 1, said: '192.0.2.1 does not answer' });
    fs.rmSync(join(root, 'asked'));
    fs.writeFileSync(join(root, 'probe'), '-I eth0; reboot\n');
    expect(check(ping, { ANSWER: '0' }).status).toBe(1);
    expect(fs.existsSync(join(root, 'asked'))).toBe(false);
  });

  it('takes a wanted check for a required one where the admin says so', () => {
    const script =
      'check_default_route() { echo none; return 1; }; health_check; echo "<$REQUIRED_FAILED><$WANTED_FAILED>"';
    expect(check(script).said).toMatch(/<><.* default-route>/u);
    fs.writeFileSync(join(root, 'required'), 'default-route\n');
    expect(check(script).said).toMatch(/< default-route></u);
  });

  const fakes = `booted_deployment() { echo ${running}; }; log() { echo "log: $1"; }; give_up() { echo "give up: $1"; }\n`;
  const state = (pending: string) =>
    fs.writeFileSync(
      join(root, 'ostree/opkg-ostree/boot-state'),
      `format 1\npending ${pending}\ngood ${other}\ntries 2\n`,
    );
  it('gives up a deployment on trial whose init scripts do not return', () => {
    state(running);
    const late = check(`${fakes}health guard`, { OPKG_OSTREE_START_LIMIT: '0' });
    expect(late.said).toBe('give up: its init scripts did not all return within 0 seconds');
  });

  it('leaves alone what reached its health check, and what is not on trial', () => {
    state(running);
    fs.writeFileSync(join(root, 'run/started'), '');
    expect(check(`${fakes}health guard`, { OPKG_OSTREE_START_LIMIT: '9999999' }).said).toBe('');
    fs.rmSync(join(root, 'run/started'));
    state(other);
    expect(check(`${fakes}health guard`, { OPKG_OSTREE_START_LIMIT: '0' }).said).toBe('');
  });
});
