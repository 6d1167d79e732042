import { findTarget, Sysroot } from '../boot/index.ts';
import type { Environment } from './environment.ts';

export interface InitSysrootRequest {
  readonly path: string;
  /** The board family. */
  readonly target: string;
  readonly stateroot: string;
}

export interface InitSysrootResult {
  readonly path: string;
  readonly target: string;
  readonly stateroot: string;
  readonly loader: string;
}

/** Makes an empty sysroot for a board; SYSROOT_EXISTS where there is one, UNKNOWN_TARGET for a board we do not know. */
export function initSysroot(
  env: Environment,
  { path, target, stateroot }: InitSysrootRequest,
): InitSysrootResult {
  const found = findTarget(target);
  const sysroot = Sysroot.init(path, { target: found, stateroot });
  env.onProgress({ phase: 'done' });
  return { path: sysroot.path, target: found.id, stateroot, loader: found.loader.id };
}
