/** What early boot without an initramfs needs of the physical root: names that an old system there shares with it. */
import { dirname, join } from 'node:path/posix';
import { RefusedError } from '../../base/index.ts';
import { lstatIfExists, readlink, realpath } from '../../sys/index.ts';
import { skeletonFiles } from '../skeleton.ts';

/**
 * The paths below the sysroot that have to stay when the rest of an old system goes, sorted: the shell and its libraries, and
 * the links on the way to them (`lib64 -> lib`, `ld-musl-x86_64.so.1 -> libc.so`). CONVERT_UNSUPPORTED where they cannot be told.
 */
export function stockRemains(sysroot: string): string[] {
  const kept = new Set<string>();
  const root = realpath(sysroot);
  const files = skeletonFiles(root);
  if (files === undefined) {
    throw new RefusedError('CONVERT_UNSUPPORTED', 'it cannot be told which files early boot needs', {
      hint: 'bin/busybox of the physical root, or one of its libraries, is missing',
    });
  }
  for (const name of files) keep(root, name, kept);
  return [...kept].sort();
}

function keep(root: string, name: string, kept: Set<string>, hops = 0): void {
  if (hops > 20) return;
  let at = '';
  for (const part of name.split('/')) {
    at = at === '' ? part : `${at}/${part}`;
    const stats = lstatIfExists(join(root, at));
    if (stats?.isSymbolicLink() !== true) continue;
    kept.add(at);
    const text = readlink(join(root, at));
    const target = join('/', text.startsWith('/') ? '' : dirname(at), text, name.slice(at.length));
    keep(root, target.slice(1), kept, hops + 1);
    return;
  }
  if (lstatIfExists(join(root, name)) !== undefined) kept.add(name);
}
