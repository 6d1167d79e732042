import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, newCommand, type RunContext } from '../program.ts';
import { changeResult } from '../render/change.ts';
import { change, changeOptions, fetchOptions, riskOption, where } from './shared.ts';

/** override remove, replace, hold, reset; swap. */
export function overrideCommands(program: Command, run: RunContext): void {
  const override = newCommand('override', "Change the base's own packages, or hold versions");
  addCommand(
    override,
    run,
    'remove <package...>',
    'Hide packages of the base',
    (c) => riskOption(fetchOptions(changeOptions(c))),
    remove,
  );
  addCommand(
    override,
    run,
    'replace <package...>',
    'Put another version in the place of a package of the base: NAME, NAME=VERSION, FILE.ipk or URL#sha256=DIGEST',
    (c) =>
      riskOption(fetchOptions(changeOptions(c))).option('--allow-unsigned', 'accept a URL without #sha256='),
    replace,
  );
  addCommand(
    override,
    run,
    'hold <package...>',
    'Keep packages, of the base or layered, at their present version over upgrades',
    (c) => riskOption(fetchOptions(changeOptions(c))),
    hold,
  );
  addCommand(
    override,
    run,
    'reset [package...]',
    "Take back changes to the base's packages, and holds",
    (c) => fetchOptions(changeOptions(c)).option('--all', 'all of them'),
    reset,
  );
  program.addCommand(override);
  addCommand(
    program,
    run,
    'swap <old> <new>',
    'Replace a package by one that conflicts with it, in one transaction',
    (c) =>
      riskOption(fetchOptions(changeOptions(c))).option('--allow-unsigned', 'accept a URL without #sha256='),
    swap,
  );
}

const risky = (call: Call) => ({
  ...change(call),
  names: call.args,
  forceCritical: call.options.flag('forceCritical'),
});

async function remove(call: Call) {
  return changeResult(await engine.overrideRemove(call.env, where(call), risky(call)), change(call));
}

async function replace(call: Call) {
  const request = { ...risky(call), allowUnsigned: call.options.flag('allowUnsigned') };
  return changeResult(await engine.overrideReplace(call.env, where(call), request), change(call));
}

async function hold(call: Call) {
  return changeResult(await engine.overrideHold(call.env, where(call), risky(call)), change(call));
}

async function reset(call: Call) {
  const all = call.options.flag('all');
  if (all === call.args.length > 0)
    throw new UsageError('USAGE', 'name the packages to reset, or give --all');
  return changeResult(
    await engine.overrideReset(call.env, where(call), { ...change(call), names: call.args, all }),
    change(call),
  );
}

async function swap(call: Call) {
  const [old = '', next = ''] = call.args;
  const result = await engine.swap(call.env, where(call), {
    ...change(call),
    old,
    next,
    allowUnsigned: call.options.flag('allowUnsigned'),
    forceCritical: call.options.flag('forceCritical'),
  });
  return changeResult(result, change(call));
}
