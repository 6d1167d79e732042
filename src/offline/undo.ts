/**
 * What a transaction changes in a root is kept beside the database until that is written. A run that was cut is taken back by the
 * next one that changes something, so that there is the old state or the new one and nothing between.
 *
 * The journal has a line for each path, written before the path is touched: JSON `[path, kept]`, the path below the root without any
 * symlink on its way, `kept` the name of a hard link (or a copy) of what was there, or null where nothing was. Removing the journal is
 * what makes a transaction final.
 */
import { basename, dirname, join, relative } from 'node:path/posix';
import {
  close,
  fsync,
  fsyncDirectory,
  link,
  lstatIfExists,
  mkdirp,
  open,
  readdirIfExists,
  readTextIfExists,
  removeTree,
  rename,
  unlinkIfExists,
  writeAll,
} from '../sys/index.ts';
import { copyAttributes } from './copy.ts';
import type { Placer } from './place.ts';

const journalName = 'journal';

/** The changes of one transaction on a root; `folder` is on that root, and nobody else's. */
export class Undo {
  readonly #root: string;
  readonly #folder: string;
  readonly #placer: Placer;
  readonly #seen = new Set<string>();
  #journal: number | undefined;

  /** `root` and `folder` are paths of this system, `folder` one below `root`; the placer's root is `root`. */
  constructor(root: string, folder: string, placer: Placer) {
    this.#root = root;
    this.#folder = placer.locate(relative(root, folder));
    this.#placer = placer;
  }

  /** Keeps what lies at the paths, before they are touched; directories are not kept. */
  before(paths: readonly string[]): void {
    const lines: string[] = [];
    for (const path of paths) {
      const inside = relative(this.#root, path);
      const place = inside.startsWith('..') ? undefined : this.#placer.locate(inside);
      if (place === undefined || this.#seen.has(place)) continue;
      this.#seen.add(place);
      const found = lstatIfExists(place);
      if (found?.isDirectory() === true) continue;
      this.#journal ??= this.#begin();
      const kept = found === undefined ? null : String(this.#seen.size);
      if (kept !== null) keep(place, join(this.#folder, kept));
      lines.push(`${JSON.stringify([relative(this.#root, place), kept])}\n`);
    }
    if (this.#journal === undefined || lines.length === 0) return;
    writeAll(this.#journal, Buffer.from(lines.join('')));
    fsync(this.#journal);
  }

  #begin(): number {
    removeTree(this.#folder);
    mkdirp(this.#folder, 0o700);
    const fd = open(join(this.#folder, journalName), 'wx', 0o600);
    fsyncDirectory(this.#folder);
    return fd;
  }

  /** Makes the changes final. */
  commit(): void {
    if (this.#journal === undefined) return;
    close(this.#journal);
    this.#journal = undefined;
    this.#seen.clear();
    unlinkIfExists(join(this.#folder, journalName));
    removeTree(this.#folder);
  }

  /** True where a transaction left something: one that did not come to its end, or did not tidy up. */
  get hasLeftovers(): boolean {
    return lstatIfExists(this.#folder) !== undefined;
  }

  /** True where a transaction was begun that did not come to its end. */
  get isUnfinished(): boolean {
    return lstatIfExists(join(this.#folder, journalName))?.isFile() === true;
  }

  /** Puts back what an unfinished transaction touched, and tidies up. Being cut itself does no harm: it is done again. */
  rollBack(): void {
    const journal = join(this.#folder, journalName);
    const entries = (readTextIfExists(journal) ?? '').split('\n').slice(0, -1).flatMap(parseLine);
    const places = entries.flatMap(({ path, kept }) => {
      const place = join(this.#root, path);
      // The root may be anybody's: no line of a journal leads out of it.
      return this.#placer.locate(path) === place ? [{ place, kept }] : [];
    });
    sweepTemporary(places.map(({ place }) => place));
    for (const { place, kept } of places.reverse()) this.#putBack(place, kept);
    this.commit();
    unlinkIfExists(journal);
    removeTree(this.#folder);
  }

  #putBack(place: string, kept: string | null): void {
    if (lstatIfExists(place)?.isDirectory() === true) return;
    if (kept === null) {
      unlinkIfExists(place);
      return;
    }
    const from = join(this.#folder, kept);
    if (lstatIfExists(from) === undefined) return;
    mkdirp(dirname(place));
    rename(from, place);
  }
}

/** A second name for the file, as it is never written in place; a copy where the file system has no such thing. */
function keep(place: string, kept: string): void {
  try {
    link(place, kept);
  } catch {
    copyAttributes(place, kept);
  }
}

function parseLine(line: string): { readonly path: string; readonly kept: string | null }[] {
  try {
    const parsed: unknown = JSON.parse(line);
    if (!Array.isArray(parsed) || parsed.length !== 2) return [];
    const [path, kept]: unknown[] = parsed;
    if (typeof path !== 'string' || path === '' || path.includes('\0')) return [];
    if (kept === null) return [{ path, kept }];
    return typeof kept === 'string' && /^\d{1,9}$/u.test(kept) ? [{ path, kept }] : [];
  } catch {
    return [];
  }
}

/** Removes what was written beside the places and not renamed into them. */
function sweepTemporary(places: readonly string[]): void {
  const names = new Map<string, Set<string>>();
  for (const place of places) {
    const folder = dirname(place);
    const known = names.get(folder) ?? new Set<string>();
    names.set(folder, known.add(basename(place)));
  }
  for (const [folder, known] of names) {
    for (const name of readdirIfExists(folder)) {
      const [, of] = /^\.(.+)\.tmp-[0-9a-f]{12}$/u.exec(name) ?? [];
      if (of !== undefined && known.has(of)) unlinkIfExists(join(folder, name));
    }
  }
}
