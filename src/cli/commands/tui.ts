import type { Command } from 'commander';
import { InternalError, UsageError } from '../../base/index.ts';
import { environment, isInteractive, loadCompanion } from '../../sys/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';
import { where } from './shared.ts';

/** The bundle of the screens: only who asks for them pays for loading it. */
const bundle = 'opkg-ostree-tui.mjs';

/** tui. */
export function tuiCommands(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'tui',
    'Open the full-screen interface',
    (c) =>
      c
        .option('--ascii', 'draw with ASCII letters only')
        .option('--plain', 'numbered prompts line by line, for screen readers and files of answers'),
    tui,
  );
}

async function tui(call: Call) {
  const plain = call.options.flag('plain') || environment('OPKG_OSTREE_TUI') === 'plain';
  if (!plain && !isInteractive()) {
    throw new UsageError('USAGE', 'the interface needs a terminal', {
      hint: "use the commands ('opkg-ostree --help'), or 'opkg-ostree tui --plain' to answer prompts from a file",
    });
  }
  const { runTui } = await loadCompanion(bundle);
  if (typeof runTui !== 'function') throw new InternalError(`${bundle} is not the interface`);
  const { options } = call;
  const status: unknown = await runTui({
    env: { ...call.env, onProgress: () => undefined },
    where: where(call),
    plain,
    ascii: options.flag('ascii'),
    colour: !options.off('color'),
  });
  return { json: {}, text: [], status: typeof status === 'number' ? status : 0 };
}
