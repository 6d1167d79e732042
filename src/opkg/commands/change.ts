/** The commands that change a plain root in place. */

import { isOpkgOstreeError } from '../../base/index.ts';
import {
  configurePackages,
  downloadPackage,
  errnoText,
  fetchTo,
  flags,
  installByName,
  Package,
  type Run,
  readControlOf,
  removePackage,
  type Transaction,
  toPath,
  updateLists,
  upgradePackage,
  withTransaction,
} from '../../offline/index.ts';
import { errnoOf, now, readdirIfExists, unlinkIfExists } from '../../sys/index.ts';
import { type CommandBody, type CommandCall, failed } from './command.ts';
import { fits } from './list.ts';

/** A body that runs under the lock and writes the database at its end, whatever came. */
function changing(
  body: (call: CommandCall, transaction: Transaction) => Promise<boolean | number>,
): CommandBody {
  return async (call) => {
    const context = {
      signal: call.signal,
      beforeScript: () => call.console.flush(),
      now: () => Math.floor(now() / 1000),
    };
    const result = await withTransaction(call.run, context, async (transaction) => {
      try {
        return await body(call, transaction);
      } finally {
        transaction.writeDatabase();
      }
    });
    if (typeof result === 'number') return result & 0xff;
    return result === true ? 0 : failed;
  };
}

/** `update`. */
export const update = changing((_, transaction) => updateLists(transaction));

/** `install`. */
export const install = changing(async ({ run, args }, transaction) => {
  const names = await prepareAll(run, transaction, args);
  if (names === undefined) return false;
  run.loadRelated();
  run.loadDatabase();
  if (run.settings.on('force_reinstall')) removeMatching(transaction, names, { force: true });
  run.noteOwners();
  let fine = true;
  for (const name of names) {
    if (await installByName(transaction, name)) continue;
    run.messages.error('opkg_install_cmd', `Cannot install package ${name}.\n`);
    fine = false;
  }
  return configurePackages(transaction, undefined) && fine;
});

/** `upgrade`. */
export const upgrade = changing(async ({ run, args }, transaction) => {
  const names = await prepareAll(run, transaction, args);
  if (names === undefined) return false;
  run.noteOwners();
  const { restricted, defaultDestination } = run.settings;
  let fine = true;
  for (const name of names) {
    const pkg = run.universe.installedByName(name, restricted ? defaultDestination : undefined);
    if (pkg === undefined && restricted) {
      run.messages.notice(`Package ${name} not installed in ${defaultDestination.name}.\n`);
      continue;
    }
    const done =
      pkg === undefined ? await installByName(transaction, name) : await upgradePackage(transaction, pkg);
    if (!done) fine = false;
  }
  return configurePackages(transaction, undefined) && fine;
});

/** The names to work on: files and URLs are opened, and enter what can be chosen from; undefined after an error. */
async function prepareAll(
  run: Run,
  transaction: Transaction,
  args: readonly string[],
): Promise<string[] | undefined> {
  const names: string[] = [];
  for (const arg of args) {
    const name = await prepare(run, transaction, arg);
    if (name === undefined) return undefined;
    names.push(name);
  }
  return names;
}

async function prepare(run: Run, transaction: Transaction, arg: string): Promise<string | undefined> {
  const isUrl = /^(?:https?|ftps?):\/\//u.test(arg);
  if (!isUrl && !/\.(?:ipk|opk|deb)$/u.test(arg)) {
    run.universe.ensure(arg).flags |= flags.needDetail;
    return arg;
  }
  let path = arg;
  if (isUrl) {
    path = transaction.scratch(arg.slice(arg.lastIndexOf('/') + 1));
    if (!(await fetchTo(run, arg, path, transaction.signal))) return undefined;
  }
  const pkg = await openLocal(run, path);
  if (pkg === undefined) return undefined;
  pkg.providedByHand = !isUrl;
  pkg.destination = run.settings.defaultDestination;
  pkg.want = 'install';
  pkg.flags |= flags.prefer;
  run.universe.insert(pkg, true);
  return pkg.name;
}

async function openLocal(run: Run, path: string): Promise<Package | undefined> {
  const pkg = new Package();
  pkg.file = path;
  pkg.flags |= flags.needDetail;
  const where = 'pkg_init_from_file';
  try {
    if (run.universe.readControl(await readControlOf(path), pkg)) return pkg;
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.kind === 'interrupted') throw error;
    if (errnoOf(error) !== undefined) {
      run.messages.error('wfopen', `${path}: ${errnoText(errnoOf(error))}.\n`);
      run.messages.error(where, `Failed to extract control file from ${path}.\n`);
      return undefined;
    }
    run.messages.error(where, `${error.message}.\n`);
  }
  run.messages.error(where, `Malformed package file ${path}.\n`);
  return undefined;
}

/** `remove`: everything installed that fits a pattern. */
export const remove = changing(async ({ args }, transaction) =>
  removeMatching(transaction, args, { force: false }),
);

function removeMatching(
  transaction: Transaction,
  patterns: readonly string[],
  { force }: { force: boolean },
): boolean {
  const { run } = transaction;
  run.noteOwners();
  const { restricted, defaultDestination } = run.settings;
  const installed = run.universe.installed();
  let fine = true;
  let done = false;
  for (const pattern of patterns) {
    for (const candidate of installed) {
      if (!fits(run, pattern, candidate.name)) continue;
      const pkg = run.universe.installedByName(candidate.name, restricted ? defaultDestination : undefined);
      if (pkg === undefined) {
        run.messages.error('opkg_remove_cmd', `Package ${candidate.name} is not installed.\n`);
        continue;
      }
      if (force) pkg.flags |= flags.replace;
      if (removePackage(transaction, pkg)) done = true;
      else fine = false;
      if (force) pkg.flags &= ~flags.replace;
    }
  }
  if (!done) run.messages.notice('No packages removed.\n');
  return fine;
}

/** `configure`. */
export const configure = changing(async ({ args }, transaction) => configurePackages(transaction, args[0]));

const flagBits = { hold: flags.hold, noprune: flags.noprune, user: flags.user, ok: 0 } as const;

/** `flag`: one flag in the place of all others, or one of two states. */
export const flag = changing(async ({ run, args: [word = '', ...names] }) => {
  const { restricted, defaultDestination } = run.settings;
  for (const name of names) {
    const pkg = run.universe.installedByName(name, restricted ? defaultDestination : undefined);
    if (pkg === undefined) {
      run.messages.error('opkg_flag_cmd', `Package ${name} is not installed.\n`);
      continue;
    }
    if (word === 'hold' || word === 'noprune' || word === 'user' || word === 'ok') pkg.flags = flagBits[word];
    if (word === 'installed' || word === 'unpacked') pkg.state = word;
    run.changed = true;
    run.messages.notice(`Setting flags for package ${pkg.name} to ${word}.\n`);
  }
  return true;
});

/** `download`: into the current directory. */
export const download: CommandBody = async ({ run, args, signal }) => {
  run.noteOwners();
  let fine = true;
  for (const name of args) {
    const pkg = run.chooser.byName(name);
    if (pkg === undefined) {
      run.messages.error('opkg_download_cmd', `Cannot find package ${name}.\n`);
      continue;
    }
    if (!(await downloadPackage(run, pkg, '.', signal))) fine = false;
    if (fine) run.messages.notice(`Downloaded ${pkg.name} as ${shown(pkg.file)}.\n`);
    else run.messages.error('opkg_download_cmd', `Failed to download ${pkg.name}.\n`);
  }
  return fine ? 0 : failed;
};

function shown(path: string | undefined): string {
  return path === undefined ? '' : toPath(path);
}

/** `clean`: empties the package cache that `--cache` names. OpenWrt's opkg has no such command, Yocto's has. */
export const clean: CommandBody = ({ run }) => {
  const cache = run.settings.value('cache');
  if (cache === undefined || run.settings.on('noaction')) return 0;
  for (const name of readdirIfExists(toPath(cache))) {
    if (/\.(?:ipk|opk|deb)$/u.test(name)) unlinkIfExists(`${toPath(cache)}/${name}`);
  }
  return 0;
};
