/** What an entry of a data archive may be: the rules that keep a package inside the tree (docs/formats/ipk.md). */
import { cleanRelPath, ParseError, type RelPath } from '../base/index.ts';
import type { TarEntry } from './tar.ts';

interface EntryBase {
  readonly path: RelPath;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with setuid, setgid and sticky, without the type. */
  readonly mode: number;
  /** Unix seconds. */
  readonly mtime: number;
}

/** An entry that may be written into a tree: its path is clean, its parents are directories. */
export type IpkEntry = EntryBase &
  (
    | { readonly type: 'directory' }
    | { readonly type: 'file'; readonly size: number; readonly content: AsyncIterable<Uint8Array> }
    | { readonly type: 'symlink'; readonly target: string }
    /** `target` is a file that the same archive brought before. */
    | { readonly type: 'hardlink'; readonly target: RelPath }
  );

/** Linux's longest symlink. */
const maxTarget = 4095;
/** Keys that only repeat or refine what the header says. Anything else, attributes above all, would be lost. */
const harmlessPax: ReadonlySet<string> = new Set([
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'mtime',
  'atime',
  'ctime',
  'uname',
  'gname',
  'comment',
]);

/** Judges a data archive's entries one after the other; later ones depend on what came before. */
export class EntryGate {
  readonly #seen = new Map<string, TarEntry['type']>();
  /** Directories that nothing listed but something lies in. */
  readonly #implied = new Set<string>();

  /**
   * The entry, or undefined where it is to be left out: the root itself and devices below `dev`. ParseError
   * IPK_UNSAFE_PATH, IPK_UNSAFE_ENTRY or IPK_DUPLICATE_MEMBER where the package must be refused.
   */
  admit(entry: TarEntry): IpkEntry | undefined {
    const path = safePath(entry.name, 'entry');
    for (const key of entry.pax.keys()) {
      if (!harmlessPax.has(key)) throw unsafeEntry(entry.name, `has the attribute record '${key}'`);
    }
    if (path === '') {
      if (entry.type !== 'directory')
        throw unsafeEntry(entry.name, 'stands for the root and is no directory');
      return undefined;
    }
    this.#checkPlace(path, entry);
    const base = { path, uid: entry.uid, gid: entry.gid, mode: entry.mode, mtime: entry.mtime };
    switch (entry.type) {
      case 'directory':
        return { ...base, type: 'directory' };
      case 'file':
        return { ...base, type: 'file', size: entry.size, content: entry.content };
      case 'symlink':
        return { ...base, type: 'symlink', target: symlinkTarget(entry) };
      case 'hardlink':
        return { ...base, type: 'hardlink', target: this.#hardlinkTarget(entry) };
      case 'character-device':
      case 'block-device':
      case 'fifo':
        // /dev is made by the kernel at boot, so what a package puts there has no effect anyway.
        if (path.startsWith('dev/')) return undefined;
        throw unsafeEntry(entry.name, `is a ${entry.type}`);
    }
  }

  #checkPlace(path: RelPath, entry: TarEntry): void {
    if (this.#seen.has(path))
      throw new ParseError('IPK_DUPLICATE_MEMBER', `the package has the path '${path}' twice`);
    if (entry.type !== 'directory' && this.#implied.has(path))
      throw unsafeEntry(entry.name, 'takes the place of a directory that the package uses');
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const parent = path.slice(0, at);
      const type = this.#seen.get(parent);
      // A symlink as parent is the way out of the tree; any other non-directory could not hold an entry.
      if (type !== undefined && type !== 'directory') throw unsafeEntry(entry.name, `lies below a ${type}`);
      this.#implied.add(parent);
    }
    this.#seen.set(path, entry.type);
  }

  #hardlinkTarget(entry: TarEntry): RelPath {
    const target = safePath(entry.link, 'hard link target');
    const type = this.#seen.get(target);
    if (target === safePath(entry.name, 'entry') || (type !== 'file' && type !== 'hardlink'))
      throw unsafeEntry(entry.name, `is a hard link to '${target}', which is no earlier file of the package`);
    return target;
  }
}

function symlinkTarget(entry: TarEntry): string {
  const target = entry.link;
  if (target === '' || Buffer.byteLength(target) > maxTarget || target.includes('\0'))
    throw unsafeEntry(entry.name, 'is a symlink without a usable target');
  return target;
}

/** The name as a path in the tree. Absolute names, `..` and control characters are refused, not repaired. */
function safePath(name: string, what: string): RelPath {
  const path = name.startsWith('/') || /[\u0000-\u001f\u007f]/u.test(name) ? undefined : cleanRelPath(name);
  if (path !== undefined) return path;
  throw new ParseError('IPK_UNSAFE_PATH', `the package has the unsafe ${what} name '${name.slice(0, 200)}'`, {
    hint: 'do not install this package; tell its maker',
  });
}

function unsafeEntry(name: string, fact: string): ParseError {
  return new ParseError('IPK_UNSAFE_ENTRY', `the package's entry '${name.slice(0, 200)}' ${fact}`, {
    hint: 'do not install this package; tell its maker',
  });
}
