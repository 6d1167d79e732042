import type { Command } from 'commander';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';
import { changeResult } from '../render/change.ts';
import { change, changeOptions, fetchOptions, where } from './shared.ts';

/** self, self upgrade. */
export function selfCommands(program: Command, run: RunContext): void {
  const withUpgrade = (self: Command): Command => {
    addCommand(
      self,
      run,
      'upgrade',
      'Layer the newest opkg-ostree of the feeds, on the next deployment',
      (command) => fetchOptions(changeOptions(command)),
      upgrade,
    );
    return self;
  };
  addCommand(
    program,
    run,
    'self',
    'Show the version that runs, and the one that each deployment carries',
    withUpgrade,
    show,
  );
}

function show(call: Call) {
  const document = engine.readSelf(where(call));
  const lines = document.deployments.map(
    ({ id, booted, version, requested }) =>
      `${booted ? '*' : ' '} ${id}: ${version ?? 'without the package'}${requested ? ', requested' : ''}`,
  );
  return { json: document, text: [`opkg-ostree ${document.version}`, ...lines] };
}

async function upgrade(call: Call) {
  const options = change(call);
  return changeResult(await engine.upgradeSelf(call.env, where(call), options), options);
}
