/**
 * A root file system as a list of entries: what a source delivers, and the checks that no later step repeats. The
 * tree rules work on these values alone, so that an archive and a directory with the same content give the same commit.
 */
import { dirname } from 'node:path/posix';
import { cleanRelPath, ParseError, type RelPath } from '../base/index.ts';
import type { Xattr } from '../ostree/index.ts';

/** Bounds on what a root file system may hold; an archive beyond them is refused before memory or disk is. */
export const rootLimits = {
  /** OpenWrt images hold a few thousand. */
  entries: 500_000,
  /** Bytes of one file. */
  fileSize: 8 * 2 ** 30,
  /** Bytes of the whole archive once decompressed. */
  totalSize: 32 * 2 ** 30,
  /** Bytes of one file that the rules look into (package database, release files). */
  capturedFile: 32 * 2 ** 20,
  /** Bytes of all files that the rules look into. */
  capturedTotal: 256 * 2 ** 20,
} as const;

/** Attributes as a source tells them. */
interface EntryAttributes {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with suid, sgid and sticky; no file type. */
  readonly mode: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly xattrs: readonly Xattr[];
}

/** One member of a source, its path not yet checked. */
export interface RawEntry extends EntryAttributes {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'device' | 'fifo' | 'socket';
  readonly size: number;
  /** A symlink's text or a hard link's other path. */
  readonly target: string;
}

/** A checked entry. `content` is the path of the member whose bytes a file has: another's for hard links. */
export type RootEntry = EntryAttributes & { readonly path: RelPath } & (
    | { readonly type: 'directory' }
    | { readonly type: 'file'; readonly size: number; readonly content: RelPath }
    | { readonly type: 'symlink'; readonly target: string }
  );

/** What the first reading of a source gives. */
export interface ScannedRoot {
  /** By path; the root itself is ''. */
  readonly entries: ReadonlyMap<RelPath, RootEntry>;
  /** The bytes of the files that the rules look into. */
  readonly captured: ReadonlyMap<RelPath, Uint8Array>;
  readonly warnings: readonly string[];
}

/** Top folders whose content a commit never holds, whatever its type. */
const ignoredTops: ReadonlySet<string> = new Set([
  'dev',
  'overlay',
  'ostree',
  'proc',
  'run',
  'sys',
  'sysroot',
  'tmp',
]);

/** True below a folder whose content never enters a commit: a walk need not descend, and nothing there is refused. */
export function isIgnoredContent(path: RelPath): boolean {
  const slash = path.indexOf('/');
  return slash > 0 && ignoredTops.has(path.slice(0, slash));
}

/** True for the files whose bytes the tree rules need before anything is written. */
export function isCaptured(path: RelPath): boolean {
  return /^(?:(?:usr\/)?etc\/(?:passwd|os-release|openwrt_release|openwrt_version)|usr\/lib\/os-release|(?:usr|var)\/lib\/opkg\/(?:status|info\/[^/]+\.list))$/u.test(
    path,
  );
}

/** Collects and checks entries one by one; `finish` resolves the links between them. */
export class EntryCollector {
  private readonly entries = new Map<RelPath, RootEntry>();
  private readonly hardLinks = new Map<RelPath, RelPath>();
  private readonly seen = new Set<RelPath>();
  private readonly source: string;

  constructor(source: string) {
    this.source = source;
  }

  /** Takes one member. The clean path of a member that may become part of a commit; undefined for one left out. */
  add(raw: RawEntry): RelPath | undefined {
    const path = this.checkedPath(raw.path);
    if (this.seen.has(path)) throw this.invalid(`'${path}' is there twice`);
    if (this.seen.size >= rootLimits.entries) throw this.invalid(`more than ${rootLimits.entries} entries`);
    this.seen.add(path);
    if (isIgnoredContent(path)) return undefined;
    if (raw.size > rootLimits.fileSize) throw this.invalid(`'${path}' is too large`);
    const { uid, gid, mode, mtime, xattrs } = raw;
    const attributes = { path, uid, gid, mode: mode & 0o7777, mtime, xattrs };
    switch (raw.type) {
      case 'directory':
        this.entries.set(path, { ...attributes, type: 'directory' });
        return path;
      case 'file':
        this.entries.set(path, { ...attributes, type: 'file', size: raw.size, content: path });
        return path;
      case 'symlink':
        this.entries.set(path, {
          ...attributes,
          type: 'symlink',
          target: this.checkedTarget(path, raw.target),
        });
        return path;
      case 'hardlink':
        this.hardLinks.set(path, this.checkedPath(raw.target));
        return path;
      case 'device':
        throw this.invalid(`'${path}' is a device node outside of /dev`);
      case 'fifo':
      case 'socket':
        throw this.invalid(`'${path}' is a ${raw.type}, which no commit can hold`);
    }
  }

  /** All entries, hard links as files that share their content, missing parents added. */
  finish(): Map<RelPath, RootEntry> {
    for (const [path, target] of this.hardLinks) {
      this.entries.set(path, { ...this.linkedEntry(path, target), path });
    }
    for (const entry of [...this.entries.values()]) this.addParents(entry.path);
    return this.entries;
  }

  private linkedEntry(path: RelPath, target: RelPath): RootEntry {
    let current: RelPath | undefined = target;
    for (let hops = 0; current !== undefined && hops <= this.hardLinks.size; hops += 1) {
      const next = this.hardLinks.get(current);
      if (next === undefined) break;
      current = next;
    }
    const found = this.entries.get(current);
    if (found === undefined || found.type === 'directory') {
      throw this.invalid(`'${path}' is a hard link to '${target}', which is no file of the root`);
    }
    return found;
  }

  private addParents(path: RelPath): void {
    for (let child = path; child !== ''; ) {
      const parent = parentOf(child);
      const entry = this.entries.get(parent);
      if (entry !== undefined && entry.type !== 'directory') {
        throw this.invalid(`'${path}' lies below '${parent}', which is no directory`);
      }
      if (entry !== undefined) return;
      if (parent !== '') {
        this.entries.set(parent, {
          path: parent,
          type: 'directory',
          uid: 0,
          gid: 0,
          mode: 0o755,
          mtime: 0,
          xattrs: [],
        });
      }
      child = parent;
    }
  }

  private checkedPath(path: string): RelPath {
    if (path.startsWith('/')) throw this.invalid(`'${path}' is an absolute path`);
    const clean = cleanRelPath(path);
    if (clean === undefined) throw this.invalid(`'${path}' does not stay inside the root, or is too long`);
    return clean;
  }

  private checkedTarget(path: RelPath, target: string): string {
    const bad = target === '' || target.includes('\0') || Buffer.byteLength(target) > 4095;
    if (bad || cleanRelPath(target.replace(/(^|\/)\.\.(?=\/|$)/gu, '$1')) === undefined) {
      throw this.invalid(`the symlink '${path}' has a target that no system could follow`);
    }
    return target;
  }

  private invalid(message: string): ParseError {
    return new ParseError('ROOTFS_INVALID', `${this.source}: ${message}`);
  }
}

/** The folder of a path; the root of a top-level name. */
export function parentOf(path: RelPath): RelPath {
  const parent = dirname(path);
  return (parent === '.' ? '' : parent) as RelPath;
}
