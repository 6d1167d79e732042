import { isOpkgOstreeError, ParseError } from '../../base/index.ts';

/** DELTA_INVALID with this message. */
export function invalidDelta(what: string, cause?: unknown): ParseError {
  return new ParseError('DELTA_INVALID', `static delta: ${what}`, cause === undefined ? {} : { cause });
}

/** Runs a decoder; what it finds malformed becomes DELTA_INVALID naming what was decoded. */
export function decodingDelta<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (
      isOpkgOstreeError(error) &&
      (error.code === 'GVARIANT_INVALID' || error.code === 'OSTREE_OBJECT_CORRUPT')
    ) {
      throw invalidDelta(`${what}: ${error.message}`, error);
    }
    throw error;
  }
}

/** The number; DELTA_INVALID where it is beyond what can be counted exactly. */
export function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidDelta('an impossibly large number');
  return Number(value);
}
