/**
 * The writes of a machine as QEMU's blklogwrites records them (dm-log-writes: Linux drivers/md/dm-log-writes.c), and disks as a
 * power cut would have left them.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

interface LoggedWrite {
  /** In bytes. */
  readonly offset: number;
  readonly length: number;
  readonly flush: boolean;
  /** On the disk when it is done, whatever comes. */
  readonly forced: boolean;
  /** Where the data lies in the log; undefined for what carries none. */
  readonly dataAt: number | undefined;
  /** Where the next entry of the log begins. */
  readonly end: number;
}

/** Which of the pieces of writes that no flush followed are on the disk. */
export interface Loss {
  /** Bytes; a disk writes each whole or not at all. */
  readonly piece: number;
  /** `index` counts writes, `piece` the pieces of that one. */
  readonly keeps: (index: number, piece: number) => boolean;
}

const magic = 0x6a736677736872n;
const flushFlag = 1n;
const fuaFlag = 2n;
const discardFlag = 4n;

export class WriteLog {
  readonly writes: readonly LoggedWrite[];
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    const head = this.#read(0, 512);
    if (head.readBigUInt64LE(0) !== magic) throw new Error(`${path} is no log of writes`);
    const count = Number(head.readBigUInt64LE(16));
    const sector = head.readUInt32LE(24);
    const writes: LoggedWrite[] = [];
    let at = sector;
    for (let index = 0; index < count; index++) {
      const entry = this.#read(at, 32);
      const flags = entry.readBigUInt64LE(16);
      const length = Number(entry.readBigUInt64LE(8)) * sector;
      const carries = (flags & discardFlag) === 0n && length > 0;
      at += sector;
      writes.push({
        offset: Number(entry.readBigUInt64LE(0)) * sector,
        length,
        flush: (flags & flushFlag) !== 0n,
        forced: (flags & fuaFlag) !== 0n,
        dataAt: carries ? at : undefined,
        end: carries ? at + length : at,
      });
      if (carries) at += length;
    }
    this.writes = writes;
  }

  /** Applies writes [from, to) of the log to a disk: all of each, or what is not lost. */
  apply(disk: string, from: number, to: number, loss?: Loss): void {
    const fd = openSync(disk, 'r+');
    try {
      for (let index = from; index < to; index++) {
        const write = this.writes[index];
        if (write?.dataAt === undefined) continue;
        const data = this.#read(write.dataAt, write.length);
        if (loss === undefined || write.forced) {
          writeSync(fd, data, 0, write.length, write.offset);
          continue;
        }
        for (let at = 0; at < write.length; at += loss.piece) {
          if (!loss.keeps(index, at / loss.piece)) continue;
          writeSync(fd, data, at, Math.min(loss.piece, write.length - at), write.offset + at);
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  /** How many writes were logged when the log had that size. */
  countAt(size: number): number {
    const after = this.writes.findIndex(({ end }) => end > size);
    return after === -1 ? this.writes.length : after;
  }

  /** How many writes are certain to be on the disk when power goes after `count` of them: those before the last flush. */
  flushedBefore(count: number): number {
    for (let index = count - 1; index >= 0; index--) if (this.writes[index]?.flush === true) return index;
    return 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #read(at: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    readSync(this.#fd, buffer, 0, length, at);
    return buffer;
  }
}
