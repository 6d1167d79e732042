/** What the face says of a change on a deployment. */
import type { ChangeResult } from '../engine/index.ts';
import { type Switch, toByteText } from '../offline/index.ts';
import type { CommandCall } from './commands/command.ts';

/** Options that mean nothing where the next system is built whole, and what stands instead of each. */
const withoutEffect: readonly (readonly [Switch, string])[] = [
  ['force_depends', 'dependencies are always met'],
  ['force_downgrade', "give the older version's file, or 'opkg-ostree install NAME=VERSION'"],
  ['force_overwrite', 'no two packages may bring one file'],
  ['force_reinstall', 'the tree is always made of whole packages'],
  ['force_maintainer', 'configuration files are merged at the reboot'],
  ['force_checksum', 'packages are always checked'],
  ['force_space', 'a change that does not fit is never begun'],
  ['force_postinstall', 'scripts run while the deployment is made'],
  ['force_remove', 'no prerm runs: the running system keeps the package'],
  ['force_signature', "feeds are checked wherever 'option check_signature' is set"],
  ['nodeps', 'dependencies are always met'],
];

/** One line on standard error for each option that was given in vain. */
export function tellIgnored({ run, console }: CommandCall): void {
  for (const [name, reason] of withoutEffect) {
    if (!run.settings.on(name)) continue;
    console.complain(`opkg: --${name.replaceAll('_', '-')} has no effect on a deployment: ${reason}\n`);
  }
}

/** The lines that opkg would have printed, and when the change is there. `told` names what was announced before. */
export function tell({ run }: CommandCall, result: ChangeResult, told: ReadonlySet<string>): void {
  const { plan, outcome } = result;
  const say = (text: string) => run.messages.notice(toByteText(text));
  if (outcome === 'unchanged') {
    say('The next deployment is like that already.\n');
    return;
  }
  for (const { name } of plan.remove) {
    if (told.has(name)) continue;
    say(`${name} was autoinstalled and is now orphaned, removing.\nRemoving package ${name} from root...\n`);
  }
  for (const { name, from, to } of plan.replace) say(`Upgrading ${name} on root from ${from} to ${to}...\n`);
  for (const { name, version } of plan.install) say(`Installing ${name} (${version}) to root...\n`);
  if (outcome === 'done' || outcome === 'staged')
    for (const { name } of [...plan.replace, ...plan.install]) say(`Configuring ${name}.\n`);
  for (const note of result.notes) run.messages.info('opkg-ostree', toByteText(`${note}\n`));
  if (result.deployment !== null)
    say(`The change is deployment ${result.deployment.id}; it becomes active after the reboot.\n`);
}
