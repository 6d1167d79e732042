/** What `compose` and `sysroot init` do. */
import { resolve } from 'node:path/posix';
import { UsageError } from '../../base/index.ts';
import { composeRoot, initSysroot } from '../../engine/rare.ts';
import type { Call } from '../program.ts';

/** Runs compose. */
export async function compose({ args, options, env }: Call) {
  const optional = (name: string) => {
    const value = options.text(name);
    return value === undefined ? {} : { [name]: value };
  };
  const result = await composeRoot(env, {
    rootfs: args[0] ?? '',
    repo: resolve(required(options.text('repo'), '--repo')),
    branch: required(options.text('branch'), '--branch'),
    ...optional('kernel'),
    ...optional('kernelRelease'),
    ...optional('dtb'),
    ...optional('initramfs'),
    ...optional('target'),
    ...optional('version'),
    ...optional('mode'),
    ...optional('signKey'),
    addPackages: options.list('addPackage'),
  });
  return {
    json: {
      checksum: result.commit,
      branch: result.branch,
      version: result.version ?? null,
      'kernel-release': result.kernelRelease ?? null,
      packages: result.packages,
      warnings: result.warnings,
    },
    text: [
      ...result.warnings.map((warning) => `warning: ${warning}`),
      `${result.branch}: version ${result.version ?? 'unknown'}, kernel ${result.kernelRelease ?? 'none'}, ${result.packages} packages`,
      result.commit,
    ],
  };
}

/** Runs sysroot init. */
export function sysrootInit({ args, options, stateroot, env }: Call) {
  const result = initSysroot(env, {
    path: resolve(args[0] ?? ''),
    target: required(options.text('target'), '--target'),
    stateroot: stateroot ?? 'openwrt',
  });
  return {
    json: { path: result.path, target: result.target, stateroot: result.stateroot, loader: result.loader },
    text: [
      `Made a sysroot for ${result.target} (${result.loader}) at ${result.path}, stateroot ${result.stateroot}.`,
      `Next: opkg-ostree compose ROOTFS --repo ${result.path}/ostree/repo --branch REF, then opkg-ostree --sysroot ${result.path} deploy REF`,
    ],
  };
}

function required(value: string | undefined, option: string): string {
  if (value !== undefined && value !== '') return value;
  throw new UsageError('USAGE', `${option} is needed`);
}
