import { join } from 'node:path/posix';
import { concat } from '../../base/index.ts';
import {
  close,
  expectSuccess,
  findProgram,
  open,
  readFile,
  run,
  unlinkIfExists,
  writeAll,
} from '../../sys/index.ts';
import { storeXz } from '../xz/index.ts';
import { xzCompressed } from './part.ts';

/** A part as it is stored: its compression byte and what follows. */
export interface StoredPart {
  readonly compression: number;
  readonly payload: Uint8Array;
}

/** xz takes about eleven times its dictionary: 8 MiB keep it below 100 MiB. */
const maxDictionary = 8 << 20;
const minDictionary = 4096;
const timeLimit = 3_600_000;

/** Compresses parts with the program `xz`; without it they become .xz files that hold them as they are. */
export class PartCompressor {
  readonly #program: string | undefined;
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  #count = 0;

  constructor(folder: string, compress: boolean, signal: AbortSignal | undefined) {
    this.#folder = folder;
    this.#signal = signal;
    this.#program = compress ? findProgram('xz') : undefined;
  }

  /** Takes the pieces before it returns its promise; SystemError COMMAND_FAILED. */
  async compress(pieces: readonly Uint8Array[]): Promise<StoredPart> {
    // Not as type 0: libostree maps such a file from its second byte on, which no kernel allows.
    if (this.#program === undefined) return { compression: xzCompressed, payload: concat(storeXz(pieces)) };
    const path = join(this.#folder, `part-${this.#count}`);
    this.#count += 1;
    const size = writePieces(path, pieces);
    const dictionary = Math.min(Math.max(2 ** Math.ceil(Math.log2(size + 1)), minDictionary), maxDictionary);
    const args = ['-T1', '--check=crc64', `--lzma2=preset=6,dict=${dictionary}`, '--', path];
    const result = await run(this.#program, args, { timeout: timeLimit, signal: this.#signal });
    expectSuccess('xz', result);
    const payload = readFile(`${path}.xz`);
    unlinkIfExists(`${path}.xz`);
    return { compression: xzCompressed, payload };
  }
}

function writePieces(path: string, pieces: readonly Uint8Array[]): number {
  const fd = open(path, 'wx', 0o600);
  let size = 0;
  try {
    for (const piece of pieces) {
      writeAll(fd, piece);
      size += piece.length;
    }
  } finally {
    close(fd);
  }
  return size;
}
