import type { Command } from 'commander';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';

/** doctor. */
export function doctorCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'doctor',
    'Look for what is wrong or missing on this router, and say what to do; ends with 1 for a problem',
    (c) => c,
    doctor,
  );
}

const marks = { ok: 'ok', warning: '!!', problem: 'XX' } as const;

async function doctor({ sysroot, stateroot, env, verbose }: Call) {
  const findings = await engine.examine({ sysroot, stateroot }, env.now());
  const shown = findings.filter(({ state }) => verbose || state !== 'ok');
  const lines = shown.flatMap(({ check, state, text, remedy }) => [
    `${marks[state]} ${check}: ${text}`,
    ...(remedy === null ? [] : [`   -> ${remedy}`]),
  ]);
  const problems = findings.filter(({ state }) => state === 'problem').length;
  return {
    json: { findings },
    text: lines.length === 0 ? [`${findings.length} checks: all is well.`] : lines,
    status: problems > 0 ? 1 : 0,
  };
}
