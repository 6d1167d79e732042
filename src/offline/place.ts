/**
 * Entries of a package onto a root. Each file is written beside its place and renamed into it, so that a cut leaves the
 * old one or the new one. Symlinks of the root are followed inside it alone, as they will be read once it is `/`.
 */
import { join } from 'node:path/posix';
import { ParseError } from '../base/index.ts';
import type { IpkEntry } from '../ipk/index.ts';
import {
  chmod,
  close,
  effectiveUser,
  fchmod,
  fchown,
  futimes,
  lchown,
  link,
  lstatIfExists,
  mkdir,
  open,
  readlink,
  rename,
  rmdir,
  symlink,
  tempNameFor,
  unlinkIfExists,
  utimes,
  writeAll,
} from '../sys/index.ts';

/** Linux follows no more. */
const maxLinks = 40;

/** Puts entries below a root. */
export class Placer {
  readonly #root: string;
  readonly #isRootUser = effectiveUser() === 0;
  readonly #folders = new Map<string, string>();

  readonly #before: (path: string) => void;

  /** `root` is a path of this system. `before` is called with each path that a directory is going to take from a file. */
  constructor(root: string, before: (path: string) => void = () => undefined) {
    this.#root = root;
    this.#before = before;
  }

  /** Where the path of the root lies on this system: links on the way followed inside the root, the last name kept. */
  locate(path: string): string {
    const at = path.lastIndexOf('/');
    return join(this.#folder(path.slice(0, Math.max(at, 0))), path.slice(at + 1));
  }

  #folder(path: string): string {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const found = this.#resolve(path);
    this.#folders.set(path, found);
    return found;
  }

  /** Every name of the path followed; names that do not exist stay as they are. */
  #resolve(path: string): string {
    const left = path.split('/');
    let done: string[] = [];
    let links = 0;
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        done.pop();
        continue;
      }
      const here = join(this.#root, ...done, name);
      if (lstatIfExists(here)?.isSymbolicLink() !== true) {
        done.push(name);
        continue;
      }
      if (++links > maxLinks)
        throw new ParseError('IPK_UNSAFE_PATH', `too many symbolic links on the way to ${path}`);
      const target = readlink(here);
      if (target.startsWith('/')) done = [];
      left.unshift(...target.split('/'));
    }
    return join(this.#root, ...done);
  }

  /** Forgets where folders are: after something may have changed them. */
  forget(): void {
    this.#folders.clear();
  }

  async place(entry: IpkEntry): Promise<void> {
    const path = this.locate(entry.path);
    switch (entry.type) {
      case 'directory':
        this.#directory(entry, path);
        return;
      case 'symlink':
        this.#inPlace(path, (temp) => {
          symlink(entry.target, temp);
          this.#own(entry, temp);
        });
        return;
      case 'hardlink':
        this.#inPlace(path, (temp) => link(this.locate(entry.target), temp));
        return;
      case 'file':
        await this.#file(entry, path);
    }
  }

  #directory(entry: IpkEntry, path: string): void {
    const found = lstatIfExists(path);
    // A link to a directory, such as /var, serves as one and keeps its attributes.
    if (found?.isSymbolicLink() === true && lstatIfExists(this.#resolve(entry.path))?.isDirectory() === true)
      return;
    if (found !== undefined && !found.isDirectory()) {
      this.#before(path);
      unlinkIfExists(path);
    }
    if (found?.isDirectory() !== true) {
      this.#ensureParent(entry.path);
      mkdir(path);
      this.#folders.clear();
    }
    if (this.#isRootUser) lchown(path, entry.uid, entry.gid);
    chmod(path, entry.mode);
    utimes(path, entry.mtime, entry.mtime);
  }

  async #file(entry: Extract<IpkEntry, { type: 'file' }>, path: string): Promise<void> {
    this.#ensureParent(entry.path);
    const temp = tempNameFor(path);
    try {
      const fd = open(temp, 'wx', 0o600);
      try {
        for await (const piece of entry.content) writeAll(fd, piece);
        if (this.#isRootUser) fchown(fd, entry.uid, entry.gid);
        fchmod(fd, entry.mode);
        futimes(fd, entry.mtime, entry.mtime);
      } finally {
        close(fd);
      }
      this.#move(temp, path);
    } catch (error) {
      unlinkIfExists(temp);
      throw error;
    }
  }

  #inPlace(path: string, make: (temp: string) => void): void {
    const temp = tempNameFor(path);
    try {
      make(temp);
      this.#move(temp, path);
    } catch (error) {
      unlinkIfExists(temp);
      throw error;
    }
  }

  /** A directory is never replaced unless it is empty: what lies in it belongs to somebody. */
  #move(temp: string, path: string): void {
    if (lstatIfExists(path)?.isDirectory() === true) rmdir(path);
    rename(temp, path);
  }

  #own(entry: IpkEntry, path: string): void {
    if (this.#isRootUser) lchown(path, entry.uid, entry.gid);
  }

  /** Parents that the package does not list itself. */
  #ensureParent(path: string): void {
    const at = path.lastIndexOf('/');
    if (at <= 0) return;
    const parent = path.slice(0, at);
    if (lstatIfExists(this.#folder(parent)) !== undefined) return;
    this.#ensureParent(parent);
    mkdir(this.#folder(parent));
    this.#folders.clear();
  }
}
