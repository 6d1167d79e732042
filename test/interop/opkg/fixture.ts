/** A root, a feed and packages that meet every branch of opkg's commands. Same bytes at every run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildIndex, buildIpk, gzip, type IpkInput } from '../../support/ipk.ts';

interface FixturePackage extends IpkInput {
  readonly control: Readonly<Record<string, string>>;
}

const note = (text: string) => `#!/bin/sh\necho "${text} $*"\n`;

function pkg(
  name: string,
  version: string,
  fields: Readonly<Record<string, string>> = {},
  rest: Omit<FixturePackage, 'control'> = {},
): FixturePackage {
  return {
    control: {
      Package: name,
      Version: version,
      ...fields,
      Architecture: fields['Architecture'] ?? 'all',
      'Installed-Size': '1024',
      Description: ` The package ${name}\n in two lines`,
    },
    files: { [`usr/share/${name}/version`]: `${name} ${version}\n` },
    ...rest,
  };
}

/** The feed `main`: the old versions are offered by the feed `old`. */
const mainPackages: readonly FixturePackage[] = [
  pkg('alone', '1.0-1', { Section: 'utils', Maintainer: 'A <a@example.org>' }),
  pkg(
    'app',
    '2.0-1',
    { Depends: 'lib (>= 1.0), data', Section: 'net' },
    {
      files: {
        'usr/bin/app': { content: '#!/bin/sh\necho app 2\n', mode: 0o755 },
        'usr/bin/app-link': { type: 'symlink', link: 'app' },
        'etc/config/app': "config app\n\toption level '2'\n",
        'etc/init.d/app': { content: '#!/bin/sh /etc/rc.common\nSTART=50\n', mode: 0o755 },
        'usr/share/app/new': 'new\n',
      },
      conffiles: ['/etc/config/app'],
      scripts: { postinst: note('app postinst'), prerm: note('app prerm') },
    },
  ),
  pkg('lib', '1.5-1', { Depends: 'libc', Provides: 'libvirtual', ABIVersion: '5' }),
  pkg('data', '1-1', { Architecture: 'x86_64' }),
  pkg('new-lib', '3.0-1', { Depends: 'libc', Provides: 'lib-next, lib-any' }),
  pkg('other-lib', '1.0-1', { Provides: 'lib-any' }),
  pkg('any', '1-1', { Depends: 'lib-any' }),
  pkg('broken', '1-1', { Depends: 'not-there (>= 2), data | gone' }),
  pkg('deep', '1-1', { Depends: 'broken' }),
  pkg('cycle-a', '1-1', { Depends: 'cycle-b' }),
  pkg('cycle-b', '1-1', { Depends: 'cycle-a' }),
  pkg('choice', '1-1', { Depends: 'nothing | other-lib | new-lib' }),
  pkg('versioned', '1-1', { Depends: 'lib (>= 9)' }),
  pkg('strict', '1-1', { Depends: 'lib (<< 1.5-1)' }),
  pkg('foreign', '1-1', { Architecture: 'mips' }),
  pkg('clash', '1-1', {}, { files: { 'usr/share/data/version': 'clash\n', 'usr/share/clash/x': 'x\n' } }),
  pkg('taker', '1-1', { Replaces: 'data' }, { files: { 'usr/share/data/version': 'taker\n' } }),
  pkg('enemy', '1-1', { Conflicts: 'data (>= 1)' }),
  pkg('stand-in', '1-1', { Conflicts: 'alone', Replaces: 'alone', Provides: 'alone' }),
  pkg('essential', '1-1', { Essential: 'yes' }),
  pkg('fails', '1-1', {}, { scripts: { postinst: '#!/bin/sh\nexit 3\n' } }),
  pkg('refuses', '1-1', {}, { scripts: { preinst: '#!/bin/sh\nexit 4\n' } }),
  pkg('stays', '1-1', {}, { scripts: { prerm: '#!/bin/sh\nexit 5\n' } }),
  pkg(
    'scripts',
    '1-1',
    {},
    {
      scripts: {
        preinst: '#!/bin/sh\necho "preinst $* root=$PKG_ROOT upgrade=$PKG_UPGRADE"\n',
        postinst: '#!/bin/sh\necho "postinst $* root=$PKG_ROOT upgrade=$PKG_UPGRADE"\n',
        prerm: '#!/bin/sh\necho "prerm $* root=$PKG_ROOT upgrade=$PKG_UPGRADE"\n',
        postrm: '#!/bin/sh\necho "postrm $* root=$PKG_ROOT upgrade=$PKG_UPGRADE"\n',
      },
    },
  ),
  pkg(
    'alt-low',
    '1-1',
    { Alternatives: '100:/usr/bin/tool:/usr/libexec/tool-low' },
    {
      files: { 'usr/libexec/tool-low': 'low\n' },
    },
  ),
  pkg(
    'alt-high',
    '1-1',
    { Alternatives: '200:/usr/bin/tool:/usr/libexec/tool-high, 1:relative:x' },
    {
      files: { 'usr/libexec/tool-high': 'high\n' },
    },
  ),
  pkg('recommends', '1-1', { Recommends: 'alone, not-there', Suggests: 'data' }),
  pkg('plus+name', '1.0+git-1'),
  pkg('huge', '1-1'),
];

const oldPackages: readonly FixturePackage[] = [
  pkg(
    'app',
    '1.0-1',
    { Depends: 'lib, extra', Section: 'net' },
    {
      files: {
        'usr/bin/app': { content: '#!/bin/sh\necho app 1\n', mode: 0o755 },
        'etc/config/app': "config app\n\toption level '1'\n",
        'usr/share/app/obsolete': 'old\n',
      },
      conffiles: ['/etc/config/app'],
      scripts: { postinst: note('old app postinst'), prerm: note('old app prerm') },
    },
  ),
  pkg('extra', '1-1'),
  pkg('lib', '1.0-1', { Depends: 'libc', Provides: 'libvirtual', ABIVersion: '5' }),
  pkg(
    'scripts',
    '0.9-1',
    {},
    {
      scripts: {
        prerm: '#!/bin/sh\necho "old prerm $* upgrade=$PKG_UPGRADE"\n',
        postrm: '#!/bin/sh\necho "old postrm $* upgrade=$PKG_UPGRADE"\n',
      },
    },
  ),
];

const libcStatus = `Package: libc
Version: 1.2-1
Status: install hold,user installed
Architecture: x86_64
Installed-Time: 1534405875

Package: busybox
Version: 1.28-3
Depends: libc
Status: install user installed
Architecture: x86_64
Conffiles:
 /etc/config/busybox 8a8a0d3f1ee9c5e5b3b6e5d0f6b8d6b9c9a2c1f0d7e4b3a2f1e0d9c8b7a69584
Installed-Time: 1534405875

`;

/** Writes the feeds with their packages below `folder/feeds`; without those that opkg 18.06 ends at with a crash. */
export function writeFeeds(folder: string, options: { readonly forOldOpkg: boolean }): void {
  for (const [name, packages] of [
    ['main', mainPackages],
    ['old', oldPackages],
  ] as const) {
    const chosen = packages.filter(
      ({ control }) =>
        !options.forOldOpkg || (control['Architecture'] !== 'mips' && control['Replaces'] === undefined),
    );
    const entries = chosen.map((input) => {
      const { Package: name = '', Version: version = '', Architecture: arch = '' } = input.control;
      return { fileName: `${name}_${version}_${arch}.ipk`, bytes: buildIpk(input), control: input.control };
    });
    const target = join(folder, 'feeds', name);
    mkdirSync(target, { recursive: true });
    for (const { fileName, bytes } of entries) {
      const damaged = fileName.startsWith('huge_') ? bytes.subarray(0, bytes.byteLength - 1) : bytes;
      writeFileSync(join(target, fileName), damaged);
    }
    const index = buildIndex(entries);
    writeFileSync(join(target, 'Packages'), index);
    writeFileSync(join(target, 'Packages.gz'), gzip(Buffer.from(index)));
  }
}

/** Writes an empty OpenWrt root with `libc` and `busybox` in its database and the feeds configured. */
export function writeRoot(root: string, feeds: string): void {
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const folder of ['var/lock', 'tmp', 'usr/lib/opkg/info', 'usr/bin', 'bin'])
    mkdirSync(join(root, folder), { recursive: true });
  put('usr/lib/opkg/status', libcStatus);
  put('usr/lib/opkg/info/libc.list', '/lib/libc.so\n');
  put('usr/lib/opkg/info/libc.control', 'Package: libc\nVersion: 1.2-1\nArchitecture: x86_64\n');
  put('usr/lib/opkg/info/busybox.list', '/bin/busybox\n/etc/config/busybox\n');
  put('lib/libc.so', 'libc\n');
  put('bin/busybox', 'busybox\n');
  put('etc/config/busybox', 'config busybox\n');
  put(
    'etc/opkg/feeds.conf',
    [
      `src/gz main file://${feeds}/main`,
      `src old file://${feeds}/old`,
      'dest root /',
      'dest ram /mnt/ram',
      'lists_dir ext /var/opkg-lists',
      'arch all 1',
      'arch noarch 1',
      'arch x86_64 10',
      '',
    ].join('\n'),
  );
}
