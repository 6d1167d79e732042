import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpkgOstreeError, toPackageName, toRelPath } from '../../src/base/index.ts';
import {
  isPresent,
  makeStatusEntry,
  parseControl,
  parseFileList,
  parsePackageState,
  parseStatus,
  renderFileList,
  renderPackageState,
  renderStatus,
  withState,
} from '../../src/ipk/index.ts';
import { controlText } from '../support/ipk.ts';
import { codeOf } from '../support/outcomes.ts';
import { openwrtRootfs } from '../support/shared-data.ts';

// Two entries of a real OpenWrt 18.06.1 database, one with an MD5 conffile of an older one.
const database = `Package: opkg
Version: 2017-12-07-3b417b9f-2
Depends: libc, uclient-fetch, libpthread, libubox
Status: install user installed
Essential: yes
Architecture: i386_pentium4
Conffiles:
 /etc/opkg.conf b73c0a02cb7bc300b2e6c7c29e8e6d38bdb6ded314319e89be3b352f59fff5ab
 /etc/opkg/customfeeds.conf 0123456789abcdef0123456789abcdef
Installed-Time: 1534405875

Package: kmod-mii
Version: 4.14.63-1
Depends: kernel (= 4.14.63-1-e0646bb44880cd3467815ba26fd9c20c)
Status: install hold,user installed
Architecture: i386_pentium4
Installed-Time: 1534405875
Auto-Installed: yes
X-Ours: kept

`;
const rootfs = openwrtRootfs();

describe('the status database', () => {
  it('comes back byte for byte', () => {
    expect(renderStatus(parseStatus(database))).toBe(database);
  });

  it.skipIf(rootfs === undefined)('of a real OpenWrt root comes back byte for byte', () => {
    const text = execFileSync('tar', ['-xzOf', rootfs ?? '', './usr/lib/opkg/status'], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    const entries = parseStatus(text);
    expect(entries.length).toBeGreaterThan(100);
    expect(renderStatus(entries)).toBe(text);
  });

  it('tells what opkg knows', () => {
    const [opkg, mii] = parseStatus(database);
    expect(opkg).toMatchObject({
      want: 'install',
      flags: ['user'],
      state: 'installed',
      installedTime: 1534405875,
    });
    expect(opkg?.conffiles.map((c) => c.hash.length)).toEqual([64, 32]);
    expect(mii).toMatchObject({ flags: ['hold', 'user'], autoInstalled: true });
  });

  it('gives fields their order back, unknown ones last in theirs', () => {
    const text = 'X-B: 1\nStatus: install ok installed\nX-A: 2\nVersion: 1\nPackage: a\n\n';
    expect(renderStatus(parseStatus(text))).toBe(
      'Package: a\nVersion: 1\nStatus: install ok installed\nX-B: 1\nX-A: 2\n\n',
    );
  });

  it('skips a paragraph without Package and reads what a failed install left', () => {
    const [entry] = parseStatus('Status: x\n\nPackage: gone\nStatus: install user not-installed\n\n');
    expect(entry).toMatchObject({ name: 'gone', version: '', architecture: '', state: 'not-installed' });
    expect(entry !== undefined && isPresent(entry)).toBe(false);
  });

  it('takes other status words without losing a field', () => {
    const [, mii] = parseStatus(database);
    expect(mii).toBeDefined();
    if (mii === undefined) return;
    const changed = withState(mii, { flags: [], state: 'unpacked' });
    expect(renderStatus([changed])).toBe(
      renderStatus([mii]).replace('install hold,user installed', 'install ok unpacked'),
    );
    expect(changed.state).toBe('unpacked');
  });

  it('gets an entry for a new package in the form that opkg writes', () => {
    const control = parseControl(
      controlText({
        control: {
          Package: 'libx1',
          ABIVersion: '1',
          Depends: 'libc,zlib (=1.2-3)',
          Provides: 'libx',
          Conflicts: 'libx2 (<< 3)',
          Alternatives: '200:/bin/x:/bin/y',
          License: 'MIT',
          Section: 'libs',
          'Installed-Size': '12',
          Description: 'x',
        },
      }),
    );
    const entry = makeStatusEntry(control, {
      want: 'install',
      flags: ['user'],
      state: 'installed',
      autoInstalled: false,
      installedTime: 1534405875,
      conffiles: [{ path: '/etc/x', hash: 'a'.repeat(64) }],
    });
    expect(renderStatus([entry])).toBe(
      [
        'Package: libx1',
        'ABIVersion: 1',
        'Version: 1.0-1',
        'Depends: libc, zlib (= 1.2-3)',
        'Provides: libx',
        'Conflicts: libx2 (<< 3)',
        'Status: install user installed',
        'Architecture: all',
        'Conffiles:',
        ` /etc/x ${'a'.repeat(64)}`,
        'Installed-Time: 1534405875',
        'Alternatives: 200:/bin/x:/bin/y',
        '',
        '',
      ].join('\n'),
    );
    expect(entry.name).toBe(toPackageName('libx1'));
    expect(parseStatus(renderStatus([entry]))).toEqual([entry]);
  });

  it('is refused with the package named where an entry is malformed', () => {
    expect(codeOf(() => parseStatus('Package: a\nStatus: install what installed\n\n'))).toBe(
      'CONTROL_INVALID',
    );
    expect(() => parseStatus('Package: a\nVersion: 1\nDepends: (\n\n')).toThrow(/package a/u);
  });

  it('is read or refused with a typed error, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(database.length), (noise, at) => {
        try {
          parseStatus(database.slice(0, at) + noise + database.slice(at));
        } catch (error) {
          expect(error).toSatisfy(isOpkgOstreeError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('status words', () => {
  const state = fc.record({
    want: fc.constantFrom('unknown', 'install', 'deinstall', 'purge'),
    flags: fc.subarray(['hold', 'noprune', 'prefer', 'obsolete', 'user']),
    state: fc.constantFrom('not-installed', 'unpacked', 'installed', 'half-configured'),
  } as const);
  it('are the same after render and parse', () => {
    fc.assert(
      fc.property(state, (s) => {
        expect(parsePackageState(renderPackageState(s))).toEqual(s);
      }),
    );
  });
});

describe('file lists', () => {
  it('are absolute paths, sorted', () => {
    const text = renderFileList(['usr/bin/b', 'etc/a'].map(toRelPath));
    expect(text).toBe('/etc/a\n/usr/bin/b\n');
    expect(parseFileList(text)).toEqual(['etc/a', 'usr/bin/b']);
  });
});
