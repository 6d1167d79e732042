/** Commands whose code is loaded when they are called. */
import { SystemError } from '../base/index.ts';
import type { Handler } from './program.ts';

type Rare = typeof import('./rare/index.ts');

/** What `rare/` exports; COMMAND_MISSING where its file was not installed beside the program's. */
export async function loadRare(): Promise<Rare> {
  try {
    return await import('./rare/index.ts');
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw new SystemError('COMMAND_MISSING', 'opkg-ostree-more.mjs is not beside the program', {
      cause,
      hint: "install the package 'opkg-ostree' again, or build with 'npm run build'",
    });
  }
}

/** The command's handler, which loads its code first. */
export function rarely(name: 'compose' | 'convert' | 'imageBuild' | 'sysrootInit'): Handler {
  return async (call) => (await loadRare())[name](call);
}
