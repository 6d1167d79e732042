/** How much a conversion will write, by one walk over the running root with the rules that it will follow. */
import { join } from 'node:path/posix';
import { type OperationContext, type RelPath, throwIfAborted } from '../../base/index.ts';
import { lstatIfExists, readdirIfExists, type Stats } from '../../sys/index.ts';
import { destinationOf, type TakeRules } from './rules.ts';

/** Bytes on disk, whole blocks. */
export interface Measured {
  readonly commit: { readonly files: number; readonly bytes: number };
  readonly folders: number;
  readonly etc: { readonly files: number; readonly bytes: number; readonly local: number };
  /** By top folder. */
  readonly state: ReadonlyMap<string, { readonly files: number; readonly bytes: number }>;
  /** Top-level names that no deployment has, and that become read-only parts of the base. */
  readonly odd: readonly string[];
  /** What is left behind and might be missed. */
  readonly left: readonly string[];
}

const block = 4096;
const usualTops: ReadonlySet<string> = new Set(
  'bin boot dev etc home init lib lib64 lost+found mnt opt ostree overlay proc rom root run sbin srv sys sysroot tmp usr var www'.split(
    ' ',
  ),
);
const notEntered: ReadonlySet<string> = new Set(
  'boot dev lost+found ostree overlay proc run sys sysroot tmp'.split(' '),
);

/** Walks the root; nothing is read but attributes. File systems that are mounted below it are not entered. */
export function measureRoot(root: string, rules: TakeRules, ctx: OperationContext): Measured {
  const count = { commitFiles: 0, commitBytes: 0, folders: 0, etcFiles: 0, etcBytes: 0, etcLocal: 0 };
  const state = new Map<string, { files: number; bytes: number }>();
  const odd: string[] = [];
  const left: string[] = [];
  const device = lstatIfExists(root)?.dev;
  const pending = readdirIfExists(root).sort() as RelPath[];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    throwIfAborted(ctx.signal);
    const stats = lstatIfExists(join(root, path));
    if (stats === undefined) continue;
    const top = path.split('/', 1)[0] ?? '';
    if (notEntered.has(top)) continue;
    const to = destinationOf(path, stats, rules);
    const bytes = bytesOf(stats);
    if (path === top && !usualTops.has(top)) (to === 'left' ? left : odd).push(`/${top}`);
    if (top === 'etc' && !stats.isDirectory()) {
      count.etcFiles += 1;
      count.etcBytes += bytes;
      if (to === 'etc') count.etcLocal += 1;
    }
    if (to === 'commit' && !stats.isDirectory()) {
      count.commitFiles += 1;
      count.commitBytes += bytes;
    }
    if (to === 'state') {
      const sum = state.get(top) ?? { files: 0, bytes: 0 };
      state.set(top, { files: sum.files + (stats.isFile() ? 1 : 0), bytes: sum.bytes + bytes });
    }
    if (!stats.isDirectory()) continue;
    count.folders += 1;
    if (stats.dev !== device || to === 'left') continue;
    for (const name of readdirIfExists(join(root, path))) pending.push(`${path}/${name}` as RelPath);
  }
  return {
    commit: { files: count.commitFiles, bytes: count.commitBytes },
    folders: count.folders,
    etc: { files: count.etcFiles, bytes: count.etcBytes, local: count.etcLocal },
    state,
    odd: odd.sort(),
    left: left.sort(),
  };
}

/** Whole blocks; short symlinks and empty files live in their inode. */
function bytesOf(stats: Stats): number {
  if (stats.isDirectory()) return block;
  if (stats.isSymbolicLink() && stats.size < 60) return 0;
  return Math.ceil(stats.size / block) * block;
}

/** The bytes that a tree's files take. */
export function treeBytes(path: string): number {
  let sum = 0;
  const pending = [path];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const stats = lstatIfExists(at);
    if (stats === undefined) continue;
    sum += bytesOf(stats);
    if (stats.isDirectory()) pending.push(...readdirIfExists(at).map((name) => join(at ?? '', name)));
  }
  return sum;
}
