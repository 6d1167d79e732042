/** What `convert` does. */
import { resolve } from 'node:path/posix';
import { UsageError } from '../../base/index.ts';
import type { ConvertRequest } from '../../engine/index.ts';
import * as engine from '../../engine/rare.ts';
import { rebootSoon } from '../../sys/index.ts';
import { confirmSeconds, where } from '../commands/shared.ts';
import type { Call } from '../program.ts';
import { renderConversion, renderFinish } from '../render/convert.ts';

/** Seconds: the answer gets out before the system goes down. */
const rebootPause = 2;
const modes = ['plan', 'apply', 'finish', 'undo'] as const;

function modeOf({ options }: Call): (typeof modes)[number] {
  const given = modes.filter((mode) => options.flag(mode));
  const [mode = options.flag('dryRun') ? 'plan' : undefined, ...others] = given;
  if (mode === undefined || others.length > 0) {
    throw new UsageError('USAGE', 'convert takes one of --plan, --apply, --finish and --undo', {
      hint: "'opkg-ostree convert --plan' changes nothing",
    });
  }
  return mode === 'apply' && options.flag('dryRun') ? 'plan' : mode;
}

/** Runs convert. */
export async function convert(call: Call) {
  const { env, options } = call;
  switch (modeOf(call)) {
    case 'plan': {
      const document = await engine.convertPlan(env, requestOf(call));
      return { json: document, text: renderConversion(document) };
    }
    case 'apply':
      return applied(call);
    case 'finish': {
      const at = where(call);
      const document = options.flag('dryRun') ? engine.finishPlan(at) : await engine.convertFinish(env, at);
      return { json: document, text: renderFinish(document) };
    }
    case 'undo': {
      const changed = await engine.convertUndo(env, where(call), requestOf(call).root);
      return {
        json: { changed },
        text: [
          changed ? 'The old system starts at the next boot.' : 'The old system was to start next anyway.',
        ],
      };
    }
  }
}

async function applied(call: Call) {
  const { plan, checksum, deployment, notes } = await engine.convertApply(call.env, requestOf(call));
  const reboot = call.options.flag('reboot');
  if (reboot) rebootSoon(rebootPause);
  return {
    json: { plan, checksum, deployment, notes, reboot },
    text: [
      ...notes.map((note) => `note: ${note}`),
      `Deployment ${deployment} starts at the next boot, on trial.`,
      'The old system is the last entry of the boot menu, and comes back by itself where the new one is not found good.',
      reboot
        ? 'Restarting.'
        : "Edits from now on are the old system's alone: restart soon, or run this again.",
    ],
  };
}

function requestOf(call: Call): ConvertRequest {
  const { options } = call;
  const root = options.text('root');
  const boot = options.text('boot');
  if (root !== undefined && options.flag('reboot')) {
    throw new UsageError('USAGE', '--reboot goes with the running system, not with --root');
  }
  return {
    branch: options.text('branch') ?? '',
    stateroot: call.stateroot ?? 'openwrt',
    target: options.text('target'),
    root: root === undefined ? undefined : resolve(root),
    boot: boot === undefined ? undefined : resolve(boot),
    confirmSeconds: confirmSeconds(call),
  };
}
