/** A package's file, wherever it has to come from, and whether it may be used. */
import { currentFolder, mkdirp } from '../sys/index.ts';
import { downloadPackage, isIntact } from './download.ts';
import { toByteText, toPath } from './messages.ts';
import type { Package } from './model.ts';
import { Stopped } from './stopped.ts';
import type { Transaction } from './transaction.ts';
import { isSigned } from './verify.ts';

const where = 'opkg_install_pkg';

/** The package file, downloaded where it is not here, checked against what the list says. Stopped after an error that is noted. */
export async function obtainPackage(transaction: Transaction, pkg: Package): Promise<string> {
  const { settings, messages } = transaction.run;
  if (pkg.file === undefined) {
    const keep = settings.on('download_only') && settings.value('cache') === undefined;
    const folder = keep ? toByteText(currentFolder()) : scratchFolder(transaction);
    if (!(await downloadPackage(transaction.run, pkg, folder, transaction.signal)))
      stop(transaction, `Failed to download ${pkg.name}. Perhaps you need to run 'opkg update'?\n`);
  }
  const path = pkg.file ?? '';
  await checkSignature(transaction, pkg);
  if (isIntact(transaction.run, pkg, path)) return path;
  if (!settings.on('force_checksum')) {
    stop(
      transaction,
      `Checksum or size mismatch for package ${pkg.name}. Either the opkg or the package index are corrupt. Try 'opkg update'.\n`,
    );
  }
  messages.notice(`Ignored ${pkg.name} checksum or size mismatch.\n`);
  return path;
}

function stop({ run }: Transaction, text: string): never {
  run.messages.error(where, text);
  throw new Stopped();
}

function scratchFolder(transaction: Transaction): string {
  const folder = transaction.scratch('download');
  mkdirp(toPath(folder));
  return folder;
}

/** A package of a feed is only as good as its list, which may have been changed since it came. */
async function checkSignature(transaction: Transaction, { source, name }: Package): Promise<void> {
  const { run } = transaction;
  if (!run.settings.on('check_signature') || source === undefined) return;
  const list = `${run.settings.listsFolder}/${source.name}`;
  let complaint: string | undefined;
  if (!run.exists(`${list}.sig`))
    complaint = `Signature file is missing for ${name}. Perhaps you need to run 'opkg update'?\n`;
  else if (!(await isSigned(run, list, `${list}.sig`)))
    complaint = `Failed to verify the signature of ${list}.\n`;
  if (complaint === undefined) return;
  if (!run.settings.on('force_signature')) stop(transaction, complaint);
  run.messages.error(where, complaint);
}
