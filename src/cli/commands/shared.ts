import type { Command } from 'commander';
import type * as engine from '../../engine/index.ts';
import { maxConfirmSeconds } from '../../engine/index.ts';
import { parseDuration } from '../duration.ts';
import type { Call } from '../program.ts';
import { rebootOption } from '../restart.ts';

/** Which sysroot and stateroot a call means. */
export const where = (call: Call): engine.Where => ({ sysroot: call.sysroot, stateroot: call.stateroot });

/** What every command that makes a deployment can be asked for, as this call asks. */
export const change = (call: Call): engine.ChangeOptions => ({
  dryRun: call.options.flag('dryRun'),
  cacheOnly: call.options.flag('cacheOnly'),
  expectPlan: call.options.text('expectPlan'),
  downloadOnly: call.options.flag('downloadOnly'),
  lockFinalization: call.options.flag('lockFinalization'),
  confirmSeconds: confirmSeconds(call),
});

/** The seconds of `--confirm-timeout`; undefined where it was not given. */
export function confirmSeconds({ options }: Call): number | undefined {
  const text = options.text('confirmTimeout');
  return text === undefined ? undefined : parseDuration(text, maxConfirmSeconds);
}

/** The options of every command that makes a deployment. */
export function changeOptions(command: Command): Command {
  return command
    .option('--dry-run', 'print the plan and stop')
    .option('--expect-plan <id>', 'refuse to do anything else than the plan of this id');
}

/** `--confirm-timeout`, for whatever switches to another deployment. */
export function confirmOption(command: Command): Command {
  return command.option(
    '--confirm-timeout <time>',
    "go back by itself without 'opkg-ostree confirm' within this time after the reboot, as in 5m",
  );
}

/** The options of a command that may download packages. */
export function fetchOptions(command: Command): Command {
  return rebootOption(
    confirmOption(command)
      .option('--cache-only', 'use only what has been downloaded already')
      .option('--download-only', 'download the packages and stop')
      .option('--lock-finalization', "make the deployment, and wait with it for 'opkg-ostree finalize'"),
  );
}

/** `--force-critical`, for whatever takes packages of the base away. */
export function riskOption(command: Command): Command {
  return command.option('--force-critical', 'change packages that no system runs without, if need be');
}
