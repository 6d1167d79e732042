import { resolve } from 'node:path/posix';
import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import { composeRoot, initSysroot } from '../../engine/index.ts';
import { addCommand, type Call, collect, newCommand, type RunContext } from '../program.ts';

/** compose, sysroot init. */
export function makingCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'compose <rootfs>',
    'Commit an OpenWrt root: a directory, .tar or .tar.gz',
    (command) =>
      command
        .requiredOption(
          '--repo <dir>',
          'the repository; made (bare-user, or bare as root) where there is none',
        )
        .requiredOption('--branch <ref>', 'the branch that gets the commit')
        .option('--kernel <file>', 'the kernel image')
        .option(
          '--kernel-release <release>',
          "the kernel's release (default: the only folder under lib/modules)",
        )
        .option('--dtb <file>', 'a device tree')
        .option('--initramfs <file>', 'an initramfs to append our early boot to')
        .option('--target <name>', 'the board family that the commit is for')
        .option('--version <version>', "the commit's version (default: the root's own)")
        .option(
          '--add-package <package>',
          'a package to put into the base: FILE.ipk, NAME or NAME=VERSION',
          collect,
        )
        .option('--sign-key <file>', 'a file of ed25519 secret keys that sign the commit')
        .option('--mode <mode>', 'the mode of a repository that is made'),
    compose,
  );
  const sysroot = newCommand('sysroot', 'Make a sysroot');
  addCommand(
    sysroot,
    run,
    'init <dir>',
    'Make an empty sysroot: repository, stateroot, boot loader files',
    (command) => command.requiredOption('--target <name>', 'the board family'),
    init,
  );
  program.addCommand(sysroot);
}

async function compose({ args, options, env }: Call) {
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

function init({ args, options, stateroot, env }: Call) {
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
