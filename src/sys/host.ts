/** What the machine gives this process: a place for scratch files, space, a user. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path/posix';
import { guarded } from './errno.ts';
import { madeAt } from './owners.ts';

/** A new, empty, private directory below `parent` (default: the system's temporary folder). */
export function makeTempDir(prefix: string, parent: string = tmpdir()): string {
  const path = guarded('mkdtemp', parent, () => fs.mkdtempSync(join(parent, prefix)));
  madeAt(path);
  return path;
}

/**
 * Free and total bytes of the file system that holds the path. `free` is what an unprivileged user may take,
 * `rootFree` what root may.
 */
export function fileSystemSpace(path: string): {
  readonly free: number;
  readonly rootFree: number;
  readonly total: number;
  readonly blockSize: number;
} {
  const s = guarded('statfs', path, () => fs.statfsSync(path));
  return {
    free: s.bavail * s.bsize,
    rootFree: s.bfree * s.bsize,
    total: s.blocks * s.bsize,
    blockSize: s.bsize,
  };
}

/** The effective user id of this process; 0 is root. */
export function effectiveUser(): number {
  return process.geteuid?.() ?? 0;
}

/** The effective group id of this process. */
export function effectiveGroup(): number {
  return process.getegid?.() ?? 0;
}
