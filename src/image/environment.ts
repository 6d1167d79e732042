/** U-Boot's stored environment on a disk image. */
import { ConfigError } from '../base/index.ts';
import { close, open, read, writeAt } from '../sys/index.ts';
import type { DiskPlan } from './layout.ts';

/** Where the environment lies in its partition, in bytes, and what is to be in it. */
export interface StoredEnvironment {
  readonly offsets: readonly number[];
  readonly size: number;
  /** The bytes of one copy that hold the old variables of these copies (as far as they are valid) and ours. */
  render(copies: readonly Uint8Array[]): readonly Uint8Array[];
}

/** Writes all copies; what a board's own image brought along stays in them. CONFIG_INVALID without a partition for it. */
export function writeStoredEnvironment(plan: DiskPlan, stored: StoredEnvironment, file: string): void {
  const partition = plan.partitions.find(({ use }) => use === 'environment');
  if (partition === undefined || stored.offsets.some((offset) => offset + stored.size > partition.size)) {
    throw new ConfigError('CONFIG_INVALID', "the disk has no partition that holds U-Boot's environment");
  }
  const fd = open(file, 'r+');
  try {
    const old = stored.offsets.map((offset) => {
      const copy = new Uint8Array(stored.size);
      read(fd, copy, 0, stored.size, partition.start + offset);
      return copy;
    });
    stored.render(old).forEach((copy, index) => {
      writeAt(fd, copy, partition.start + (stored.offsets[index] ?? 0));
    });
  } finally {
    close(fd);
  }
}
