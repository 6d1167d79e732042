/** Which commands run as jobs, and how. */
import type { Command } from 'commander';
import * as engine from '../engine/index.ts';
import type { CommandResult } from './output.ts';
import type { Call, Handler } from './program.ts';

/** The commands that change a sysroot, by their words. */
const jobCommands: ReadonlySet<string> = new Set([
  'update',
  'install',
  'remove',
  'upgrade',
  'rebase',
  'deploy',
  'rollback',
  'set-default',
  'undeploy',
  'cleanup',
  'kargs',
  'swap',
  'apply',
  'undo',
  'finalize',
  'self upgrade',
  'override remove',
  'override replace',
  'override reset',
  'override hold',
]);

/** Flags with which such a command only looks. */
const lookingFlags = ['dryRun', 'check', 'preview'];

/** A command's words without the program's name: `override remove`. */
export function commandWords(command: Command): string {
  if (command.name() === 'opkg-ostree') return '';
  const above = command.parent === null ? '' : commandWords(command.parent);
  return `${above} ${command.name()}`.trim();
}

/** True for the words of a command that runs as a job. */
export function isJobCommand(words: string): boolean {
  return jobCommands.has(words);
}

/** True when this call of a job command changes something. */
function changes(words: string, { options }: Call): boolean {
  if (lookingFlags.some((flag) => options.flag(flag))) return false;
  return words !== 'kargs' || ['append', 'delete', 'replace'].some((name) => options.list(name).length > 0);
}

/**
 * Runs a call: as a job where it changes the sysroot, then a lost terminal does not end it; with `--background` in a
 * process of its own.
 */
export async function runCall(words: string, call: Call, handler: Handler): Promise<CommandResult> {
  // Who prepared a job wants to follow it, though it only looks: looking may fetch.
  if (!isJobCommand(words) || !(changes(words, call) || engine.isPreparedJob())) return handler(call);
  const where = { sysroot: call.sysroot, stateroot: call.stateroot };
  const kind = words.replaceAll(' ', '-');
  if (call.options.flag('background')) return inBackground(kind, where, call);
  call.keepAfterHangup();
  return engine.runJob(
    call.env,
    { kind, where },
    (env) => handler({ ...call, env }),
    (result) => result.json,
  );
}

async function inBackground(kind: string, where: engine.Where, call: Call): Promise<CommandResult> {
  const words = call.argv.filter((word) => word !== '--background');
  const job = await engine.startJob(call.env, {
    kind,
    where,
    words: ['--json', '--progress=none', ...words],
  });
  return { json: { job }, text: [job.id] };
}
