/**
 * Copies of what the admin has, from the running system into the new one. The old system keeps its own, so that it can still
 * be started. A file appears under its name only when it is whole; what a run that was cut off copied is not copied again.
 */
import { dirname, join } from 'node:path/posix';
import { type OperationContext, RefusedError, type RelPath, throwIfAborted } from '../../base/index.ts';
import {
  chmod,
  copyFile,
  lchown,
  lstat,
  lstatIfExists,
  mkdir,
  readdir,
  readdirIfExists,
  readlink,
  removeTree,
  rename,
  type Stats,
  symlink,
  tempNameFor,
  unlinkIfExists,
  utimes,
} from '../../sys/index.ts';
import { isCarriedVar, stateFolders } from './rules.ts';

/** How often a file that is being written is read again. */
const attempts = 5;

/** Copies the state folders and what /var keeps to the stateroot's /var; notes say what could not be. */
export function carryState(root: string, varPath: string, ctx: OperationContext, notes: string[]): void {
  for (const [top, name] of stateFolders) {
    const from = join(root, top);
    if (lstatIfExists(from)?.isDirectory() === true) copyTree(from, join(varPath, name), { ctx, notes });
  }
  const from = join(root, 'var');
  if (lstatIfExists(from)?.isDirectory() !== true) return;
  const take = (path: string) => isCarriedVar(`var/${path}`);
  copyTree(from, varPath, { ctx, notes, take });
}

/**
 * Makes the deployment's /etc: the running system's as it is, and what the base adds to it (early boot's own files and
 * links). `own` are the base's files that win over the running system's.
 */
export function carryEtc(
  root: string,
  deployment: string,
  own: ReadonlySet<RelPath>,
  ctx: OperationContext,
  notes: string[],
): void {
  const [etc, defaults] = [join(deployment, 'etc'), join(deployment, 'usr/etc')];
  const temp = tempNameFor(etc);
  copyTree(join(root, 'etc'), temp, { ctx, notes });
  for (const path of own) {
    if (lstatIfExists(join(defaults, path))?.isFile() === true) removeTree(join(temp, path));
  }
  copyTree(defaults, temp, { ctx, notes, keep: true });
  removeTree(etc);
  rename(temp, etc);
}

interface CopyRun {
  readonly ctx: OperationContext;
  readonly notes: string[];
  /** Whether a path below the copied folder is taken. */
  readonly take?: (path: string) => boolean;
  /** What is there stays, whatever it is. */
  readonly keep?: boolean;
}

/** Copies a folder into another, which may hold some of it. Neither other file systems nor symlinks are entered. */
function copyTree(from: string, to: string, run: CopyRun): void {
  const device = lstat(from).dev;
  const pending: string[] = [''];
  const folders: [string, Stats][] = [];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    throwIfAborted(run.ctx.signal);
    const source = join(from, path);
    const stats = lstatIfExists(source);
    if (stats === undefined || (path !== '' && run.take?.(path) === false)) continue;
    const target = path === '' ? to : join(to, path);
    if (!stats.isDirectory()) {
      copyLeaf(source, target, stats, run);
      continue;
    }
    const there = lstatIfExists(target);
    if (there !== undefined && !there.isDirectory()) {
      if (run.keep !== true) run.notes.push(`${source} is not copied: ${target} is no directory`);
      continue;
    }
    if (there === undefined) mkdir(target, 0o700);
    if (there === undefined || run.keep !== true) folders.push([target, stats]);
    if (stats.dev !== device) {
      run.notes.push(`${source} is a file system of its own: what it holds is not copied`);
      continue;
    }
    sweep(target);
    for (const name of readdir(source)) pending.push(path === '' ? name : `${path}/${name}`);
  }
  // From below: filling a folder changes its time.
  for (const [path, stats] of folders.reverse()) attributes(path, stats);
}

/** Removes what a copy that was cut short left under a temporary name. */
function sweep(folder: string): void {
  for (const name of readdirIfExists(folder)) {
    if (/^\..+\.tmp-[0-9a-f]{12}$/u.test(name)) unlinkIfExists(join(folder, name));
  }
}

function copyLeaf(from: string, to: string, stats: Stats, run: CopyRun): void {
  const there = lstatIfExists(to);
  if (there !== undefined && (run.keep === true || isSame(from, to, stats, there))) return;
  if (there?.isDirectory() === true) {
    run.notes.push(`${from} is not copied: ${to} is a directory`);
    return;
  }
  if (!stats.isFile() && !stats.isSymbolicLink()) {
    run.notes.push(`${from} is a device, fifo or socket: it is not copied`);
    return;
  }
  const temp = tempNameFor(to);
  try {
    if (stats.isSymbolicLink()) {
      symlink(readlink(from), temp);
      lchown(temp, stats.uid, stats.gid);
    } else {
      attributes(temp, copyWhole(from, temp));
    }
    rename(temp, to);
  } catch (error) {
    unlinkIfExists(temp);
    throw error;
  }
}

/** Copies until the file was the same before and after; LOCK_HELD-like refusal for one that never rests. */
function copyWhole(from: string, temp: string): Stats {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const before = lstat(from);
    copyFile(from, temp);
    const after = lstat(from);
    if (before.ino === after.ino && before.size === after.size && before.mtimeMs === after.mtimeMs)
      return after;
  }
  throw new RefusedError('STALE_PLAN', `${from} changes faster than it can be copied`, {
    hint: `stop the service that writes below ${dirname(from)}, then run the command again`,
  });
}

function isSame(from: string, to: string, stats: Stats, there: Stats): boolean {
  if (stats.isSymbolicLink()) return there.isSymbolicLink() && readlink(to) === readlink(from);
  // A copy keeps whole seconds of the time.
  const time = (of: Stats) => Math.floor(of.mtimeMs / 1000);
  return stats.isFile() && there.isFile() && stats.size === there.size && time(stats) === time(there);
}

function attributes(path: string, stats: Stats): void {
  lchown(path, stats.uid, stats.gid);
  chmod(path, stats.mode & 0o7777);
  utimes(path, stats.atimeMs / 1000, Math.floor(stats.mtimeMs / 1000));
}
