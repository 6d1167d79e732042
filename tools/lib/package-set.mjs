/** What the packages hold: files, control fields, scripts. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path/posix';
import { repoRoot } from './run-ts.mjs';

/** The lines that OpenWrt's build puts before a package's own code; layering does their work without a shell. */
const stub = (kind) => `#!/bin/sh
[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
[ -s \${IPKG_INSTROOT}/lib/functions.sh ] || exit 0
. \${IPKG_INSTROOT}/lib/functions.sh
default_${kind} $0 $@
`;

/** Files that are not below `files/`, by their path on the router. */
const built = {
  'opkg-ostree': {
    'usr/share/man/man1/opkg-ostree.1': 'docs/man/opkg-ostree.1',
    'usr/share/bash-completion/completions/opkg-ostree': 'docs/completions/opkg-ostree.bash',
    'usr/share/zsh/site-functions/_opkg-ostree': 'docs/completions/opkg-ostree.zsh',
    'etc/profile.d/opkg-ostree.sh': 'docs/completions/opkg-ostree.ash',
  },
};

const packages = [
  {
    name: 'opkg-ostree',
    depends: 'node, opkg-ostree-boot, flock',
    section: 'admin',
    description: 'Package layering and atomic upgrades on an OSTree base, with a way back',
  },
  {
    name: 'opkg-ostree-boot',
    depends: '',
    section: 'base',
    essential: true,
    description: 'Early boot, boot health and the entry script of opkg-ostree',
  },
  {
    name: 'luci-app-opkg-ostree',
    depends: 'opkg-ostree, luci-base, rpcd',
    section: 'luci',
    description: 'Deployments, packages and upgrades of opkg-ostree in LuCI',
  },
];

/** The program's version. */
export const version = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')).version;

const owners = JSON.parse(readFileSync(join(repoRoot, 'packaging/files.json'), 'utf8'));

/** The package that owns a path below `files/`: what no other claims is the boot package's. */
export function ownerOf(path) {
  const claims = Object.entries(owners).filter(([, starts]) =>
    starts.some((start) => path.startsWith(start)),
  );
  return claims[0]?.[0] ?? 'opkg-ostree-boot';
}

function read(source, path) {
  const mode = statSync(source).mode & 0o111 ? 0o755 : 0o644;
  return { path, mode, content: readFileSync(source) };
}

function shippedFiles(name) {
  const root = join(repoRoot, 'files');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((source) => ownerOf(relative(root, source)) === name)
    .map((source) => read(source, relative(root, source)));
}

/** The bundles in `dist/`, which the build has made. */
export function bundles() {
  const dist = join(repoRoot, 'dist');
  return readdirSync(dist)
    .filter((name) => name.endsWith('.mjs'))
    .sort()
    .map((name) => ({ ...read(join(dist, name), `usr/lib/opkg-ostree/${name}`), mode: 0o644 }));
}

function scriptsOf(name) {
  const folder = join(repoRoot, 'packaging/scripts', name);
  const own = existsSync(folder) ? readdirSync(folder) : [];
  return {
    postinst: stub('postinst'),
    prerm: stub('prerm'),
    ...Object.fromEntries(own.map((member) => [member, readFileSync(join(folder, member), 'utf8')])),
  };
}

/**
 * Every package: its name, and what `makeIpk` makes it from. `time` is in Unix seconds.
 * @param {number} time
 */
export function packageSet(time) {
  return packages.map(({ name, depends, section, essential, description }) => {
    const files = [
      ...shippedFiles(name),
      ...Object.entries(built[name] ?? {}).map(([path, source]) => read(join(repoRoot, source), path)),
      ...(name === 'opkg-ostree' ? bundles() : []),
    ];
    /** @type {[string, string][]} */
    const control = [
      ['Package', name],
      ['Version', version],
      ...(depends === '' ? [] : [['Depends', depends]]),
      ['Source', `packaging/openwrt/opkg-ostree`],
      ['SourceName', 'opkg-ostree'],
      ['License', 'GPL-2.0-only'],
      ['Section', section],
      ['SourceDateEpoch', String(time)],
      ...(essential ? [['Essential', 'yes']] : []),
      ['Architecture', 'all'],
      // As OpenWrt's builds write it: with a blank of its own.
      ['Description', ` ${description}`],
    ];
    const conffiles = files.map(({ path }) => path).filter((path) => path.startsWith('etc/config/'));
    return { name, input: { control, files, scripts: scriptsOf(name), conffiles } };
  });
}
