import { isOpkgOstreeError } from '../../src/base/index.ts';

/** The stable code of the error that the call throws; 'nothing' where it throws none; rethrows what has no code. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return codeFrom(error);
  }
  return 'nothing';
}

/** As `codeOf`, for a promise. */
export async function codeOfAsync(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
  } catch (error) {
    return codeFrom(error);
  }
  return 'nothing';
}

function codeFrom(error: unknown): string {
  if (isOpkgOstreeError(error)) return error.code;
  throw error;
}
