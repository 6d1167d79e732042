/**
 * Puts what was written onto the disk in the form in which a boot loader reads it. GRUB and U-Boot do not replay
 * ext4's journal, so fsync is not enough: syncfs(2), or sync(2), also writes the metadata blocks to their places.
 */
import { findProgram, fsyncDirectory, runSync } from '../sys/index.ts';

const timeout = 300_000;

/**
 * Flushes the file systems that hold the paths: `sync -f`, or everything by `sync` where that is not to be had (BusyBox
 * without SYNC_FANCY ignores the paths and flushes everything).
 */
export function flushFileSystems(paths: readonly string[]): void {
  const sync = findProgram('sync');
  if (sync === undefined) {
    for (const path of paths) fsyncDirectory(path);
    return;
  }
  if (runSync(sync, ['-f', ...paths], { timeout }).status === 0) return;
  runSync(sync, [], { timeout });
}
