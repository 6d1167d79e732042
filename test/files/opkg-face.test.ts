import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { productFiles } from '../../src/sys/rare.ts';
import { busybox, script } from './ash.ts';

it('is in every base: without Node the real opkg would say that it removes, on a read-only root', () => {
  expect([...productFiles().keys()]).toContain('usr/sbin/opkg');
});

describe.skipIf(busybox === undefined)('the name opkg on a router (needs busybox)', () => {
  let root: string;
  beforeAll(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'opkg-face-'));
    fs.mkdirSync(join(root, 'deployed/ostree/repo'), { recursive: true });
    fs.mkdirSync(join(root, 'bin'));
    fs.mkdirSync(join(root, 'lib'));
    fs.writeFileSync(join(root, 'lib/opkg-ostree.mjs'), '');
    fs.writeFileSync(join(root, 'real'), '#!/bin/sh\necho real "$@"\n', { mode: 0o755 });
    fs.writeFileSync(join(root, 'bin/node'), '#!/bin/sh\nshift\necho bundle "$@"\n', { mode: 0o755 });
  });
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  const call = (line: string, env: Record<string, string> = {}) =>
    script('usr/sbin/opkg', line === '' ? [] : line.split(' '), {
      OPKG_OSTREE_SYSROOT: join(root, 'deployed'),
      OPKG_OSTREE_REAL_OPKG: join(root, 'real'),
      OPKG_OSTREE_LIB: join(root, 'lib'),
      PATH: `${join(root, 'bin')}:/usr/bin:/bin`,
      ...env,
    });
  const opkg = (line: string, env: Record<string, string> = {}) => call(line, env).stdout.trim();
  const withoutNode = { PATH: '/nonexistent' };

  it.each([
    'install tcpdump',
    'list-installed',
    'status dnsmasq',
    '-V0 --force-depends install list-installed',
    '-o /tmp/other install x',
    '--version',
    'frobnicate',
    '',
  ])('hands everything to the bundle: %s', (line) => {
    expect(opkg(line)).toBe(`bundle opkg ${line}`.trim());
  });

  it('is the real one where the system is no deployment, if there is one', () => {
    const stock = { OPKG_OSTREE_SYSROOT: join(root, 'stock') };
    expect(opkg('install x', stock)).toBe('real install x');
    if (fs.existsSync('/usr/bin/opkg')) return;
    expect(opkg('install x', { ...stock, OPKG_OSTREE_REAL_OPKG: '' })).toBe('bundle opkg install x');
  });

  describe('without Node', () => {
    it.each([
      'list-installed',
      'list_installed tcp*',
      'list',
      'info tcpdump',
      'files dnsmasq',
      'search /bin/sh',
      '-V2 print-architecture',
      'compare-versions 1 << 2',
      '--conf /etc/x.conf list-installed',
      '-f install list-installed',
      '--version',
      'update',
      'download x',
      '-o /tmp install x',
      '--offline-root=/tmp remove x',
      '-o/tmp remove x',
    ])('lets the real one answer, and work on other roots: %s', (line) => {
      expect(opkg(line, withoutNode)).toBe(`real ${line}`);
    });

    it.each([
      'install tcpdump',
      'remove tcpdump',
      'upgrade x',
      'flag hold dnsmasq',
      'configure',
      '-d ram install x',
      '-o / remove x',
      '--offline-root=/ install x',
      '-o/ install x',
    ])('never lets the real one change the deployment: %s', (line) => {
      const ended = call(line, withoutNode);
      expect(ended).toMatchObject({ status: 255, stdout: '' });
      expect(ended.stderr).toMatch(/^opkg: '\w+' needs Node\.js/u);
    });

    it('heeds the offline root of the environment', () => {
      expect(opkg('install x', { ...withoutNode, OFFLINE_ROOT: '/tmp' })).toBe('real install x');
      expect(call('install x', { ...withoutNode, OFFLINE_ROOT: '/' }).status).toBe(255);
    });
  });
});
