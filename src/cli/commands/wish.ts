import type { Command } from 'commander';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';
import { changeResult, deploymentsResult } from '../render/change.ts';
import { change, changeOptions, fetchOptions, riskOption, where } from './shared.ts';

/** apply, export, undo. */
export function wishCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'apply <file>',
    'Make the wish equal to a manifest: base, packages, overrides, holds, kernel arguments',
    (c) => riskOption(fetchOptions(changeOptions(c))),
    apply,
  );
  addCommand(program, run, 'export', 'Print the manifest of the next deployment', (c) => c, exportWish);
  addCommand(
    program,
    run,
    'undo <id>',
    'Take one entry of the history back; undoing that does it again',
    (c) => fetchOptions(changeOptions(c)),
    undo,
  );
}

async function apply(call: Call) {
  const result = await engine.applyManifest(call.env, where(call), {
    ...change(call),
    file: call.args[0] ?? '',
    forceCritical: call.options.flag('forceCritical'),
  });
  return changeResult(result, change(call));
}

function exportWish(call: Call) {
  const manifest = engine.exportManifest(where(call));
  return { json: manifest, text: [JSON.stringify(manifest, undefined, 2)] };
}

async function undo(call: Call) {
  const undone = await engine.undo(call.env, where(call), { ...change(call), id: call.args[0] ?? '' });
  return undone.kind === 'change'
    ? changeResult(undone.result, change(call))
    : deploymentsResult(undone.result);
}
