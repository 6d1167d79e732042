import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogEntry } from './catalog.ts';
import type { Deb } from './deb.ts';
import { file, type TreeEntry } from './entries.ts';
import type { IpkSpec } from './ipk-builder.ts';
import { FIXTURE_ARCH, type Release } from './release.ts';

/** What no router wants, and what is Debian's own plumbing. */
const PRUNED =
  /^usr\/share\/(doc|doc-base|man|info|locale|lintian|bug|menu|icons|pixmaps|applications|bash-completion|debianutils|dbus-1|gdb|zsh|perl5|fish|mime|mime-packages)(\/|$)|^usr\/lib\/(systemd|mime|tmpfiles\.d|sysusers\.d)(\/|$)|^lib\/systemd(\/|$)|^etc\/(init\.d|default|network|logrotate\.d|apparmor\.d|ld\.so\.conf\.d|cron|pam\.d|skel|menu)|\/gconv(\/|$)|^lib64(\/|$)|^var(\/|$)/;
const MULTIARCH = /(^|\/)lib\/x86_64-linux-gnu(?=\/|$)/;

/** Makes one OpenWrt package's specification; `names` maps Debian names to those of the packages that exist. */
export function repack(
  entry: CatalogEntry,
  deb: Deb | undefined,
  names: ReadonlyMap<string, string>,
  release: Release,
  fixtures: string,
): IpkSpec {
  const name = entry.name ?? entry.deb ?? '';
  const folder = join(fixtures, entry.files ?? name);
  const debian = deb === undefined ? [] : debianData(entry, deb);
  const data = [...debian, ...fixtureData(folder, release)];
  const paths = new Set(data.filter((item) => item.type === 'file').map((item) => `/${item.path}`));
  return {
    name,
    version: packageVersion(entry, deb, release),
    arch: entry.arch ?? FIXTURE_ARCH,
    fields: controlFields(entry, deb, names, name),
    description: entry.description ?? deb?.description ?? name,
    data,
    conffiles: [...(deb?.conffiles ?? []), ...(entry.conffiles ?? [])]
      .filter((path) => paths.has(path))
      .sort(),
    scripts: fixtureScripts(folder),
    mtime: entry.bumped === true ? release.epoch : FIRST_EPOCH,
  };
}

/** Packages that do not change between the releases carry the first one's time, so that their bytes are equal. */
const FIRST_EPOCH = 1744562312;

/** The files of `folder`, executable where the file is. */
export function readTree(folder: string, prefix = ''): TreeEntry[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = prefix === '' ? item.name : `${prefix}/${item.name}`;
    const full = join(folder, item.name);
    if (item.isDirectory()) return readTree(full, path);
    const executable = (statSync(full).mode & 0o100) !== 0;
    return [file(path, readFileSync(full), executable ? 0o755 : 0o644)];
  });
}

function debianData(entry: CatalogEntry, deb: Deb): TreeEntry[] {
  return deb.entries
    .filter((item) => item.type !== 'dir')
    .map((item) => ({ ...item, uid: 0, gid: 0, path: item.path.replace(MULTIARCH, '$1lib') }))
    .filter((item) => !PRUNED.test(item.path) && (entry.only?.test(item.path) ?? true))
    .map((item) => ({
      ...item,
      path: entry.moved?.[item.path] ?? item.path,
      mode: entry.modes?.[item.path] ?? item.mode & 0o755,
      ...(item.target === undefined ? {} : { target: item.target.replace(MULTIARCH, '$1lib') }),
    }));
}

function fixtureData(folder: string, release: Release): TreeEntry[] {
  const first = readTree(join(folder, 'data'));
  return release.number === 1 ? first : [...first, ...readTree(join(folder, 'data-2'))];
}

function fixtureScripts(folder: string): Record<string, string> {
  const found = ['postinst-pkg', 'prerm-pkg', 'preinst', 'postrm', 'postinst', 'prerm']
    .map((name) => [name, join(folder, name)] as const)
    .filter(([, path]) => existsSync(path));
  return Object.fromEntries(found.map(([name, path]) => [name, readFileSync(path, 'utf8')]));
}

function controlFields(
  entry: CatalogEntry,
  deb: Deb | undefined,
  names: ReadonlyMap<string, string>,
  name: string,
): Record<string, string> {
  const extra = entry.fields ?? {};
  const abi = entry.deb === undefined ? undefined : abiOf(name);
  const depends = [
    ...new Set([...libcOf(name), ...mappedDepends(deb, names), ...splitList(extra['Depends'])]),
  ];
  const fields: Record<string, string> = { ...(depends.length > 0 ? { Depends: depends.join(', ') } : {}) };
  if (abi !== undefined) Object.assign(fields, { ABIVersion: abi.version, Provides: abi.base });
  for (const [key, value] of Object.entries(extra)) if (key !== 'Depends') fields[key] = value;
  const source = { Source: `feeds/fixture/${name}`, SourceName: name, License: 'GPL-2.0' };
  return { ...fields, ...source, Section: entry.section ?? 'utils' };
}

/** Nearly every package of a feed names libc; the image's own lowest ones do not name themselves. */
function libcOf(name: string): string[] {
  return name === 'libc' ? [] : ['libc'];
}

function mappedDepends(deb: Deb | undefined, names: ReadonlyMap<string, string>): string[] {
  return splitList(deb?.depends).flatMap((item) => {
    const match = /^([a-z0-9.+-]+)(?:\s*\(\s*([<>=]+)\s*([^)\s]+)\s*\))?/.exec(item);
    const mapped = names.get(match?.[1] ?? '');
    if (mapped === undefined || mapped === 'libc' || item.includes('|')) return [];
    const [operator, version] = [match?.[2], match?.[3]];
    if (operator === undefined || version === undefined || mapped !== match?.[1]) return [mapped];
    if (operator === '=') return [mapped];
    return [`${mapped} (${operator} ${upstream(version)})`];
  });
}

function splitList(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function packageVersion(entry: CatalogEntry, deb: Deb | undefined, release: Release): string {
  const later = entry.bumped === true && release.number === 2;
  if (entry.name === 'base-files') return `${entry.version}~${release.revision.slice(1).replace('-', '.')}`;
  const version = deb === undefined ? (entry.version ?? '1-r1') : openwrtVersion(deb.version);
  return later ? version.replace(/-r(\d+)$/, (_, number: string) => `-r${Number(number) + 1}`) : version;
}

/** `1:590-2.1~deb12u2` becomes `590-r2`. */
function openwrtVersion(version: string): string {
  const revision = /-(\d+)[^-]*$/.exec(version)?.[1] ?? '1';
  return `${upstream(version)}-r${revision}`;
}

function upstream(version: string): string {
  return version
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/~$/, '');
}

/** A library's trailing number is its ABI version: `libpcap0.8` provides `libpcap`. */
function abiOf(name: string): { base: string; version: string } | undefined {
  const match = /^(lib[a-z0-9+-]*?[a-z+])-?(\d+(?:\.\d+)*)$/.exec(name);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { base: match[1], version: match[2] };
}
