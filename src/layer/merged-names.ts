/**
 * Two files that the merge of /bin into /usr/bin brings to one path (openwrt-platform.md B.2): a real file beats a
 * symlink to busybox, and a link that would lead to itself is none.
 */
import { basename, dirname, join } from 'node:path/posix';
import { type RelPath, toRelPath } from '../base/index.ts';
import { relocateSymlink, runtimePath } from '../state/index.ts';

/** Where an absolute or relative target of the link at the runtime path leads, as a path below the root. */
export function linkDestination(path: RelPath, target: string): RelPath {
  const absolute = join('/', target.startsWith('/') ? target : join(dirname(path), target));
  return runtimePath(toRelPath(absolute));
}

/** True where the link's own place and the place that it leads to are one after the merge. */
export function isSelfLink(packagePath: RelPath, target: string): boolean {
  return (
    linkDestination(runtimePath(packagePath), relocateSymlink(packagePath, target)) ===
    runtimePath(packagePath)
  );
}

/** True for a link to the busybox binary, wherever it lies. */
export function isBusyboxTarget(target: string): boolean {
  return basename(target) === 'busybox';
}
