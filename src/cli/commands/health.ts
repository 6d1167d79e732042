import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';

/** health, confirm: on a router its sh entry answers them without Node, from the same files. */
export function healthCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'health [action]',
    "Show what the last health check found ('check'), or end the trial of the running deployment ('mark-good')",
    (command) => command,
    health,
  );
  addCommand(
    program,
    run,
    'confirm',
    'Keep a deployment that was made with --confirm-timeout',
    (command) => command,
    confirm,
  );
}

const where = (call: Call): engine.Where => ({ sysroot: call.sysroot, stateroot: call.stateroot });

async function health(call: Call) {
  const action = call.args[0] ?? 'check';
  if (action !== 'check' && action !== 'mark-good') {
    throw new UsageError('USAGE', `unknown: health ${action}`, {
      hint: "'health check' or 'health mark-good'",
    });
  }
  if (action === 'mark-good') {
    const ended = await engine.keepRunning(call.env, where(call), 'marked by hand');
    return {
      json: { marked: ended },
      text: [ended ? 'The running deployment is good.' : 'Nothing is on trial.'],
    };
  }
  const found = engine.readHealth(where(call));
  const checks = found?.checks ?? [];
  return {
    json: { state: found?.state ?? 'untried', checks },
    text: [
      `state: ${found?.state ?? 'nothing is deployed'}`,
      ...checks.map(({ name, ok, detail }) =>
        `${(ok ? 'ok' : 'failed').padEnd(7)} ${name.padEnd(15)} ${detail}`.trimEnd(),
      ),
    ],
  };
}

async function confirm(call: Call) {
  const confirmed = await engine.keepRunning(call.env, where(call), 'confirmed');
  return { json: { confirmed }, text: [confirmed ? 'The running deployment stays.' : 'nothing to confirm'] };
}
