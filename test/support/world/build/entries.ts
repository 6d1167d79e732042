/** One entry of a tree or an archive; `path` is relative without `./`, the root is the empty string. */
export interface TreeEntry {
  readonly path: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink';
  /** Permission bits with set-user-id and the like. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file. */
  readonly content?: Uint8Array;
  /** Target of a symlink or hard link. */
  readonly target?: string;
}

const text = new TextEncoder();

/** A regular file owned by root. */
export function file(path: string, content: string | Uint8Array, mode = 0o644): TreeEntry {
  const bytes = typeof content === 'string' ? text.encode(content) : content;
  return { path, type: 'file', mode, uid: 0, gid: 0, content: bytes };
}

/** A directory owned by root. */
export function dir(path: string, mode = 0o755): TreeEntry {
  return { path, type: 'dir', mode, uid: 0, gid: 0 };
}

/** A symlink owned by root. */
export function symlink(path: string, target: string): TreeEntry {
  return { path, type: 'symlink', mode: 0o777, uid: 0, gid: 0, target };
}

/** The entries sorted by path, each path once (the last one wins), with every missing parent directory. */
export function completeTree(entries: readonly TreeEntry[]): TreeEntry[] {
  const byPath = new Map<string, TreeEntry>([['', dir('')]]);
  for (const entry of entries) {
    for (const parent of parents(entry.path)) {
      if (!byPath.has(parent)) byPath.set(parent, dir(parent));
    }
    byPath.set(entry.path, entry);
  }
  return [...byPath.values()].sort((a, b) => compareBytes(a.path, b.path));
}

/** Byte order, the order of `sort` in the C locale. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
