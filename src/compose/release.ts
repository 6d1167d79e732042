/** What a root file system says about itself: os-release(5) and OpenWrt's openwrt_release, both shell assignments. */
import { type RelPath, textOf, utf8 } from '../base/index.ts';

export interface ReleaseFacts {
  /** The name that a boot menu shows. */
  readonly title: string;
  readonly version: string | undefined;
  /** What `usr/lib/os-release` has to become so that a boot entry can have a title; undefined: it is good as it is. */
  readonly osRelease: Uint8Array | undefined;
}

const paths = {
  usr: 'usr/lib/os-release' as RelPath,
  etc: ['etc/os-release', 'usr/etc/os-release'] as RelPath[],
  openwrt: ['etc/openwrt_release', 'usr/etc/openwrt_release'] as RelPath[],
};

/** The facts of a root, by the bytes of its release files. libostree wants PRETTY_NAME or ID (ostree-formats.md B.5). */
export function readRelease(captured: ReadonlyMap<RelPath, Uint8Array>): ReleaseFacts {
  const usrBytes = captured.get(paths.usr);
  const etcBytes = firstOf(captured, paths.etc);
  const os = parseAssignments(usrBytes ?? etcBytes);
  const openwrt = parseAssignments(firstOf(captured, paths.openwrt));
  const derived = deriveOsRelease(openwrt);
  const title = os.get('PRETTY_NAME') ?? os.get('ID') ?? derived.get('PRETTY_NAME') ?? 'OpenWrt';
  const hasTitle = os.has('PRETTY_NAME') || os.has('ID');
  return {
    title,
    version: versionOf(os) ?? versionOf(derived),
    osRelease: hasTitle ? undefined : renderOsRelease(usrBytes, os, derived),
  };
}

/** `NAME=value` lines; quotes removed, a backslash makes the next character literal. */
export function parseAssignments(bytes: Uint8Array | undefined): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of bytes === undefined ? [] : textOf(bytes).split('\n')) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/u.exec(line);
    const [, name, raw] = match ?? [];
    if (name === undefined || raw === undefined) continue;
    const value = unquote(raw);
    if (value !== '') found.set(name, value);
  }
  return found;
}

function unquote(raw: string): string {
  if (raw.length >= 2 && raw.startsWith("'") && raw.endsWith("'")) return raw.slice(1, -1);
  const inner = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw;
  return inner.replace(/\\(.)/gu, '$1');
}

function versionOf(os: ReadonlyMap<string, string>): string | undefined {
  const version = os.get('VERSION_ID') ?? os.get('VERSION');
  const build = os.get('BUILD_ID');
  // Every snapshot is called "snapshot"; its revision tells them apart.
  return version !== undefined && /snapshot$/iu.test(version) && build !== undefined
    ? `${version}-${build}`
    : version;
}

function deriveOsRelease(openwrt: ReadonlyMap<string, string>): Map<string, string> {
  const name = openwrt.get('DISTRIB_ID') ?? 'OpenWrt';
  const version = openwrt.get('DISTRIB_RELEASE');
  const revision = openwrt.get('DISTRIB_REVISION');
  const derived = new Map([
    ['NAME', name],
    ['ID', name.toLowerCase().replace(/[^a-z0-9._-]/gu, '-')],
    ['PRETTY_NAME', version === undefined ? name : `${name} ${version}`],
  ]);
  if (version !== undefined) derived.set('VERSION', version).set('VERSION_ID', version);
  if (revision !== undefined) derived.set('BUILD_ID', revision);
  return derived;
}

function renderOsRelease(
  old: Uint8Array | undefined,
  os: ReadonlyMap<string, string>,
  derived: ReadonlyMap<string, string>,
): Uint8Array {
  const kept = old === undefined ? '' : textOf(old).replace(/([^\n])$/u, '$1\n');
  const added = [...derived].filter(([name]) => !os.has(name));
  return utf8(
    kept + added.map(([name, value]) => `${name}="${value.replace(/["\\$`]/gu, '\\$&')}"\n`).join(''),
  );
}

function firstOf(
  captured: ReadonlyMap<RelPath, Uint8Array>,
  candidates: readonly RelPath[],
): Uint8Array | undefined {
  for (const path of candidates) {
    const bytes = captured.get(path);
    if (bytes !== undefined) return bytes;
  }
  return undefined;
}
