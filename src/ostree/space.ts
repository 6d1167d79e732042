import { NoSpaceError } from '../base/index.ts';
import { effectiveUser, fileSystemSpace } from '../sys/index.ts';
import type { RepoSettings } from './repo-config.ts';

/** What a transaction may write before the file system falls below the repository's min-free-space. */
export class SpaceBudget {
  readonly #blockSize: number;
  readonly #free: number;
  readonly #reserved: number;
  #left: number;

  constructor(path: string, minFree: RepoSettings['minFree']) {
    const space = fileSystemSpace(path);
    this.#blockSize = Math.max(space.blockSize, 1);
    this.#free = effectiveUser() === 0 ? space.rootFree : space.free;
    this.#reserved = 'bytes' in minFree ? minFree.bytes : Math.floor((space.total * minFree.percent) / 100);
    this.#left = Math.max(0, this.#free - this.#reserved);
  }

  /** Accounts for a content object that is about to be written; NoSpaceError when it does not fit any more. */
  charge(bytes: number): void {
    const needed = Math.ceil(bytes / this.#blockSize) * this.#blockSize;
    if (needed > this.#left) {
      throw new NoSpaceError(
        'NO_SPACE',
        `the repository needs ${needed} bytes more and may take ${this.#left}`,
        {
          hint: 'free space, or lower core.min-free-space-size in the repository',
          details: { needed, available: this.#left, free: this.#free, reserved: this.#reserved },
        },
      );
    }
    this.#left -= needed;
  }
}
