/**
 * A stateroot's `/var`: real directories, links onto tmpfs for what OpenWrt expects to vanish at each boot, and the
 * defaults that a commit brings at usr/share/factory/var. Only what is missing is ever made, and no symlink in `/var`
 * is followed: its content belongs to daemons.
 */
import { join } from 'node:path/posix';
import {
  accountIds,
  factoryRoot,
  type OwnerMap,
  parseAccountFile,
  varDirectories,
  varVolatile,
} from '../state/index.ts';
import {
  chmod,
  copyFile,
  fsyncDirectory,
  lchown,
  lstat,
  lstatIfExists,
  mkdir,
  mkdirDurable,
  readdirIfExists,
  readlink,
  readText,
  rename,
  type Stats,
  symlink,
  tempNameFor,
  unlinkIfExists,
} from '../sys/index.ts';

/** Makes the stateroot's `/var` and what every one of them holds. */
export function ensureVar(path: string): void {
  if (lstatIfExists(path) === undefined) mkdirDurable(path);
  for (const { path: name, mode } of varDirectories) {
    if (lstatIfExists(join(path, name)) === undefined) {
      mkdir(join(path, name));
      chmod(join(path, name), mode);
    }
  }
  for (const { name, target } of varVolatile) {
    if (lstatIfExists(join(path, name)) === undefined) symlink(target, join(path, name));
  }
  fsyncDirectory(path);
}

/**
 * Copies the deployment's factory content into `/var` where nothing is yet; the paths that were made come back. What lies below a
 * volatile name is left out with a note: every boot empties it, and a directory there would stand in its link's place.
 */
export function installFactory(deployment: string, varPath: string, notes: string[] = []): string[] {
  const made: string[] = [];
  const owners = ownersHere(deployment);
  const folders = ['usr', 'usr/share', factoryRoot, `${factoryRoot}/var`];
  const real = folders.every((folder) => lstatIfExists(join(deployment, folder))?.isDirectory() === true);
  if (real) copyMissing(join(deployment, factoryRoot, 'var'), varPath, '', { made, notes, owners });
  return made;
}

const volatileNames: ReadonlySet<string> = new Set(varVolatile.map((entry) => entry.name));

interface FactoryRun {
  readonly made: string[];
  readonly notes: string[];
  readonly owners: OwnerMap;
}

/** The ids that the accounts of the commit have in the deployment's own /etc, where they differ: names own files in /var. */
function ownersHere(deployment: string): OwnerMap {
  const idsOf = (path: string): ReadonlyMap<number, string> => {
    const stats = lstatIfExists(join(deployment, path));
    return stats?.isFile() === true
      ? accountIds(parseAccountFile(readText(join(deployment, path))))
      : new Map();
  };
  const differences = (file: string) => {
    const here = new Map([...idsOf(`etc/${file}`)].map(([id, name]) => [name, id]));
    return new Map(
      [...idsOf(`usr/etc/${file}`)].flatMap(([id, name]) => {
        const own = here.get(name);
        return own === undefined || own === id ? [] : [[id, own] as const];
      }),
    );
  };
  return { users: differences('passwd'), groups: differences('group') };
}

function copyMissing(from: string, to: string, folder: string, run: FactoryRun): void {
  const names = readdirIfExists(join(from, folder)).sort();
  if (names.length > 0) sweepTemporary(join(to, folder), names);
  for (const name of names) {
    const path = folder === '' ? name : `${folder}/${name}`;
    if (volatileNames.has(path)) {
      run.notes.push(`/var/${path} is emptied at each boot: what the packages have in it is not copied`);
      continue;
    }
    const source = lstat(join(from, path));
    const there = lstatIfExists(join(to, path));
    if (there === undefined) {
      if (!copyNode(join(from, path), join(to, path), source, run.owners)) continue;
      run.made.push(path);
    } else if (!there.isDirectory()) {
      continue;
    }
    if (source.isDirectory()) copyMissing(from, to, path, run);
  }
}

/** Removes what a copy that was cut short left under its temporary name. */
function sweepTemporary(folder: string, names: readonly string[]): void {
  for (const name of readdirIfExists(folder)) {
    if (names.some((wanted) => name.startsWith(`.${wanted}.tmp-`))) unlinkIfExists(join(folder, name));
  }
}

/** True when the node was made; devices and the like are not. */
function copyNode(from: string, to: string, stats: Stats, { users, groups }: OwnerMap): boolean {
  const uid = users.get(stats.uid) ?? stats.uid;
  const gid = groups.get(stats.gid) ?? stats.gid;
  if (stats.isSymbolicLink()) {
    symlink(readlink(from), to);
    lchown(to, uid, gid);
    return true;
  }
  if (!stats.isDirectory() && !stats.isFile()) return false;
  const temp = stats.isFile() ? tempNameFor(to) : to;
  if (stats.isFile()) copyFile(from, temp);
  else mkdir(to, 0o700);
  lchown(temp, uid, gid);
  chmod(temp, stats.mode & 0o7777);
  if (temp !== to) rename(temp, to);
  return true;
}
