/** `--reboot`: the router restarts once what was asked for is done and another deployment starts next. */
import type { Command } from 'commander';
import { RefusedError } from '../base/index.ts';
import { readStatus } from '../engine/index.ts';
import { rebootSoon } from '../sys/index.ts';
import type { Handler } from './program.ts';

/** Long enough for the answer to reach an ssh session. */
const delaySeconds = 2;

/** `convert` restarts by itself: the system that it works on is no deployment yet. */
const withReboot = new WeakSet<Command>();

/** True for a command that got its `--reboot` here. */
export function takesReboot(command: Command): boolean {
  return withReboot.has(command);
}

export function rebootOption(command: Command): Command {
  withReboot.add(command);
  return command.option('--reboot', 'restart when it is done, if another deployment starts next');
}

/** The handler, followed by a restart where `--reboot` asks for one; DEPLOYMENT_NOT_FOUND where this system is not the sysroot's. */
export function restarting(handler: Handler): Handler {
  return async (call) => {
    if (!call.options.flag('reboot')) return await handler(call);
    const where = { sysroot: call.sysroot, stateroot: call.stateroot };
    if (readStatus(where).booted === null) {
      throw new RefusedError('DEPLOYMENT_NOT_FOUND', 'this system was not started from a deployment', {
        hint: 'leave --reboot out: what is made starts when the machine with that disk does',
      });
    }
    const result = await handler(call);
    if (!readStatus(where)['reboot-required']) return result;
    rebootSoon(delaySeconds);
    return { ...result, text: [...result.text, 'Restarting.'] };
  };
}
