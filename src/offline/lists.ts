/** `update`: the package lists of every feed. */
import { mkdirp, unlinkIfExists } from '../sys/index.ts';
import { fetchTo } from './download.ts';
import { toPath } from './messages.ts';
import type { Source } from './model.ts';
import type { Transaction } from './transaction.ts';
import { isSigned } from './verify.ts';

/** Fetches every list and checks its signature; returns how many downloads failed, -1 where the lists have no folder. */
export async function updateLists(transaction: Transaction): Promise<number> {
  const { run } = transaction;
  const folder = run.settings.listsFolder;
  if (run.exists(folder) && !run.isFolder(folder)) {
    run.messages.error('opkg_update_cmd', `${folder} exists, but is not a directory.\n`);
    return -1;
  }
  mkdirp(toPath(folder));
  let failures = 0;
  for (const source of run.settings.sources) failures += await updateList(transaction, source);
  return failures;
}

/** A list that does not pass takes the old one with it, as in opkg: nothing unsigned is ever installed from. */
async function updateList({ run, signal }: Transaction, source: Source): Promise<number> {
  const { messages, settings } = run;
  const list = `${settings.listsFolder}/${source.name}`;
  const url = `${source.url}/${source.gzip ? 'Packages.gz' : 'Packages'}`;
  if (!(await fetchTo(run, url, list, signal))) {
    messages.notice(`*** Failed to download the package list from ${url}\n\n`);
    return 1;
  }
  messages.notice(`Updated list of available packages in ${list}\n`);
  if (!settings.on('check_signature')) return 0;
  const signature = `${list}.sig`;
  const fetched = await fetchTo(run, `${source.url}/Packages.sig`, signature, signal);
  const passed = fetched && (await isSigned(run, list, signature));
  if (!fetched) messages.notice('Signature file download failed.\n');
  else messages.notice(`Signature check ${passed ? 'passed' : 'failed'}.\n`);
  if (!passed && !settings.on('force_signature')) {
    messages.notice('Remove wrong Signature file.\n');
    unlinkIfExists(toPath(signature));
    unlinkIfExists(toPath(list));
  }
  return fetched ? 0 : 1;
}
