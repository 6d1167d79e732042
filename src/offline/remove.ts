/** Removing packages as opkg does it. */
import { lstatIfExists, readdirIfExists } from '../sys/index.ts';
import { updateAlternatives } from './alternatives.ts';
import { isChangedConffile } from './conffiles.ts';
import { toByteText, toPath } from './messages.ts';
import { type AbstractPackage, flags, type Package } from './model.ts';
import { runScript } from './scripts.ts';
import type { Transaction } from './transaction.ts';

/** Removes an installed package; false where it is refused or a script fails. */
export function removePackage(transaction: Transaction, pkg: Package): boolean {
  const { run } = transaction;
  const { settings, messages } = run;
  const { parent } = pkg;
  if (!mayRemoveEssential(transaction, pkg)) return false;
  if (parent === undefined) return true;
  const twice = pkg.has(flags.filelistChanged) && pkg.state === 'not-installed';
  if (settings.on('force_removal_of_dependent_packages') && twice) return true;
  if (!settings.on('force_depends') && !pkg.has(flags.replace) && !settleDependents(transaction, pkg, parent))
    return false;
  messages.notice(`Removing package ${pkg.name} from ${pkg.destination?.name}...\n`);
  pkg.flags |= flags.filelistChanged;
  pkg.want = 'deinstall';
  run.changed = true;
  if (!prepareRemoval(transaction, pkg)) return false;
  removeFiles(transaction, pkg);
  let fine = runScript(run, transaction.runner, pkg, 'postrm', ['remove'], undefined) === 0;
  removeInfo(transaction, pkg);
  pkg.state = 'not-installed';
  updateAlternatives(transaction, pkg);
  parent.state = 'not-installed';
  if (settings.on('autoremove') && !removeOrphansOf(transaction, pkg)) fine = false;
  return fine;
}

function mayRemoveEssential({ run }: Transaction, pkg: Package): boolean {
  if (!pkg.essential) return true;
  if (run.settings.on('force_removal_of_essential_packages')) {
    run.messages.notice(
      `Removing essential package ${pkg.name} under your coercion.\n\tIf your system breaks, you get to keep both pieces\n`,
    );
    return true;
  }
  run.messages.notice(
    `Refusing to remove essential package ${pkg.name}.\n\tRemoving an essential package may lead to an unusable system, but if\n\tyou enjoy that kind of pain, you can force opkg to proceed against\n\tits will with the option: --force-removal-of-essential-packages\n`,
  );
  return false;
}

function prepareRemoval({ run, runner }: Transaction, pkg: Package): boolean {
  if (runScript(run, runner, pkg, 'prerm', ['remove'], undefined) === 0) return true;
  if (run.settings.on('force_remove')) return true;
  run.messages.error('opkg_remove_pkg', `not removing package "${pkg.name}", prerm script failed\n`);
  run.messages.notice(
    'You can force removal of packages with failed prerm scripts with the option: \n\t--force-remove\n',
  );
  return false;
}

/** How many entries of installed dependents the names of the package have; one that was loaded twice counts twice, as in opkg. */
export function countDependents(pkg: Package): number {
  return (pkg.provides ?? []).reduce(
    (sum, name) => sum + name.dependedUponBy.filter(({ state }) => state === 'installed').length,
    0,
  );
}

function dependentsOf(pkg: Package): AbstractPackage[] {
  const names = (pkg.provides ?? []).flatMap(({ dependedUponBy }) => dependedUponBy);
  return [...new Set(names)].filter(({ state }) => state === 'installed');
}

/** Removes what depends on the package, or says what does. */
function settleDependents(transaction: Transaction, pkg: Package, parent: AbstractPackage): boolean {
  const { settings, messages } = transaction.run;
  if (countDependents(pkg) === 0) return true;
  const dependents = dependentsOf(pkg);
  if (settings.on('force_removal_of_dependent_packages')) {
    if (parent.checked === 2) return true;
    parent.checked = 2;
    return dependents
      .filter(({ checked }) => checked !== 2)
      .flatMap(({ packages }) => (packages ?? []).filter(({ state }) => state === 'installed'))
      .every((dependent) => removePackage(transaction, dependent));
  }
  const where = 'print_dependents_warning';
  messages.error(where, `Package ${pkg.name} is depended upon by packages:\n`);
  for (const { name } of dependents) messages.error(where, `\t${name}\n`);
  messages.error(where, `These might cease to work if package ${pkg.name} is removed.\n\n`);
  messages.error(where, 'Force removal of this package with --force-depends.\n');
  messages.error(where, 'Force removal of this package and its dependents\n');
  messages.error(where, 'with --force-removal-of-dependent-packages.\n');
  return false;
}

/** `--autoremove`: what was pulled in for the package and nothing needs any more. False at the first that is gone already. */
function removeOrphansOf(transaction: Transaction, pkg: Package): boolean {
  const { universe, messages } = transaction.run;
  let fine = true;
  for (const { kind, possibilities } of pkg.requirements ?? []) {
    if (kind !== 'depend' && kind !== 'pre-depend' && kind !== 'recommend') continue;
    for (const { target } of possibilities) {
      const dependency = universe.installedByName(target.name);
      if (dependency === undefined) return false;
      if (!dependency.autoInstalled) continue;
      const dependents = countDependents(dependency);
      if (dependents === 0) {
        messages.notice(`${dependency.name} was autoinstalled and is now orphaned, removing.\n`);
        if (!removePackage(transaction, dependency)) fine = false;
      } else {
        messages.info(
          'remove_autoinstalled',
          `${dependency.name} was autoinstalled and is still required by ${dependents} installed packages.\n`,
        );
      }
    }
  }
  return fine;
}

/** Removes the files that the package owns, and its list; configuration files that were changed stay. */
export function removeFiles(transaction: Transaction, pkg: Package): void {
  const { run } = transaction;
  const noaction = run.settings.on('noaction');
  const owned = run.filesOf(pkg).filter((file) => run.ownerOf(file) === pkg);
  transaction.touch(...owned.map((file) => transaction.locate(file)));
  for (const file of owned) {
    const path = transaction.locate(file);
    // Lists of old databases name directories too, which other packages may share.
    if (lstatIfExists(path)?.isDirectory() === true) continue;
    if (isChangedConffile(transaction, pkg, file)) {
      run.messages.notice(`Not deleting modified conffile ${file}.\n`);
      continue;
    }
    const verb = noaction ? 'Not deleting' : 'Deleting';
    run.messages.info('remove_data_files_and_list', `${verb} ${file}.${noaction ? ' (noaction)' : ''}\n`);
    if (!noaction) transaction.unlink(path);
    run.dropOwner(file);
  }
  pkg.files = undefined;
  if (!noaction && pkg.destination !== undefined)
    transaction.unlink(toPath(`${pkg.destination.infoFolder}/${pkg.name}.list`));
}

/** Removes the package's control files from the database. */
export function removeInfo(transaction: Transaction, pkg: Package): void {
  const { run } = transaction;
  if (run.settings.on('noaction') || pkg.destination === undefined) return;
  const folder = pkg.destination.infoFolder;
  for (const name of readdirIfExists(toPath(folder))) {
    // A dot in the rest would make it the file of a package whose name begins with this one.
    const rest = toByteText(name).startsWith(`${pkg.name}.`)
      ? toByteText(name).slice(pkg.name.length + 1)
      : '.';
    if (!rest.includes('.')) transaction.unlink(`${toPath(folder)}/${name}`);
  }
}
