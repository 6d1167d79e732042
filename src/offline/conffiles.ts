/** Configuration files while a package comes (opkg.md section 8): what the admin changed is never lost. */

import { lstatIfExists, rename } from '../sys/index.ts';
import { copyAttributes } from './copy.ts';
import { toPath } from './messages.ts';
import type { Package } from './model.ts';
import type { Transaction } from './transaction.ts';

const backupSuffix = '-opkg.backup';
const besideSuffix = '-opkg';

/** Whether a backup of the file is there. */
export function hasBackup(transaction: Transaction, file: string): boolean {
  return transaction.run.exists(`${file}${backupSuffix}`);
}

/** Copies the configuration files that were changed, or that the old version did not have, to their backups. */
export function backUp(transaction: Transaction, pkg: Package, old: Package | undefined): void {
  const { run } = transaction;
  if (run.settings.on('noaction')) return;
  for (const conffile of old?.conffiles ?? []) {
    const file = run.inRoot(conffile.path);
    if (run.exists(file) && run.isModified(conffile)) copyToBackup(transaction, file);
  }
  for (const { path } of pkg.conffiles ?? []) {
    if (old?.conffiles?.some((before) => before.path === path) === true) continue;
    const file = run.inRoot(path);
    if (run.exists(file) && !hasBackup(transaction, file)) copyToBackup(transaction, file);
  }
}

function copyToBackup(transaction: Transaction, file: string): void {
  const path = transaction.locate(file);
  transaction.touch(`${path}${backupSuffix}`);
  copyAttributes(path, `${path}${backupSuffix}`);
}

/** Takes the backups away after a failed install. */
export function dropBackups(transaction: Transaction, pkg: Package, old: Package | undefined): void {
  for (const { path } of [...(old?.conffiles ?? []), ...(pkg.conffiles ?? [])]) {
    transaction.unlink(`${transaction.locate(transaction.run.inRoot(path))}${backupSuffix}`);
  }
}

/**
 * Notes the digests of the package's own files, and puts the admin's back where they differ: the package's then lies beside
 * as `<file>-opkg`, unless `--force-maintainer` takes it.
 */
export function resolveConffiles(transaction: Transaction, pkg: Package): void {
  const { run } = transaction;
  const { messages } = run;
  for (const conffile of pkg.conffiles ?? []) {
    const file = run.inRoot(conffile.path);
    conffile.digest ??= run.digestOf(file, 'sha256');
    const backup = `${file}${backupSuffix}`;
    if (!run.exists(file) || !run.exists(backup)) continue;
    const kept = run.digestOf(backup, (conffile.digest?.length ?? 0) > 33 ? 'sha256' : 'md5');
    const path = transaction.locate(file);
    if (kept !== undefined && conffile.digest !== undefined && kept !== conffile.digest) {
      if (run.settings.on('force_maintainer'))
        messages.notice(`Conffile ${backup} using maintainer's setting.\n`);
      else {
        messages.error(
          'resolve_conffiles',
          `Existing conffile ${file} is different from the conffile in the new package. The new conffile will be placed at ${file}${besideSuffix}.\n`,
        );
        transaction.touch(path, `${path}${besideSuffix}`, `${path}${backupSuffix}`);
        rename(path, `${path}${besideSuffix}`);
        rename(`${path}${backupSuffix}`, path);
      }
    }
    if (lstatIfExists(`${path}${backupSuffix}`) !== undefined) transaction.unlink(`${path}${backupSuffix}`);
  }
}

/** The package's conffiles as they come from its file; those that are known already stay. */
export function noteConffiles(transaction: Transaction, pkg: Package, paths: readonly string[]): void {
  if ((pkg.conffiles?.length ?? 0) > 0 || paths.length === 0) return;
  const { offlineRoot } = transaction.run.settings;
  const root = (pkg.destination?.root ?? '/').slice(offlineRoot?.length ?? 0);
  pkg.conffiles = paths.map((path) => ({ path: `${root}${path.replace(/^\//u, '')}`, digest: undefined }));
}

/** True where the file is the package's conffile and was changed. */
export function isChangedConffile(transaction: Transaction, pkg: Package, file: string): boolean {
  const { run } = transaction;
  const inside = file.slice(run.settings.offlineRoot?.length ?? 0);
  const conffile = pkg.conffiles?.find(({ path }) => path === inside);
  return conffile !== undefined && lstatIfExists(toPath(file)) !== undefined && run.isModified(conffile);
}
