/** Single files of a live `/etc`: named as people name them, replaced in one step. */
import { dirname, join } from 'node:path/posix';
import { cleanRelPath, RefusedError, UsageError } from '../base/index.ts';
import { etcOf } from '../boot/index.ts';
import type { EtcNode, EtcTree } from '../state/index.ts';
import {
  chmod,
  fsyncDirectory,
  lchown,
  lstatIfExists,
  mkdir,
  removeTree,
  rename,
  symlink,
  tempNameFor,
  writeFileDurable,
} from '../sys/index.ts';
import { requireDeployment, type Session } from './session.ts';

/** `FILE` as a path relative to /etc: `/etc/config/x`, `etc/config/x` and `config/x` are one. USAGE for anything else. */
export function etcPath(file: string): string {
  const clean = cleanRelPath(file)?.replace(/^etc\//u, '') ?? '';
  if (clean !== '' && clean !== 'etc' && (!file.startsWith('/') || file.startsWith('/etc/'))) return clean;
  throw new UsageError('USAGE', `'${file}' is not a path below /etc`);
}

/** The `/etc` that edits are made in: of the running deployment, else of the one that boots next. */
export function liveEtc(session: Session): string {
  return etcOf(requireDeployment(session));
}

/** Makes `path` of a live `/etc` what it is in a tree: content, owner, mode; deleted where the tree has nothing. */
export function restorePath(etc: string, path: string, tree: EtcTree): void {
  const node = tree.nodes.get(path);
  const at = join(etc, path);
  if (node === undefined) {
    requireRealParents(etc, path);
    removeTree(at);
    fsyncDirectory(dirname(at));
    return;
  }
  makeParents(etc, path, tree);
  if (node.kind === 'dir') restoreFolder(at, node);
  else restoreLeaf(at, node, tree, path);
}

function restoreFolder(at: string, node: EtcNode): void {
  const there = lstatIfExists(at);
  if (there !== undefined && !there.isDirectory()) removeTree(at);
  if (there?.isDirectory() !== true) mkdir(at, 0o700);
  setOwner(at, node);
}

function restoreLeaf(at: string, node: EtcNode, tree: EtcTree, path: string): void {
  if (node.kind === 'special') return;
  const there = lstatIfExists(at);
  if (there?.isDirectory() === true) removeTree(at);
  const temp = tempNameFor(at);
  if (node.kind === 'symlink') {
    symlink(node.target ?? '', temp);
    lchown(temp, node.uid, node.gid);
  } else {
    writeFileDurable(temp, tree.read(path), { mode: 0o600 });
    setOwner(temp, node);
  }
  rename(temp, at);
  fsyncDirectory(dirname(at));
}

function makeParents(etc: string, path: string, tree: EtcTree): void {
  const parts = path.split('/').slice(0, -1);
  parts.forEach((_, index) => {
    const folder = parts.slice(0, index + 1).join('/');
    const there = lstatIfExists(join(etc, folder));
    if (there?.isDirectory() === true) return;
    if (there !== undefined) throw notFolder(folder);
    mkdir(join(etc, folder), 0o700);
    const node = tree.nodes.get(folder);
    setOwner(join(etc, folder), node ?? { kind: 'dir', uid: 0, gid: 0, mode: 0o755, size: 0 });
  });
}

/** ETC_TYPE_CONFLICT where a symlink on the way would lead a removal out of the tree. */
export function requireRealParents(etc: string, path: string): void {
  const parts = path.split('/').slice(0, -1);
  parts.forEach((_, index) => {
    const folder = parts.slice(0, index + 1).join('/');
    const there = lstatIfExists(join(etc, folder));
    if (there !== undefined && !there.isDirectory()) throw notFolder(folder);
  });
}

/** Mode after owner: chown clears suid bits. */
function setOwner(at: string, node: EtcNode): void {
  lchown(at, node.uid, node.gid);
  chmod(at, node.mode);
}

function notFolder(folder: string): RefusedError {
  return new RefusedError('ETC_TYPE_CONFLICT', `/etc/${folder} is not a directory`, {
    hint: `move /etc/${folder} away, then run the command again`,
  });
}
