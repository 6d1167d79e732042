/** Links that several packages offer: the highest priority of what is installed has them (opkg.md section 9). */
import { dirname } from 'node:path/posix';
import { lstatIfExists, mkdirp, readlink, symlinkDurable } from '../sys/index.ts';
import { toPath } from './messages.ts';
import type { Package } from './model.ts';
import type { Transaction } from './transaction.ts';

/** What stands in for an alternative that no package offers, where its file list has the path. */
const standIn = { name: 'busybox', target: '/bin/busybox' } as const;

/** Sets the links of the paths that the package names. */
export function updateAlternatives(transaction: Transaction, pkg: Package): void {
  for (const { path } of pkg.alternatives ?? []) updatePath(transaction, pkg, path);
}

function updatePath(transaction: Transaction, pkg: Package, path: string): void {
  const { run } = transaction;
  let winner: { pkg: Package; priority: number; target: string } | undefined;
  for (const other of run.universe.installed()) {
    for (const { priority, path: offered, target } of other.alternatives ?? []) {
      if (offered === path && (winner === undefined || winner.priority < priority))
        winner = { pkg: other, priority, target };
    }
  }
  const root = (winner?.pkg ?? pkg).destination?.root ?? '/';
  const file = `${root}${path.slice(1)}`;
  const target = winner?.target ?? standInFor(transaction, path);
  const place = transaction.locate(file);
  if (run.settings.on('noaction')) return;
  if (target === undefined) {
    transaction.unlink(place);
    return;
  }
  const found = lstatIfExists(place);
  if (found !== undefined && !found.isSymbolicLink()) {
    run.messages.error('pkg_alternatives_update_path', `${file} exists but is not a symlink\n`);
    return;
  }
  if (found !== undefined && readlink(place) === toPath(target)) return;
  mkdirp(dirname(place));
  transaction.touch(place);
  symlinkDurable(toPath(target), place);
}

function standInFor({ run }: Transaction, path: string): string | undefined {
  const provider = run.universe.installedByName(standIn.name);
  return provider !== undefined && run.filesOf(provider).includes(run.inRoot(path))
    ? standIn.target
    : undefined;
}
