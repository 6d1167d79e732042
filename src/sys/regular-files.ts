/** Regular files as a whole: copied with owner, mode and times, or read as a stream. */
import * as fs from 'node:fs';
import { errnoOf, guarded } from './errno.ts';
import { fchmod, fchown, fstat, open } from './files.ts';

/** Owner and permission bits. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * Copies a regular file, and its times, to a path where nothing is; not durably. What it copies is the file that it looked at:
 * `absent` and `other` say that there is none, or no regular file.
 */
export function copyRegularFile(from: string, to: string, owner: Ownership): 'copied' | 'absent' | 'other' {
  // Without O_NONBLOCK a fifo would wait for somebody to write.
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
  let source: number;
  try {
    source = guarded('open', from, () => fs.openSync(from, flags));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'absent';
    if (errno === 'ELOOP' || errno === 'ENXIO') return 'other';
    throw error;
  }
  try {
    const stats = fstat(source);
    if (!stats.isFile()) return 'other';
    guarded('copy', to, () => writeCopy(source, to, owner, stats));
    return 'copied';
  } finally {
    fs.closeSync(source);
  }
}

const copyChunk = 256 * 1024;

function writeCopy(source: number, to: string, { uid, gid, mode }: Ownership, stats: fs.Stats): void {
  const target = open(to, 'wx', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(stats.size + 1, copyChunk));
    for (;;) {
      const count = fs.readSync(source, buffer, 0, buffer.length, null);
      if (count === 0) break;
      for (let done = 0; done < count; ) done += fs.writeSync(target, buffer, done, count - done);
    }
    // Mode after owner: chown clears suid bits.
    fchown(target, uid, gid);
    fchmod(target, mode);
    fs.futimesSync(target, stats.atimeMs / 1000, stats.mtimeMs / 1000);
  } finally {
    fs.closeSync(target);
  }
}

/** A readable stream of a file's bytes. */
export function readStream(path: string): fs.ReadStream {
  return fs.createReadStream(path);
}
