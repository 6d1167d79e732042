/**
 * What of a running system becomes part of its base commit, what is state of the stateroot's /var, and what stays behind.
 * Pure, but for the files that it is given. docs/formats/convert.md has the table.
 */
import type { RelPath } from '../../base/index.ts';
import type { Stats } from '../../sys/index.ts';

/** Top folders that are links into /var in a deployment, and their names there. */
export const stateFolders: ReadonlyMap<string, string> = new Map([
  ['root', 'roothome'],
  ['home', 'home'],
  ['opt', 'opt'],
  ['srv', 'srv'],
  ['mnt', 'mnt'],
]);

/** Names of /var that each boot empties, or that the commit holds elsewhere. */
const volatileVar: ReadonlySet<string> = new Set(['run', 'lock', 'state', 'etc', 'log', 'tmp', 'opkg-lists']);

/** Whether a path below /var (a real directory on some images) is state that is carried over. */
export function isCarriedVar(path: string): boolean {
  const [, first = ''] = path.split('/', 2);
  return !volatileVar.has(first) && path !== 'var/lib/opkg' && !path.startsWith('var/lib/opkg/');
}

export interface TakeRules {
  /** Paths that packages own; undefined where the system has no package database, so that nothing can be told. */
  readonly owned: ReadonlySet<string> | undefined;
  /** Changed files whose packaged version is not known. In the base, they would be no edits, and the next upgrade would replace them. */
  readonly edited: ReadonlySet<string>;
}

/** Where a path of the running root goes: the commit, /var, only the deployment's /etc, or nowhere. */
export type Destination = 'commit' | 'state' | 'etc' | 'left';

/** The destination of a path; of a directory it tells whether what is below can be in the commit. */
export function destinationOf(path: RelPath, stats: Stats, rules: TakeRules): Destination {
  const { owned, edited } = rules;
  const slash = path.indexOf('/');
  const top = slash < 0 ? path : path.slice(0, slash);
  if (slash < 0) return destinationOfTop(top, stats, owned);
  if (stateFolders.has(top)) return 'state';
  if (top === 'var') {
    if (path === 'var/lib' || path === 'var/lib/opkg' || path.startsWith('var/lib/opkg/')) return 'commit';
    return isCarriedVar(path) ? 'state' : 'left';
  }
  if (top === 'boot' || path.startsWith('usr/lib/opkg/lists/')) return 'left';
  if (isSpecial(stats)) return 'left';
  if (edited.has(path)) return 'etc';
  if (top === 'etc' && !stats.isDirectory() && owned !== undefined && !owned.has(path)) {
    // Which services start is made when the image is built: no package lists these links.
    return path.startsWith('etc/rc.d/') ? 'commit' : 'etc';
  }
  return 'commit';
}

function destinationOfTop(top: string, stats: Stats, owned: ReadonlySet<string> | undefined): Destination {
  if (top === 'lost+found' || isSpecial(stats)) return 'left';
  // A swap file, a backup that sysupgrade left: no package puts files there.
  return stats.isFile() && owned?.has(top) !== true ? 'left' : 'commit';
}

function isSpecial(stats: Stats): boolean {
  return !stats.isFile() && !stats.isDirectory() && !stats.isSymbolicLink();
}
