/**
 * Copies of what the admin has, from the running system into the new one. The old system keeps its own, so that it can still
 * be started.
 */
import { dirname, join } from 'node:path/posix';
import { type OperationContext, RefusedError, type RelPath, throwIfAborted } from '../../base/index.ts';
import { moveIntoVar, wasStarted } from '../../boot/index.ts';
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

/** How often a file that is being written is read again. */
const attempts = 5;

/**
 * Copies the state folders and what /var keeps to the stateroot's /var; notes say what could not be. As long as no deployment ran
 * there, what an earlier conversion copied is copied anew; afterwards what the deployment left stays, and what differs comes beside it.
 */
export function carryState(root: string, varPath: string, ctx: OperationContext, notes: string[]): void {
  if (wasStarted(root)) unlinkIfExists(join(varPath, movedStamp));
  else dropCopies(varPath);
  const { beside, notes: left } = moveIntoVar(root, varPath, ctx, { keepSource: true });
  notes.push(...left, ...beside.map((path) => `${path} holds what gave way to a file of the deployment`));
}

/** What says that the state was moved before. */
const movedStamp = 'lib/.opkg-ostree-moved';

/** Everything but the history. */
function dropCopies(varPath: string): void {
  for (const name of readdirIfExists(varPath)) if (name !== 'lib') removeTree(join(varPath, name));
  for (const name of readdirIfExists(join(varPath, 'lib'))) {
    if (name !== 'opkg-ostree') removeTree(join(varPath, 'lib', name));
  }
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
  copyMissing(join(root, 'etc'), temp, { ctx, notes });
  for (const path of own) {
    if (lstatIfExists(join(defaults, path))?.isFile() === true) removeTree(join(temp, path));
  }
  copyMissing(defaults, temp, { ctx, notes });
  removeTree(etc);
  rename(temp, etc);
}

interface CopyRun {
  readonly ctx: OperationContext;
  readonly notes: string[];
}

/** Copies what is not there yet of a folder into another. Neither other file systems nor symlinks are entered. */
function copyMissing(from: string, to: string, { ctx, notes }: CopyRun): void {
  const device = lstat(from).dev;
  const pending: string[] = [''];
  const made: [string, Stats][] = [];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    throwIfAborted(ctx.signal);
    const [source, target] = [join(from, path), join(to, path)];
    const stats = lstatIfExists(source);
    const there = lstatIfExists(target);
    if (stats === undefined || (there !== undefined && !(stats.isDirectory() && there.isDirectory())))
      continue;
    if (!stats.isDirectory()) {
      copyLeaf(source, target, stats, notes);
      continue;
    }
    if (there === undefined) {
      mkdir(target, 0o700);
      made.push([target, stats]);
    }
    if (stats.dev !== device)
      notes.push(`${source} is a file system of its own: what it holds is not copied`);
    else for (const name of readdir(source)) pending.push(join(path, name));
  }
  // From below: filling a folder changes its time.
  for (const [path, stats] of made.reverse()) attributes(path, stats);
}

function copyLeaf(from: string, to: string, stats: Stats, notes: string[]): void {
  if (stats.isSymbolicLink()) {
    symlink(readlink(from), to);
    lchown(to, stats.uid, stats.gid);
  } else if (stats.isFile()) {
    attributes(to, copyWhole(from, to));
  } else {
    notes.push(`${from} is a device, fifo or socket: it is not copied`);
  }
}

/** Copies until the file was the same before and after; STALE_PLAN for one that never rests. */
function copyWhole(from: string, to: string): Stats {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const before = lstat(from);
    copyFile(from, to);
    const after = lstat(from);
    const same = before.ino === after.ino && before.size === after.size && before.mtimeMs === after.mtimeMs;
    if (same) return after;
  }
  throw new RefusedError('STALE_PLAN', `${from} changes faster than it can be copied`, {
    hint: `stop the service that writes below ${dirname(from)}, then run the command again`,
  });
}

function attributes(path: string, stats: Stats): void {
  lchown(path, stats.uid, stats.gid);
  chmod(path, stats.mode & 0o7777);
  utimes(path, stats.atimeMs / 1000, stats.mtimeMs / 1000);
}
