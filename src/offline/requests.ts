/** What is asked for by name: the choice among the lists, and whether there is anything to do. */
import { compareVersions } from '../ipk/index.ts';
import { installPackage, notDowngrading } from './install.ts';
import { flags, type Package } from './model.ts';
import type { Transaction } from './transaction.ts';

/** Chooses the package of that name and installs it; asking for a name makes it the user's. */
export async function installByName(transaction: Transaction, name: string): Promise<boolean> {
  const { run } = transaction;
  const old = run.universe.installedByName(name);
  const chosen = run.chooser.byName(name);
  if (chosen === undefined) {
    run.messages.notice(`Unknown package '${name}'.\n`);
    return false;
  }
  chosen.flags |= flags.user;
  if (old !== undefined) {
    let order = compareVersions(old.version ?? '', chosen.version ?? '');
    if (run.settings.on('force_downgrade') && order > 0) order = -1;
    if (order === 0) {
      run.messages.notice(
        `Package ${old.name} (${old.version}) installed in ${old.destination?.name} is up to date.\n`,
      );
      return true;
    }
    if (order > 0) {
      run.messages.notice(notDowngrading(old, chosen));
      return true;
    }
    chosen.destination = old.destination;
    old.want = 'deinstall';
  }
  return installPackage(transaction, chosen, false);
}

/** Upgrades an installed package to the best that the lists have. */
export async function upgradePackage(transaction: Transaction, old: Package): Promise<boolean> {
  const { run } = transaction;
  if (old.has(flags.hold)) {
    run.messages.notice(
      `Not upgrading package ${old.name} which is marked hold (flags=0x${old.flags.toString(16)}).\n`,
    );
    return true;
  }
  const chosen = run.chooser.byName(old.name);
  if (chosen === undefined) {
    run.messages.notice(`Assuming locally installed package ${old.name} (${old.version}) is up to date.\n`);
    return true;
  }
  const order = compareVersions(old.version ?? '', chosen.version ?? '');
  if (order === 0) {
    run.messages.info(
      'opkg_upgrade_pkg',
      `Package ${old.name} (${old.version}) installed in ${old.destination?.name} is up to date.\n`,
    );
    return true;
  }
  if (order > 0) {
    run.messages.notice(notDowngrading(old, chosen));
    return true;
  }
  chosen.destination = old.destination;
  old.want = 'deinstall';
  chosen.flags |= flags.user;
  return installPackage(transaction, chosen, true);
}
