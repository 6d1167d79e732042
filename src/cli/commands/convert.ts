import type { Command } from 'commander';
import { addCommand, type RunContext } from '../program.ts';
import { rarely } from '../rarely.ts';
import { confirmOption } from './shared.ts';

const defaultBranch = 'openwrt/converted';

/** convert. */
export function convertCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'convert',
    'Turn a running stock OpenWrt into a deployment of itself',
    (command) =>
      confirmOption(
        command
          .option('--plan', 'show what would be done, with the space that it takes')
          .option('--dry-run', 'the same as --plan; with --finish: show what would be deleted')
          .option('--apply', 'make the deployment, and let it start next, on trial')
          .option('--undo', 'let the old system start next')
          .option('--finish', 'delete the old system, once the deployment is good')
          .option('--branch <ref>', 'the branch that gets the commit', defaultBranch)
          .option('--target <name>', 'the board family (default: what the system says)')
          .option('--root <dir>', 'the root of a system that does not run, mounted here')
          .option('--boot <dir>', 'its boot partition, mounted here')
          .option('--reboot', 'restart when it is done'),
      ),
    rarely('convert'),
  );
}
