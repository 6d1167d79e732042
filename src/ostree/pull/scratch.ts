import { randomBytes } from 'node:crypto';
import { mkdirp, removeTree } from '../../sys/index.ts';
import type { Repository } from '../repository.ts';

/** Files that are not verified yet; named so that a later transaction sweeps what a killed one leaves. */
export class ScratchFolder {
  readonly #path: string;
  #made = false;
  #count = 0;

  constructor(repo: Repository) {
    this.#path = `${repo.path}/tmp/opkg-ostree-pull-${randomBytes(6).toString('hex')}`;
  }

  next(): string {
    if (!this.#made) mkdirp(this.#path, 0o700);
    this.#made = true;
    this.#count += 1;
    return `${this.#path}/${this.#count}`;
  }

  remove(): void {
    if (this.#made) removeTree(this.#path);
  }
}
