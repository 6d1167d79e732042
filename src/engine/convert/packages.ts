/** The packages of a running system: which came with its image, and which the admin added. */

import { join } from 'node:path/posix';
import { gunzipSync } from 'node:zlib';
import { isPackageName, textOf } from '../../base/index.ts';
import { isPresent, parseFileList, parseStatus } from '../../ipk/index.ts';
import type { InstalledPackage } from '../../packages/index.ts';
import { lstatIfExists, readdirIfExists, readFile } from '../../sys/index.ts';

const databases = ['usr/lib/opkg', 'var/lib/opkg'];
const maxFileBytes = 32 << 20;
const maxListBytes = 128 << 20;

/** A package that the admin added to the image. */
export interface AddedPackage {
  readonly name: string;
  readonly version: string;
  /** Whether a feed has it; undefined where no feed's list is there. */
  readonly available: boolean | undefined;
}

export interface StockPackages {
  readonly installed: readonly InstalledPackage[];
  readonly added: readonly AddedPackage[];
  /** Every path that a package lists, without its leading slash; undefined without a database. */
  readonly owned: ReadonlySet<string> | undefined;
  /** When the image was built, in Unix seconds; undefined where no package says. */
  readonly built: number | undefined;
}

/** Reads the database below `root`. `lists` are folders with the feeds' lists as `opkg update` left them. */
export function readStockPackages(root: string, lists: readonly string[]): StockPackages {
  const folder = databases.map((name) => join(root, name)).find((path) => isSmallFile(join(path, 'status')));
  if (folder === undefined) return { installed: [], added: [], owned: undefined, built: undefined };
  const installed = parseStatus(textOf(readFile(join(folder, 'status')))).filter(isPresent);
  const owned = new Set<string>();
  for (const name of readdirIfExists(join(folder, 'info'))) {
    const path = join(folder, 'info', name);
    if (!name.endsWith('.list') || !isSmallFile(path)) continue;
    for (const listed of parseFileList(textOf(readFile(path)))) owned.add(listed);
  }
  for (const { conffiles } of installed) {
    for (const { path } of conffiles) owned.add(path.replace(/^\/+/u, ''));
  }
  const feeds = readFeedNames(lists);
  const built = imageTime(installed);
  const added = addedSince(installed, built).map(({ name, version }) => ({
    name,
    version,
    available: feeds?.has(name),
  }));
  return { installed, added, owned, built };
}

/** An image gives all its packages one time, that of its sources. */
function imageTime(installed: readonly InstalledPackage[]): number | undefined {
  const base = installed.find(({ name }) => name === 'base-files') ?? oldest(installed);
  return base === undefined || base.installedTime <= 0 ? undefined : base.installedTime;
}

/**
 * The packages that were installed by hand after the image was built; `user` alone says nothing, since the image's own packages
 * carry it too.
 */
function addedSince(installed: readonly InstalledPackage[], built: number | undefined): InstalledPackage[] {
  return installed
    .filter((entry) => entry.flags.includes('user') && built !== undefined && entry.installedTime > built)
    .filter(({ name }) => !ownPackages.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What a base needs of us anyway. */
const ownPackages: ReadonlySet<string> = new Set(['opkg-ostree-boot']);

function oldest(installed: readonly InstalledPackage[]): InstalledPackage | undefined {
  return [...installed].sort((a, b) => a.installedTime - b.installedTime)[0];
}

/** The names in all lists; undefined where there is none. */
function readFeedNames(folders: readonly string[]): Set<string> | undefined {
  const names = new Set<string>();
  let found = false;
  for (const folder of folders) {
    for (const file of readdirIfExists(folder)) {
      const path = join(folder, file);
      if (file.endsWith('.sig') || !isSmallFile(path)) continue;
      found = true;
      for (const line of unpacked(readFile(path)).split('\n')) {
        const name = line.startsWith('Package: ') ? line.slice('Package: '.length).trim() : '';
        if (isPackageName(name)) names.add(name);
      }
    }
  }
  return found ? names : undefined;
}

/** opkg keeps a list as it came, packed or not; one that is damaged names nothing. */
function unpacked(bytes: Uint8Array): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return textOf(bytes);
  try {
    return textOf(gunzipSync(bytes, { maxOutputLength: maxListBytes }));
  } catch {
    return '';
  }
}

function isSmallFile(path: string): boolean {
  const stats = lstatIfExists(path);
  return stats?.isFile() === true && stats.size <= maxFileBytes;
}
