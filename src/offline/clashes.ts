/** Whose file is whose when a package comes (opkg.md section 8.5). */
import { lstatIfExists } from '../sys/index.ts';
import { replaces } from './choose.ts';
import { hasBackup } from './conffiles.ts';
import type { Package } from './model.ts';
import type { Transaction } from './transaction.ts';

/** Gives the package the files that nobody else has; what only the old version has becomes obsolete. */
export function takeOwnership(
  { run, obsolete }: Transaction,
  files: readonly string[],
  pkg: Package,
  old: Package | undefined,
): void {
  for (const file of files) {
    const owner = run.ownerOf(file);
    if (owner === undefined || owner === old || obsolete.has(file)) run.setOwner(file, pkg);
  }
  if (old === undefined) return;
  for (const file of run.filesOf(old)) {
    const owner = run.ownerOf(file);
    if (owner === undefined || owner === old) obsolete.set(file, old);
  }
}

/** Whether the package may put its files where others are; each clash is noted. */
export function mayPlace(
  transaction: Transaction,
  files: readonly string[],
  pkg: Package,
  old: Package | undefined,
): boolean {
  const { run, obsolete } = transaction;
  let clashes = 0;
  for (const file of files) {
    if (!run.exists(file) || run.isFolder(file) || hasBackup(transaction, file)) continue;
    if (run.settings.on('force_overwrite')) {
      run.setOwner(file, pkg);
      continue;
    }
    const owner = run.ownerOf(file);
    if (owner !== undefined && isFineOver(run.messages, file, pkg, owner, old)) continue;
    if (obsolete.has(file)) continue;
    run.messages.error(
      'check_data_file_clashes',
      `Package ${pkg.name} wants to install file ${file}\n\tBut that file is already provided by package `,
    );
    run.messages.error(
      undefined,
      owner === undefined
        ? '<no package>\nPlease move this file out of the way and try again.\n'
        : `${owner.name}\n`,
    );
    clashes++;
  }
  return clashes === 0;
}

function isFineOver(
  messages: Transaction['run']['messages'],
  file: string,
  pkg: Package,
  owner: Package,
  old: Package | undefined,
): boolean {
  if (owner.name === old?.name || replaces(pkg, owner)) return true;
  if (owner.name !== pkg.name) return false;
  messages.info(
    'check_data_file_clashes',
    `Replacing pre-existing file ${file} owned by package ${owner.name}\n`,
  );
  return true;
}

/** After the files are there: those of a package that is replaced change hands. */
export function moveOwnership({ run }: Transaction, files: readonly string[], pkg: Package): void {
  for (const file of files) {
    if (!run.exists(file) || run.isFolder(file)) continue;
    const owner = run.ownerOf(file);
    if (run.settings.on('force_overwrite') || (owner !== undefined && replaces(pkg, owner)))
      run.setOwner(file, pkg);
  }
}

/** Removes the old version's files that the new one does not have. */
export function removeObsolete(transaction: Transaction, files: readonly string[], old: Package): void {
  const { run } = transaction;
  const kept = new Set(files);
  for (const file of run.filesOf(old)) {
    if (kept.has(file) || run.isFolder(file) || run.ownerOf(file) !== old) continue;
    run.messages.notice(`Removing obsolete file ${file}.\n`);
    const path = transaction.locate(file);
    if (lstatIfExists(path) === undefined) {
      run.messages.error('remove_obsolesced_files', `unlinking ${file} failed: No such file or directory.\n`);
    } else if (!run.settings.on('noaction')) transaction.unlink(path);
  }
}
