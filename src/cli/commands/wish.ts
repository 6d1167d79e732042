import type { Command } from 'commander';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';
import { changeResult, deploymentsResult } from '../render/change.ts';
import { change, changeOptions, fetchOptions, where } from './shared.ts';

/** undo. */
export function wishCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'undo <id>',
    'Take one entry of the history back; undoing that does it again',
    (c) => fetchOptions(changeOptions(c)),
    undo,
  );
}

async function undo(call: Call) {
  const undone = await engine.undo(call.env, where(call), { ...change(call), id: call.args[0] ?? '' });
  return undone.kind === 'change'
    ? changeResult(undone.result, change(call))
    : deploymentsResult(undone.result);
}
