/**
 * Makes an empty sysroot.
 *
 * ```
 * <sysroot>/ostree/repo                    the repository
 *          /ostree/deploy/<stateroot>/var  shared by the stateroot's deployments
 *          /boot/                          kernels, entries, and the loader's static stub
 * ```
 */
import { dirname, join } from 'node:path/posix';
import { equalBytes, RefusedError, UsageError } from '../base/index.ts';
import { parseKeyFile, type RepoMode, Repository } from '../ostree/index.ts';
import {
  exists,
  lstatIfExists,
  mkdirDurable,
  readFileIfExists,
  readTextIfExists,
  symlinkDurable,
  writeFileDurable,
} from '../sys/index.ts';
import { isStaterootName } from './deployment.ts';
import { type LoaderOptions, type LoaderStub, loaderFor } from './loaders/index.ts';
import type { Target } from './target.ts';
import { ensureVar } from './var.ts';

export interface InitOptions {
  readonly target: Target;
  readonly stateroot: string;
  /** `bare` on routers. */
  readonly mode?: RepoMode;
  /** False where a conversion leads the loader here: its old configuration stands in our stub's place. */
  readonly stubs?: boolean;
}

/** The group of the repository's config that is ours; libostree does not look at it. */
export const configGroup = 'opkg-ostree';

/** What a router keeps free at least; libostree's own default of 3% is measured for PCs. */
const minFreeSpace = '32MB';

/**
 * Makes the sysroot; its directory is made if missing. SYSROOT_EXISTS where there is one, or another loader's
 * configuration stands in our stub's place. The repository's config comes last, so an interrupted run can be repeated.
 */
export function initSysroot(path: string, { target, stateroot, mode, ...more }: InitOptions): void {
  if (exists(join(path, 'ostree/repo/config'))) {
    throw new RefusedError('SYSROOT_EXISTS', `${path} is a sysroot already`, {
      hint: "use it as it is, or remove its 'ostree' and 'boot' folders first",
    });
  }
  const stubs = more.stubs === false ? [] : loaderFor(target.loader.id).stubs(loaderOptions(target));
  for (const stub of stubs) refuseForeignStub(join(path, 'boot', stub.path), stub);
  mkdirDurable(join(path, 'boot'));
  mkdirDurable(join(path, 'ostree/deploy'));
  initStateroot(path, stateroot);
  for (const stub of stubs) writeStub(join(path, 'boot', stub.path), stub);
  Repository.init(join(path, 'ostree/repo'), { mode: mode ?? 'bare' });
  const configPath = join(path, 'ostree/repo/config');
  const config = parseKeyFile(readTextIfExists(configPath) ?? '');
  config.set('core', 'min-free-space-size', minFreeSpace);
  config.set('sysroot', 'bootloader', loaderFor(target.loader.id).libostree);
  config.set(configGroup, 'target', target.id);
  writeFileDurable(configPath, config.render());
}

/** Makes a stateroot with its `/var`; an existing one is completed. USAGE for a name that cannot be one. */
export function initStateroot(sysroot: string, name: string): void {
  if (!isStaterootName(name)) {
    throw new UsageError('USAGE', `'${name}' cannot name a stateroot`, {
      hint: 'letters, digits, . _ and -',
    });
  }
  mkdirDurable(join(sysroot, 'ostree/deploy', name, 'deploy'));
  ensureVar(join(sysroot, 'ostree/deploy', name, 'var'));
}

/** What the target's data says about the loader's menu. */
export function loaderOptions(target: Target): LoaderOptions {
  const { timeout, script } = target.loader;
  return {
    timeout,
    ...(script === undefined ? {} : { script }),
    ...(target.serial === undefined ? {} : { serial: target.serial }),
  };
}

function refuseForeignStub(path: string, stub: LoaderStub): void {
  const stats = lstatIfExists(path);
  if (stats === undefined) return;
  if (stub.kind === 'symlink' ? stats.isSymbolicLink() : holds(path, contentOf(stub))) return;
  throw new RefusedError('SYSROOT_EXISTS', `${path} belongs to another boot configuration`, {
    hint: "keep a copy of it elsewhere and remove it, or use 'opkg-ostree convert' on a running router",
  });
}

function writeStub(path: string, stub: LoaderStub): void {
  mkdirDurable(dirname(path));
  if (stub.kind === 'symlink') symlinkDurable(stub.target, path);
  else writeFileDurable(path, contentOf(stub));
}

function contentOf(stub: Exclude<LoaderStub, { kind: 'symlink' }>): Uint8Array {
  return stub.kind === 'bytes' ? stub.bytes : new TextEncoder().encode(stub.text);
}

function holds(path: string, content: Uint8Array): boolean {
  const found = readFileIfExists(path);
  return found !== undefined && equalBytes(found, content);
}
