import type { Command } from 'commander';
import { addCommand, collect, newCommand, type RunContext } from '../program.ts';
import { rarely } from '../rarely.ts';

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
    rarely('compose'),
  );
  const sysroot = newCommand('sysroot', 'Make a sysroot');
  addCommand(
    sysroot,
    run,
    'init <dir>',
    'Make an empty sysroot: repository, stateroot, boot loader files',
    (command) => command.requiredOption('--target <name>', 'the board family'),
    rarely('sysrootInit'),
  );
  program.addCommand(sysroot);
}
