import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import type { CommandResult } from '../output.ts';
import { addCommand, type Call, newCommand, type RunContext } from '../program.ts';
import { renderConflicts, renderEtcChanges, renderPreview } from '../render/etc.ts';

const plain = (command: Command) => command;
const where = (call: Call): engine.Where => ({ sysroot: call.sysroot, stateroot: call.stateroot });

/** etc diff, merge, conflicts, accept, keep, reset, log, show, revert. */
export function etcCommands(program: Command, run: RunContext): void {
  const etc = newCommand('etc', 'Show, settle and take back changes to /etc');
  addCommand(etc, run, 'diff', 'Show how /etc differs from its defaults in /usr/etc', plain, diff);
  addCommand(
    etc,
    run,
    'merge [file]',
    'Merge both versions of FILE by line, now or at the next upgrade; with --preview: show the next merge',
    (command) =>
      command
        .option('--preview', 'show what the next merge of /etc makes, and change nothing')
        .option(
          '--to <rev>',
          'with --preview: the commit or branch to merge into (default: the one followed)',
        ),
    merge,
  );
  addCommand(etc, run, 'conflicts', 'List what merges of /etc left to settle', plain, conflicts);
  for (const decision of ['accept', 'keep'] as const) {
    const what = decision === 'accept' ? 'Take the new default of FILE' : 'Keep FILE as it is';
    addCommand(etc, run, `${decision} <file>`, `${what}, now or at the next upgrade`, plain, (call) =>
      settle(call, decision),
    );
  }
  addCommand(
    etc,
    run,
    'reset [file]',
    'Make FILE its default in /usr/etc again',
    (command) => command.option('--all', 'everything: a factory reset of the configuration'),
    reset,
  );
  addCommand(etc, run, 'log', 'List the recorded states of /etc, newest first', plain, log);
  addCommand(etc, run, 'show <rev>', 'Show what changed in a recorded state', plain, show);
  addCommand(etc, run, 'revert <file> <rev>', 'Make FILE what it was in a recorded state', plain, revert);
  program.addCommand(etc);
}

function diff(call: Call): CommandResult {
  const changes = engine.etcDiff(where(call));
  return { json: { changes }, text: renderEtcChanges(changes) };
}

async function merge(call: Call): Promise<CommandResult> {
  if (!call.options.flag('preview')) return settle(call, 'merge');
  const preview = engine.etcPreview(where(call), call.options.text('to'));
  return { json: preview, text: renderPreview(preview, call.verbose) };
}

function conflicts(call: Call): CommandResult {
  const found = engine.etcConflicts(where(call));
  return { json: { conflicts: found }, text: renderConflicts(found) };
}

async function settle(call: Call, decision: engine.EtcDecision): Promise<CommandResult> {
  const [file] = call.args;
  if (file === undefined) throw new UsageError('USAGE', `etc ${decision} takes a file, or --preview`);
  const settled = await engine.settleEtc(call.env, where(call), decision, file);
  const what = { accept: 'the new default', keep: 'yours', merge: 'merged by line' }[decision];
  const when = settled.when === 'now' ? '' : ' at the next upgrade, unless it changes before';
  return { json: settled, text: [`${settled.path}: ${what}${when}.`] };
}

async function reset(call: Call): Promise<CommandResult> {
  const all = call.options.flag('all');
  const [file] = call.args;
  if (all === (file !== undefined)) throw new UsageError('USAGE', 'etc reset takes a file, or --all');
  const paths = await engine.resetEtc(call.env, where(call), file);
  return { json: { reset: paths }, text: paths.length === 0 ? ['Nothing to do.'] : paths };
}

function log(call: Call): CommandResult {
  const records = engine.etcLog(where(call));
  const text = records.map(
    ({ rev, checksum, time, subject }) =>
      `${String(rev).padStart(3)}  ${checksum.slice(0, 12)}  ${time}  ${subject}`,
  );
  return { json: { records }, text: text.length === 0 ? ['Nothing recorded yet.'] : text };
}

function show(call: Call): CommandResult {
  const changes = engine.etcShow(where(call), call.args[0] ?? '');
  return { json: { changes }, text: renderEtcChanges(changes) };
}

async function revert(call: Call): Promise<CommandResult> {
  const [file = '', rev = ''] = call.args;
  const path = await engine.etcRevert(call.env, where(call), file, rev);
  return { json: { path, rev }, text: [`${path} is what it was in ${rev}.`] };
}
