/** Writes a planned `/etc` into a new directory, from the trees that it was planned from. */
import { dirname, join } from 'node:path/posix';
import { RefusedError } from '../../base/index.ts';
import { chmod, copyRegularFile, lchown, lstatIfExists, mkdir, symlink, writeFile } from '../../sys/index.ts';
import { refuseTypeConflicts } from '../etc-merge.ts';
import { type Copied, copyXattrs } from '../etc-merge-copy.ts';
import type { EtcPlan, EtcResultNode } from './result.ts';

/** Where the trees of the plan are. */
export interface EtcRoots {
  readonly live: string;
  readonly target: string;
}

/**
 * Makes `dest`, which must not exist, and all that the plan has in it: owners, modes, times and extended attributes of
 * what is copied. A file that vanished since the plan was made is left out. Notes come back. `onStep` is called before each path.
 */
export function writeEtc(
  plan: EtcPlan,
  roots: EtcRoots,
  dest: string,
  onStep?: (path: string) => void,
): string[] {
  refuseTypeConflicts(plan);
  const notes = [...plan.notes];
  const copied: Copied[] = [];
  mkdir(dest, 0o700);
  const folders: [string, EtcResultNode][] = [];
  for (const [path, node] of plan.result) {
    onStep?.(path);
    const at = join(dest, path);
    if (node.kind === 'dir') {
      mkdir(at, 0o700);
      folders.push([path, node]);
    } else if (node.kind === 'symlink') {
      symlink(node.target, at);
      lchown(at, node.uid, node.gid);
    } else {
      writeNode(path, node, roots, dest, { notes, copied });
    }
  }
  // Last, from the inside out: a folder's mode may forbid what its time would betray.
  for (const [path, node] of folders.reverse()) setOwner(join(dest, path), node);
  for (const entry of plan.entries) {
    if (entry.class === 'skipped') notes.push(`${entry.path}: ${entry.note ?? 'skipped'}`);
  }
  copyXattrs(copied, notes);
  finishRoot(roots.live, dest);
  return notes;
}

function writeNode(
  path: string,
  node: EtcResultNode & { readonly kind: 'file' },
  roots: EtcRoots,
  dest: string,
  run: { readonly notes: string[]; readonly copied: Copied[] },
): void {
  const at = join(dest, path);
  const { content } = node;
  if (content.from === 'made') {
    writeFile(at, content.bytes);
    setOwner(at, node);
    return;
  }
  const from = join(roots[content.from], content.path);
  const outcome = copyRegularFile(from, at, node);
  if (outcome === 'other') throw typeChanged(content.path);
  if (outcome === 'absent') run.notes.push(`/etc/${content.path} vanished while it was merged`);
  else run.copied.push({ from, to: at });
}

/** Mode after owner: chown clears suid bits. */
function setOwner(at: string, { uid, gid, mode }: EtcResultNode): void {
  lchown(at, uid, gid);
  chmod(at, mode);
}

/** `/etc` itself is no path of the plan: it is like the one that was followed. */
function finishRoot(live: string, dest: string): void {
  const stats = lstatIfExists(live) ?? lstatIfExists(dirname(dest));
  if (stats === undefined) return;
  lchown(dest, stats.uid, stats.gid);
  chmod(dest, stats.mode & 0o7777);
}

function typeChanged(path: string): RefusedError {
  return new RefusedError('ETC_TYPE_CONFLICT', `/etc/${path} changed its type while it was merged`, {
    hint: 'run the command again',
  });
}
