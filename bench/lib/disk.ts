/** A file system of one's own to measure on: what else a machine's disk does would be measured too. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder on a fresh ext4 in a file, mounted by a loop device; a plain folder, said so, where that cannot be had. */
export interface Disk {
  readonly path: string;
  end(): void;
}

/** Makes a disk of so many MiB. */
export function openDisk(mebibytes: number): Disk {
  const folder = mkdtempSync(join(tmpdir(), 'bench-disk-'));
  const path = join(folder, 'mnt');
  const image = join(folder, 'image');
  mkdirSync(path);
  writeFileSync(image, '');
  truncateSync(image, mebibytes << 20);
  try {
    execFileSync('mkfs.ext4', ['-q', image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'ignore' });
  } catch {
    console.log('no loop device: measured on the disk of the temporary folder, with all that goes on there');
    return { path, end: () => rmSync(folder, { recursive: true, force: true }) };
  }
  const end = () => {
    execFileSync('umount', [path]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { path, end };
}
