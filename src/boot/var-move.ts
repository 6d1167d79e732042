/**
 * The one time that the state of an ordinary OpenWrt, in /root, /home, /opt, /srv, /mnt and a `/var` of its own, comes into the
 * `/var` of a stateroot. A file appears there by a rename, complete, and only then goes from where it was: whatever stops the
 * move, everything is in one of the two places, and the next call goes on. What is there already wins; the other is put beside.
 */
import { basename, dirname, join } from 'node:path/posix';
import { compareBytes, type OperationContext, throwIfAborted, toRelPath } from '../base/index.ts';
import { factoryRoot, mapPath, relocateSymlink, topLevelLinks, varVolatile } from '../state/index.ts';
import {
  fsyncDirectory,
  lstat,
  lstatIfExists,
  mkdirDurable,
  readdirIfExists,
  readlink,
  removeTree,
  rmdir,
  type Stats,
  unlinkIfExists,
  writeFileDurable,
} from '../sys/index.ts';
import { ensureVar } from './var.ts';
import { carryAttributes, carryNodes, isSameNode, makeFolder, type NodeMove } from './var-move-node.ts';

export interface MoveOptions {
  /** Copy: what the old system has stays as it is, so that it can still be started. */
  readonly keepSource?: boolean;
}

export interface MoveReport {
  /** Files, symlinks and the like that came; those that an earlier call brought are not counted. */
  readonly moved: number;
  /** Paths below `/var` that hold what had to give way to a file that was there. */
  readonly beside: readonly string[];
  /** What stays where it is, and why. */
  readonly notes: readonly string[];
}

const stampName = 'lib/.opkg-ostree-moved';
const besideSuffix = '.opkg-ostree-old';
const volatileNames: ReadonlySet<string> = new Set(varVolatile.map(({ name }) => name));

/** Where the top folder `path` of an ordinary root is below `/var`: '' for `/var` itself. */
function placeOf(path: string): string | undefined {
  const mapped = mapPath(toRelPath(path));
  if (mapped.kind !== 'factory') return undefined;
  return mapped.path.slice(`${factoryRoot}/var`.length).replace(/^\//u, '');
}

/**
 * Brings the state below `root` into the `/var` at `varPath`, once: later calls do nothing. Mounted file systems are not
 * entered. SystemError where a file cannot be read or written: then everything is still in one of the two places.
 */
export function moveIntoVar(
  root: string,
  varPath: string,
  ctx: OperationContext,
  { keepSource = false }: MoveOptions = {},
): MoveReport {
  const run = new Move(root, ctx, keepSource);
  if (lstatIfExists(join(varPath, stampName)) !== undefined) return run;
  ensureVar(varPath);
  for (const top of ['root', 'home', 'opt', 'srv', 'mnt', 'var']) {
    const place = placeOf(top);
    if (place !== undefined) run.top(top, join(varPath, place));
  }
  mkdirDurable(join(varPath, dirname(stampName)));
  writeFileDurable(join(varPath, stampName), '');
  return run;
}

class Move implements MoveReport {
  moved = 0;
  readonly beside: string[] = [];
  readonly notes: string[] = [];
  readonly #root: string;
  readonly #ctx: OperationContext;
  readonly #keepSource: boolean;
  /** Where the first name of a file with several went, by its device and inode. */
  readonly #links = new Map<string, string>();

  constructor(root: string, ctx: OperationContext, keepSource: boolean) {
    this.#root = root;
    this.#ctx = ctx;
    this.#keepSource = keepSource;
  }

  top(path: string, to: string): void {
    const stats = lstatIfExists(join(this.#root, path));
    if (stats === undefined || (path === 'var' && !stats.isDirectory())) return;
    sweep(dirname(to), new Set([basename(to)]));
    if (stats.isDirectory()) {
      if (this.#isMount(stats, lstat(this.#root))) this.notes.push(mountNote(path));
      else this.#folder(path, to, stats);
      return;
    }
    // A root that is a deployment already.
    if (stats.isSymbolicLink() && isLayoutLink(path, readlink(join(this.#root, path)))) return;
    // An /opt that leads to a disk takes the place of the empty one that every /var has.
    if (lstatIfExists(to)?.isDirectory() === true && readdirIfExists(to).length === 0) rmdir(to);
    this.#leaves(dirname(to), [this.#move(path, to, stats)]);
  }

  /** Everything in a folder: first what has no content of its own to walk, in one batch, then the folders. */
  #folder(path: string, wanted: string, stats: Stats): void {
    throwIfAborted(this.#ctx.signal);
    const { to, isNew } = this.#folderAt(path, wanted, stats);
    const there = lstat(to);
    // What is moved into itself would only be removed.
    if (there.dev === stats.dev && there.ino === stats.ino) return;
    const leaves: NodeMove[] = [];
    const folders: [string, Stats][] = [];
    const names = readdirIfExists(join(this.#root, path)).sort(compareBytes);
    sweep(to, new Set(names));
    for (const name of names) {
      const at = `${path}/${name}`;
      if (isLeftOut(at)) continue;
      const found = lstatIfExists(join(this.#root, at));
      if (found === undefined) this.notes.push(`/${at}: its name is not UTF-8, it stays where it is`);
      else if (!found.isDirectory()) leaves.push(this.#move(at, join(to, name), found));
      else folders.push([at, found]);
    }
    this.#leaves(to, leaves);
    for (const [at, found] of folders) {
      const place = join(to, basename(at));
      if (this.#isMount(found, stats)) {
        this.notes.push(mountNote(at));
        if (lstatIfExists(place) === undefined) makeFolder(join(this.#root, at), place, found);
      } else {
        this.#folder(at, place, found);
      }
    }
    fsyncDirectory(to);
    // Only now: what came into it changed its times.
    if (isNew) carryAttributes(stats, to);
    const isTop = !path.includes('/');
    if (this.#keepSource || isTop || readdirIfExists(join(this.#root, path)).length > 0) return;
    rmdir(join(this.#root, path));
  }

  /** The folder's place, made where it is missing; beside what is no folder. */
  #folderAt(path: string, wanted: string, stats: Stats): { readonly to: string; readonly isNew: boolean } {
    const to = firstPlace(wanted, (at) => lstatIfExists(at)?.isDirectory() ?? true);
    const isNew = lstatIfExists(to) === undefined;
    if (to !== wanted) this.beside.push(to);
    if (isNew) makeFolder(join(this.#root, path), to, stats);
    // One that only the layout made takes the owner and the mode that the admin's had.
    else if (!path.includes('/') && path !== 'var' && readdirIfExists(to).length === 0)
      carryAttributes(stats, to);
    return { to, isNew };
  }

  #move(path: string, to: string, stats: Stats): NodeMove {
    const from = join(this.#root, path);
    if (!stats.isSymbolicLink()) return { from, to, stats };
    return { from, to, stats, target: relocateSymlink(toRelPath(path), readlink(from)) };
  }

  /** Brings leaves into one folder; those that are there already only go from where they were. */
  #leaves(folder: string, moves: readonly NodeMove[]): void {
    const open = moves.flatMap((move) => {
      const to = firstPlace(move.to, (at) => {
        const there = lstatIfExists(at);
        return there === undefined || isSameNode(move, at, there);
      });
      return lstatIfExists(to) === undefined ? [{ ...move, to, wanted: move.to }] : [];
    });
    const options = { move: !this.#keepSource, links: this.#links, notes: this.notes };
    const failed = new Set(carryNodes(open, options));
    fsyncDirectory(folder);
    this.moved += open.length - failed.size;
    this.beside.push(
      ...open.filter(({ to, wanted }) => to !== wanted && !failed.has(to)).map(({ to }) => to),
    );
    if (this.#keepSource) return;
    const left = new Set(open.filter(({ to }) => failed.has(to)).map(({ from }) => from));
    for (const { from } of moves) if (!left.has(from)) unlinkIfExists(from);
  }

  #isMount(stats: Stats, parent: Stats): boolean {
    return stats.dev !== parent.dev;
  }
}

/** Removes what a call that was cut short left unfinished under a temporary name. */
function sweep(folder: string, names: ReadonlySet<string>): void {
  for (const name of readdirIfExists(folder)) {
    const wanted = /^\.(.+)\.tmp-[0-9a-f]{12}$/u.exec(name)?.[1] ?? '';
    const own = wanted.includes(besideSuffix) ? wanted.slice(0, wanted.lastIndexOf(besideSuffix)) : wanted;
    if (names.has(own)) removeTree(join(folder, name));
  }
}

/** The name itself or the first one beside it that will do. */
function firstPlace(wanted: string, fits: (path: string) => boolean): string {
  for (let number = 0; ; number++) {
    const path = number === 0 ? wanted : `${wanted}${besideSuffix}${number === 1 ? '' : `.${number}`}`;
    if (fits(path)) return path;
  }
}

function isLayoutLink(path: string, target: string): boolean {
  return topLevelLinks.some((link) => link.path === path && link.target === target.replace(/^\//u, ''));
}

/** In `/var`: what each boot empties, and package databases, which a commit has elsewhere. */
function isLeftOut(path: string): boolean {
  const [top, first = ''] = path.split('/', 2);
  return top === 'var' && (volatileNames.has(first) || path === 'var/lib/opkg');
}

function mountNote(path: string): string {
  return `/${path}: a file system of its own is mounted there, its content stays on it`;
}
