/** The operations of a part: opcodes and their arguments as LEB128 numbers. */
import { invalidDelta } from './errors.ts';

/** Opcodes; the comment is libostree's name. */
export const op = {
  splice: 0x53, // S open-splice-and-close
  open: 0x6f, // o
  write: 0x77, // w
  setSource: 0x72, // r
  unsetSource: 0x52, // R
  close: 0x63, // c
  patch: 0x42, // B bspatch
} as const;

const maxBytes = 8;

/** Reads a part's operations one after the other. */
export class OperationReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  opcode(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw invalidDelta('the operations end early');
    this.#at += 1;
    return byte;
  }

  /** A number; DELTA_INVALID above 2^53 or where it does not end. */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < maxBytes; i++) {
      const byte = this.opcode();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if ((byte & 0x80) === 0) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw invalidDelta('an impossibly large number among the operations');
  }
}

/** Collects operations. */
export class OperationWriter {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  add(opcode: number, ...numbers: readonly number[]): void {
    this.#bytes.push(opcode);
    for (const number of numbers) this.#number(number);
  }

  take(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes.push((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }
}
