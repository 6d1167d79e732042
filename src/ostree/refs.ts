/**
 * Refs: files with a checksum and LF below refs/heads, refs/remotes/<remote> and refs/mirrors/<collection>.
 * A ref may be a symlink to another (an alias).
 */
import { dirname, join, relative } from 'node:path/posix';
import {
  type Checksum,
  isChecksum,
  ParseError,
  type RefName,
  RefusedError,
  toRefName,
} from '../base/index.ts';
import {
  errnoOf,
  fsyncDirectory,
  ifExists,
  lstatIfExists,
  mkdirp,
  readdirIfExists,
  readlink,
  readText,
  rmdir,
  statIfExists,
  symlinkDurable,
  unlink,
  utimes,
  writeFileDurable,
} from '../sys/index.ts';

const maxRefDepth = 64;

/** The path of a ref's file. ParseError OSTREE_REF_INVALID for a name that is none. */
export function refPath(repoPath: string, ref: string): string {
  const name: string = toRefName(ref);
  const colon = name.indexOf(':');
  if (colon === -1) return `${repoPath}/refs/heads/${name}`;
  const remote = name.slice(0, colon);
  if (remote === '.' || remote === '..')
    throw new ParseError('OSTREE_REF_INVALID', `not a remote: '${remote}'`);
  return `${repoPath}/refs/remotes/${remote}/${name.slice(colon + 1)}`;
}

/** The checksum that the ref holds, undefined where there is no such ref; OSTREE_REF_INVALID for another content. */
export function readRef(repoPath: string, ref: string): Checksum | undefined {
  return readRefFile(refPath(repoPath, ref));
}

/** All refs, remote ones as `remote:name`, sorted; below `prefix` (a ref or a leading part of one) where given. */
export function listRefs(repoPath: string, prefix = ''): Map<string, Checksum> {
  const found: [string, Checksum][] = [];
  collect(`${repoPath}/refs/heads`, '', 0, found);
  for (const remote of readdirIfExists(`${repoPath}/refs/remotes`)) {
    const start = found.length;
    collect(`${repoPath}/refs/remotes/${remote}`, '', 0, found);
    for (const entry of found.slice(start)) entry[0] = `${remote}:${entry[0]}`;
  }
  const below = prefix.endsWith('/') || prefix.endsWith(':') ? prefix : `${prefix}/`;
  const wanted = ([name]: [string, Checksum]) =>
    prefix === '' || name === prefix || name.startsWith(below) || name.startsWith(`${prefix}:`);
  return new Map(found.filter(wanted).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Checksums that mirrored collections' refs hold; they keep commits from being pruned. */
export function listMirrorRefs(repoPath: string): Checksum[] {
  const found: [string, Checksum][] = [];
  collect(`${repoPath}/refs/mirrors`, '', 0, found);
  return found.map(([, checksum]) => checksum);
}

/** Refs that are aliases, with the ref that each leads to. */
export function listAliases(repoPath: string): Map<string, string> {
  const aliases = new Map<string, string>();
  const heads = `${repoPath}/refs/heads`;
  for (const name of listRefs(repoPath).keys()) {
    if (name.includes(':')) continue;
    const path = `${heads}/${name}`;
    if (lstatIfExists(path)?.isSymbolicLink() !== true) continue;
    aliases.set(name, relative(heads, join(dirname(path), readlink(path))));
  }
  return aliases;
}

/** RefusedError OSTREE_REF_CONFLICT when a ref `a` stands in the way of `a/b`, or the other way round. */
export function checkRefFree(repoPath: string, ref: string): void {
  const path = refPath(repoPath, ref);
  const stats = lstatIfExists(path);
  if (stats?.isDirectory() === true && hasRefs(path)) throw conflict(ref, 'refs below that name exist');
  for (let parent = dirname(path); parent !== `${repoPath}/refs`; parent = dirname(parent)) {
    const found = lstatIfExists(parent);
    if (found !== undefined && !found.isDirectory()) {
      throw conflict(ref, `'${relative(`${repoPath}/refs/heads`, parent)}' is a ref`);
    }
  }
}

/** Sets the ref durably; an empty folder of that name is removed. */
export function writeRef(repoPath: string, ref: string, checksum: Checksum): void {
  const path = prepare(repoPath, ref);
  writeFileDurable(path, `${checksum}\n`);
  touch(repoPath);
}

/** Makes `ref` an alias of the local ref `target`, durably. */
export function writeAlias(repoPath: string, ref: RefName, target: RefName): void {
  if (ref.includes(':') || target.includes(':')) {
    throw new ParseError('OSTREE_REF_INVALID', 'only a local ref can be the alias of a local ref');
  }
  const path = prepare(repoPath, ref);
  symlinkDurable(relative(dirname(path), refPath(repoPath, target)), path);
  touch(repoPath);
}

/** Deletes the ref durably, and folders that become empty; true when there was one. */
export function deleteRef(repoPath: string, ref: string): boolean {
  const path = refPath(repoPath, ref);
  const stats = lstatIfExists(path);
  if (stats === undefined || stats.isDirectory()) return false;
  unlink(path);
  let parent = dirname(path);
  fsyncDirectory(parent);
  const root = ref.includes(':') ? `${repoPath}/refs/remotes` : `${repoPath}/refs/heads`;
  for (; parent !== root; parent = dirname(parent)) if (!removeIfEmpty(parent)) break;
  touch(repoPath);
  return true;
}

function prepare(repoPath: string, ref: string): string {
  checkRefFree(repoPath, ref);
  const path = refPath(repoPath, ref);
  mkdirp(dirname(path));
  if (lstatIfExists(path)?.isDirectory() === true) removeEmptyTree(path);
  return path;
}

/** libostree's sign to watchers that refs have changed. */
function touch(repoPath: string): void {
  const now = Date.now() / 1000;
  utimes(repoPath, now, now);
}

function conflict(ref: string, why: string): RefusedError {
  return new RefusedError('OSTREE_REF_CONFLICT', `cannot make the ref '${ref}': ${why}`, {
    hint: 'choose another name or delete what is in the way',
    details: { ref },
  });
}

function readRefFile(path: string): Checksum | undefined {
  const text = ifExists(() => (statIfExists(path)?.isFile() === true ? readText(path) : undefined));
  if (text === undefined) return undefined;
  const checksum = text.trimEnd();
  if (isChecksum(checksum)) return checksum;
  throw new ParseError('OSTREE_REF_INVALID', `the ref file ${path} does not hold a checksum`);
}

function collect(dir: string, prefix: string, depth: number, into: [string, Checksum][]): void {
  if (depth > maxRefDepth) throw new ParseError('OSTREE_REF_INVALID', `refs are nested too deep at ${dir}`);
  for (const name of readdirIfExists(dir)) {
    // Temporary names of durable writes and strangers' hidden files are no refs.
    if (name.startsWith('.')) continue;
    const path = `${dir}/${name}`;
    if (lstatIfExists(path)?.isDirectory() === true) collect(path, `${prefix}${name}/`, depth + 1, into);
    else {
      const checksum = readRefFile(path);
      if (checksum !== undefined) into.push([`${prefix}${name}`, checksum]);
    }
  }
}

function hasRefs(dir: string): boolean {
  return readdirIfExists(dir).some((name) => {
    const path = `${dir}/${name}`;
    return lstatIfExists(path)?.isDirectory() === true ? hasRefs(path) : true;
  });
}

function removeEmptyTree(dir: string): void {
  for (const name of readdirIfExists(dir)) removeEmptyTree(`${dir}/${name}`);
  rmdir(dir);
}

function removeIfEmpty(dir: string): boolean {
  try {
    rmdir(dir);
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(cause) ?? errnoOf(error) ?? '')) return false;
    throw error;
  }
}
