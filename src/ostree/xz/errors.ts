import { type ErrorCode, ParseError } from '../../base/index.ts';

/** XZ_INVALID: bytes that are no .xz file, or one whose checks do not hold. */
export function invalidXz(what: string): ParseError {
  return xzError('XZ_INVALID', what);
}

/** XZ_UNSUPPORTED: a valid file that needs a filter, a check or a size that this decoder does not have. */
export function unsupportedXz(what: string): ParseError {
  return xzError('XZ_UNSUPPORTED', what);
}

function xzError(code: ErrorCode, what: string): ParseError {
  return new ParseError(code, `xz data: ${what}`);
}
