/** What nothing needs any more after an upgrade. */
import { flags, type Package } from './model.ts';
import { countDependents, removePackage } from './remove.ts';
import type { Transaction } from './transaction.ts';

/** Removes what only the old version needed and was pulled in for it, as opkg does even without `--autoremove`. */
export function removeOrphans(transaction: Transaction, pkg: Package, old: Package): void {
  const { universe, messages } = transaction.run;
  const kept = new Set(
    (pkg.requirements ?? [])
      .filter(({ kind }) => kind === 'depend')
      .flatMap(({ possibilities }) => possibilities),
  );
  for (const { kind, possibilities } of old.requirements ?? []) {
    if (kind !== 'depend') continue;
    for (const possibility of possibilities) {
      if (kept.has(possibility)) continue;
      const dependency = universe.installedByName(possibility.target.name);
      if (dependency?.autoInstalled !== true) continue;
      const others = countDependents(dependency) - 1;
      if (others === 0) {
        messages.notice(`${dependency.name} was autoinstalled and is now orphaned, removing.\n`);
        dependency.flags |= flags.replace;
        removePackage(transaction, dependency);
      } else {
        messages.info(
          'pkg_remove_orphan_dependent',
          `${dependency.name} was autoinstalled and is still required by ${others} installed packages.\n`,
        );
      }
    }
  }
}
