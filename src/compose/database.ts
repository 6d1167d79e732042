/**
 * The package database of the commit, `usr/lib/opkg` (opkg.md 5): our boot files become a package of their own, and
 * what they replace stops being owned by anybody else. Edited as text of single bytes, so that every paragraph that is
 * not ours stays byte for byte what it was.
 */
import { type RelPath, sha256Hex, utf8 } from '../base/index.ts';
import { renderFileList } from '../ipk/index.ts';
import { mapPath, runtimePath } from '../state/index.ts';
import type { MappedBootFile } from './boot-files.ts';
import type { AlternativePriority } from './clash.ts';

/** The package that holds what a base needs to boot and judge itself. */
const bootPackage = 'opkg-ostree-boot';

const statusPath = 'usr/lib/opkg/status' as RelPath;
const infoFolder = 'usr/lib/opkg/info';

export interface BootPackage {
  readonly version: string;
  /** Unix seconds. */
  readonly installedTime: number;
  /** By tree path. */
  readonly files: ReadonlyMap<RelPath, MappedBootFile>;
}

/** The database's files that come new or changed: our paragraph in the status, our own info files. */
export function registerBootPackage(
  status: Uint8Array | undefined,
  pkg: BootPackage,
): Map<RelPath, Uint8Array> {
  const listed = [...pkg.files.values()].map((file) => file.listed);
  const conffiles = [...pkg.files].filter(([path]) => path.startsWith('usr/etc/config/'));
  const size = [...pkg.files.values()].reduce((sum, file) => sum + file.content.byteLength, 0);
  const head = `Package: ${bootPackage}\nVersion: ${pkg.version}\n`;
  const hashes = conffiles.map(([, file]) => ` /${file.listed} ${sha256Hex(file.content)}\n`);
  const paragraph =
    `${head}Status: install user installed\nEssential: yes\nArchitecture: all\n` +
    `${hashes.length === 0 ? '' : `Conffiles:\n${hashes.join('')}`}Installed-Time: ${pkg.installedTime}\n`;
  const control =
    `${head}License: GPL-2.0-only\nSection: base\nEssential: yes\nArchitecture: all\n` +
    `Installed-Size: ${size}\nDescription:  Early boot, boot health and the entry script of opkg-ostree\n`;
  const files = new Map<RelPath, Uint8Array>();
  files.set(statusPath, appendParagraph(status, paragraph));
  files.set(infoPath('control'), utf8(control));
  files.set(infoPath('list'), utf8(renderFileList(listed)));
  if (conffiles.length > 0) {
    const names = conffiles.map(([, file]) => `/${file.listed}\n`);
    files.set(infoPath('conffiles'), utf8(names.join('')));
  }
  return files;
}

/**
 * The file list without the paths that are gone: `dropped` by their path in the source, `replaced` by their path in
 * the tree. Undefined where nothing changes.
 */
export function disownPaths(
  list: Uint8Array,
  dropped: ReadonlySet<RelPath>,
  replaced: ReadonlySet<RelPath>,
): Uint8Array | undefined {
  const lines = latin1(list).split('\n');
  const kept = lines.filter((line) => {
    const path = Buffer.from(line.replace(/^\/+/u, ''), 'latin1').toString('utf8') as RelPath;
    if (path === '') return true;
    const mapped = mapPath(path);
    return !dropped.has(path) && !(mapped.kind === 'tree' && replaced.has(mapped.path));
  });
  return kept.length === lines.length ? undefined : Buffer.from(kept.join('\n'), 'latin1');
}

/** The priorities of the `Alternatives` that installed packages declare. */
export function alternativePriorities(status: Uint8Array | undefined): AlternativePriority {
  const known = new Map<string, number>();
  for (const [, value] of latin1(status ?? new Uint8Array()).matchAll(
    /^Alternatives:(.*(?:\n[ \t].*)*)/gmu,
  )) {
    for (const item of (value ?? '').split(',')) {
      const [priority, path, target] = item.trim().split(':');
      const number = Number(priority);
      if (!Number.isInteger(number) || path?.startsWith('/') !== true || target?.startsWith('/') !== true)
        continue;
      const key = `${path}\n/${runtimePath(target.slice(1) as RelPath)}`;
      known.set(key, Math.max(number, known.get(key) ?? Number.NEGATIVE_INFINITY));
    }
  }
  return (path, target) => known.get(`${path}\n${target}`);
}

function appendParagraph(status: Uint8Array | undefined, paragraph: string): Uint8Array {
  const own = new RegExp(`^Package:[ \\t]*${bootPackage}[ \\t]*$`, 'mu');
  const paragraphs = latin1(status ?? new Uint8Array())
    .split(/\n(?:[ \t]*\n)+/u)
    .map((text) => text.replace(/^\n+|\n+$/gu, ''))
    .filter((text) => text !== '' && !own.test(text));
  return Buffer.from([...paragraphs.map((text) => `${text}\n\n`), `${paragraph}\n`].join(''), 'latin1');
}

function infoPath(kind: string): RelPath {
  return `${infoFolder}/${bootPackage}.${kind}` as RelPath;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
