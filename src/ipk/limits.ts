import { ParseError } from '../base/index.ts';

/** What one package may cost. The defaults fit the largest real packages a few times over. */
export interface IpkLimits {
  /** Bytes of the package file. */
  readonly packed: number;
  /** Bytes of all file content together, and of each decompressed stream. */
  readonly unpacked: number;
  /** Members of one archive. */
  readonly entries: number;
  /** Unpacked bytes per packed byte, looked at once `ratioFloor` bytes are unpacked. */
  readonly ratio: number;
  readonly ratioFloor: number;
  /** Bytes of all control members together. */
  readonly control: number;
}

/** Deflate reaches 1,032:1; real packages stay below 60:1, so 250:1 of many megabytes is a bomb. */
export const defaultIpkLimits: IpkLimits = {
  packed: 1 << 29,
  unpacked: 1 << 30,
  entries: 100_000,
  ratio: 250,
  ratioFloor: 1 << 25,
  control: 1 << 22,
};

/** The limits of one package while it is read: counts what came in, and what each decoder made of it. */
export class IpkBudget {
  readonly limits: IpkLimits;
  #packed = 0;

  constructor(limits: IpkLimits = defaultIpkLimits) {
    this.limits = limits;
  }

  /** Bytes of the package file so far. */
  get packed(): number {
    return this.#packed;
  }

  addPacked(bytes: number): void {
    this.#packed += bytes;
    if (this.#packed > this.limits.packed)
      throw tooLarge(`the package is larger than ${this.limits.packed} bytes`);
  }

  /** Throws IPK_TOO_LARGE when one decoder's output so far is more than the package may hold. */
  checkUnpacked(bytes: number): void {
    const { unpacked, ratio, ratioFloor } = this.limits;
    // Room for tar headers and padding, of which an archive of small files mostly consists.
    const overhead = this.limits.entries * 1024;
    if (bytes > unpacked + overhead) throw tooLarge(`the package unpacks to more than ${unpacked} bytes`);
    if (bytes > ratioFloor && bytes > this.#packed * ratio)
      throw tooLarge(`the package unpacks to more than ${ratio} times its size`);
  }
}

/** The error for an archive beyond its limits. */
export function tooLarge(message: string): ParseError {
  return new ParseError('IPK_TOO_LARGE', message, {
    hint: 'do not install this package; if it is genuine, its maker should split it',
  });
}
