/**
 * The packaged version of each configuration file that the admin changed: what belongs into the base's /usr/etc, so that a
 * later merge sees the admin's edit as one. opkg remembers only its hash; a candidate that fits the hash is it.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path/posix';
import { type RelPath, textOf, toRelPath, utf8 } from '../../base/index.ts';
import type { InstalledPackage } from '../../packages/index.ts';
import { lstatIfExists, readFile } from '../../sys/index.ts';

/** A configuration file whose content is not its package's. */
export interface ChangedConffile {
  readonly path: string;
  /** `found`: the packaged version goes into the base. `unknown`: it is not on this system, the base has none. */
  readonly default: 'found' | 'unknown';
}

export interface Defaults {
  readonly changed: readonly ChangedConffile[];
  /** What takes the place of the present content in the commit. */
  readonly content: ReadonlyMap<RelPath, Uint8Array>;
  /** What the base goes without, since nothing on this system is the packaged version. Accounts stay: packages add to them. */
  readonly edited: ReadonlySet<string>;
}

const maxBytes = 4 << 20;
/** Where a packaged version may lie: opkg's own copy beside an edited file, and the image below an overlay. */
const copies = [(path: string) => `${path}-opkg`, (path: string) => `rom/${path}`];
const shadow = toRelPath('etc/shadow');
const accounts: ReadonlySet<string> = new Set(['etc/passwd', 'etc/group', 'etc/shadow']);
const maxAccounts = 500;

/** Looks for the defaults of all changed files below `root`. A file with passwords never enters the commit as it is. */
export function findDefaults(root: string, installed: readonly InstalledPackage[]): Defaults {
  const changed: ChangedConffile[] = [];
  const content = new Map<RelPath, Uint8Array>();
  for (const { conffiles } of installed) {
    for (const { path: listed, hash } of conffiles) {
      const path = listed.replace(/^\/+/u, '');
      const present = readSmall(join(root, path));
      if (!path.startsWith('etc/') || present === undefined || hashLike(hash, present) === hash) continue;
      const packaged = candidates(root, path, present).find((bytes) => hashLike(hash, bytes) === hash);
      changed.push({ path: `/${path}`, default: packaged === undefined ? 'unknown' : 'found' });
      if (packaged !== undefined) content.set(toRelPath(path), packaged);
    }
  }
  const passwords = readSmall(join(root, shadow));
  if (passwords !== undefined && !content.has(shadow)) content.set(shadow, withoutPasswords(passwords));
  changed.sort((a, b) => (a.path < b.path ? -1 : 1));
  const unknown = changed.filter((entry) => entry.default === 'unknown').map(({ path }) => path.slice(1));
  return { changed, content, edited: new Set(unknown.filter((path) => !accounts.has(path))) };
}

function candidates(root: string, path: string, present: Uint8Array): Uint8Array[] {
  const found = copies
    .map((copy) => readSmall(join(root, copy(path))))
    .filter((bytes) => bytes !== undefined);
  if (!accounts.has(path)) return found;
  const whole = path === shadow ? [present, pristineShadow(present), withoutPasswords(present)] : [present];
  return [...found, ...whole.flatMap((bytes) => [bytes, ...beginnings(bytes)])];
}

/** Accounts are appended: the packaged file may be the first lines. */
function beginnings(bytes: Uint8Array): Uint8Array[] {
  const lines = textOf(bytes).split('\n').slice(0, maxAccounts);
  return lines.map((_, index) => utf8(`${lines.slice(0, index + 1).join('\n')}\n`));
}

/** The shadow file of OpenWrt's base-files before `passwd` was run: root without a password, changed on day 0. */
function pristineShadow(present: Uint8Array): Uint8Array {
  const lines = textOf(present).split('\n');
  return utf8(lines.map((line) => (line.startsWith('root:') ? 'root:::0:99999:7:::' : line)).join('\n'));
}

/** As OpenWrt ships it: root without a password, nobody else with one. */
function withoutPasswords(present: Uint8Array): Uint8Array {
  const lines = textOf(present)
    .split('\n')
    .map((line) => {
      const [name = '', password = '', ...rest] = line.split(':');
      if (line === '' || password === '' || /^[*!x]/u.test(password)) return line;
      return [name, name === 'root' ? '' : '*', ...rest].join(':');
    });
  return utf8(lines.join('\n'));
}

/** The digest of the kind that the given one is: SHA-256, or MD5 in old databases. */
function hashLike(hash: string, bytes: Uint8Array): string {
  return createHash(hash.length === 32 ? 'md5' : 'sha256')
    .update(bytes)
    .digest('hex');
}

function readSmall(path: string): Uint8Array | undefined {
  const stats = lstatIfExists(path);
  return stats?.isFile() === true && stats.size <= maxBytes ? readFile(path) : undefined;
}
