/**
 * Owners, modes and extended attributes that are remembered instead of set, so that whoever is not root can make a tree whose files are root's and
 * other users'. Everything else of this program sees what it asked for; only what is made in `as` is covered.
 */
import type { Stats } from 'node:fs';
import * as fs from 'node:fs';

/** What the inode would have: the owner, and the bits of 07777. */
interface RememberedOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

const everyBit = 0o7777;

/** The remembered owners of the inodes of one file system. */
class RememberedOwners {
  readonly #owners = new Map<number, RememberedOwner>();
  readonly #xattrs = new Map<number, Map<string, Uint8Array>>();

  /** A new inode is root's: what was remembered of an older one with its number is void. */
  made(stats: Stats): void {
    this.#owners.set(stats.ino, { uid: 0, gid: 0, mode: stats.mode & everyBit });
    this.#xattrs.delete(stats.ino);
  }

  /** True where the inode was made here; it has the attribute from now on. */
  setXattr({ ino }: Stats, name: string, value: Uint8Array): boolean {
    if (!this.#owners.has(ino)) return false;
    const known = this.#xattrs.get(ino) ?? new Map<string, Uint8Array>();
    this.#xattrs.set(ino, known.set(name, value));
    return true;
  }

  /** The attributes of an inode that was made here, by name; undefined for any other. */
  xattrsOf({ ino }: Stats): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#owners.has(ino) ? (this.#xattrs.get(ino) ?? new Map<string, Uint8Array>()) : undefined;
  }

  /** True where the inode was made here; its owner is remembered from now on. */
  setOwner({ ino }: Stats, uid: number, gid: number): boolean {
    const known = this.#owners.get(ino);
    if (known !== undefined) this.#owners.set(ino, { ...known, uid, gid });
    return known !== undefined;
  }

  /** The bits that the inode really gets: its maker has to be able to go on working with it. */
  setMode(stats: Stats, mode: number): number {
    const known = this.#owners.get(stats.ino);
    if (known === undefined) return mode;
    this.#owners.set(stats.ino, { ...known, mode: mode & everyBit });
    return (mode & 0o777) | (stats.isDirectory() ? 0o700 : 0o600);
  }

  /** The attributes as they would be. */
  view(stats: Stats): Stats {
    const known = this.#owners.get(stats.ino);
    if (known === undefined) return stats;
    stats.uid = known.uid;
    stats.gid = known.gid;
    if (!stats.isSymbolicLink()) stats.mode = (stats.mode & ~everyBit) | known.mode;
    return stats;
  }
}

let active: RememberedOwners | undefined;

/**
 * Runs `body` with owners and modes remembered for whatever it makes, on one file system: inode numbers tell files apart. One
 * such run at a time.
 */
export async function rememberingOwners<T>(body: () => Promise<T>): Promise<T> {
  const mask = process.umask(0o022);
  active = new RememberedOwners();
  try {
    return await body();
  } finally {
    active = undefined;
    process.umask(mask);
  }
}

/** The run in progress. */
export function rememberedOwners(): RememberedOwners | undefined {
  return active;
}

/** Says that `path` has just been made. */
export function madeAt(path: string): void {
  active?.made(fs.lstatSync(path));
}

/** Says that what is open was just made. */
export function madeOpen(fd: number): void {
  active?.made(fs.fstatSync(fd));
}
