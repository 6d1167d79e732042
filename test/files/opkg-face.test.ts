import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busybox, script } from './ash.ts';

describe.skipIf(busybox === undefined)('the name opkg on a router (needs busybox)', () => {
  let root: string;
  beforeAll(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'opkg-face-'));
    fs.mkdirSync(join(root, 'deployed/ostree/repo'), { recursive: true });
    for (const name of ['real', 'layering']) {
      fs.writeFileSync(join(root, name), `#!/bin/sh\necho ${name} "$@"\n`, { mode: 0o755 });
    }
  });
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  const opkg = (args: readonly string[], sysroot = 'deployed', env: Record<string, string> = {}) =>
    script('usr/sbin/opkg', args, {
      OPKG_OSTREE_SYSROOT: join(root, sysroot),
      OPKG_OSTREE_REAL_OPKG: join(root, 'real'),
      OPKG_OSTREE: join(root, 'layering'),
      ...env,
    }).stdout.trim();

  it.each([
    'list-installed',
    'list_installed tcp*',
    'status dnsmasq',
    'files dnsmasq',
    'search /bin/sh',
    '-V2 print-architecture',
    'compare-versions 1 << 2',
    'whatdepends libc',
    '--conf /etc/x.conf list-installed',
    '-f install list-installed',
    '--version',
    '-o /tmp/other install x',
    '--offline-root=/tmp/other remove x',
    '-o/tmp/other remove x',
  ])('lets the real one answer: %s', (line) => {
    expect(opkg(line.split(' '))).toBe(`real ${line}`);
  });

  it.each([
    'install tcpdump',
    'remove tcpdump',
    'upgrade',
    'update',
    'flag hold dnsmasq',
    'configure',
    'list',
    'info tcpdump',
    'find x',
    'download x',
    '-V0 --force-depends install list-installed',
    '-d ram install x',
    '-A whatdepends libc',
    'frobnicate',
    '',
    '-o / remove x',
    '--offline-root=/ install x',
    '-o/ install x',
  ])('never lets the real one change or guess: %s', (line) => {
    const args = line === '' ? [] : line.split(' ');
    expect(opkg(args)).toBe(`layering opkg ${line}`.trim());
  });

  it('asks the real one about packages where there is no Node', () => {
    expect(opkg(['info', 'x'], 'deployed', { PATH: '/nonexistent' })).toBe('real info x');
    expect(opkg(['install', 'x'], 'deployed', { PATH: '/nonexistent' })).toBe('layering opkg install x');
  });

  it('is the real one where the system is no deployment, or for somebody else’s root', () => {
    expect(opkg(['install', 'x'], 'stock')).toBe('real install x');
    expect(opkg(['install', 'x'], 'deployed', { OFFLINE_ROOT: '/tmp/other' })).toBe('real install x');
    expect(opkg(['install', 'x'], 'deployed', { OFFLINE_ROOT: '/' })).toBe('layering opkg install x');
  });
});
