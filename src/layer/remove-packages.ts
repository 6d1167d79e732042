/** Base packages off the tree, as `opkg remove` would leave it. */

import { createHash } from 'node:crypto';
import { type PackageName, type RelPath, sha256Hex, textOf, toRelPath } from '../base/index.ts';
import type { MutableTree, Repository, Transaction } from '../ostree/index.ts';
import { parseInitScript, serviceLinkNames } from '../state/index.ts';
import { type BaseDatabase, mappedPath } from './database.ts';
import { linkAttributes, linkTarget, listNames, readTreeFile } from './tree-files.ts';

const rcFolder = toRelPath('usr/etc/rc.d');
export const initPrefix = 'usr/etc/init.d/';
const busybox = 'busybox';

/** What removing left to know. */
export interface RemovalResult {
  readonly notes: readonly string[];
  /** Services of removed packages that the base had switched off: a new version of the package keeps them off. */
  readonly disabled: ReadonlySet<string>;
}

/** Deletes files and service links of the packages. Configuration that the base had changed stays, as with opkg. */
export function removePackages(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  base: BaseDatabase,
  names: readonly PackageName[],
): RemovalResult {
  const gone = new Set(names);
  const notes: string[] = [];
  const disabled = new Set<string>();
  for (const name of names) {
    const changed = changedConffiles(repo, tree, base, name);
    for (const { path } of base.listOf(name)) {
      if (path.startsWith(initPrefix) && removeService(repo, tree, path) === 'disabled') {
        disabled.add(path.slice(initPrefix.length));
      }
      const entry = tree.lookup(path);
      if (entry?.kind !== 'file') continue;
      if (changed.has(path)) {
        notes.push(`/${path} of ${name} was changed in the base and stays`);
        continue;
      }
      const others = base.ownersOf(path).filter((owner) => !gone.has(owner));
      if (others.length === 0) tree.remove(path);
      else if (others.every((owner) => owner === busybox) && linkTarget(repo, entry.checksum) === undefined) {
        // The applet that the package's program stood in front of.
        tree.putFile(path, txn.writeSymlink(linkAttributes, '/bin/busybox'));
      }
    }
  }
  return { notes, disabled };
}

function changedConffiles(
  repo: Repository,
  tree: MutableTree,
  base: BaseDatabase,
  name: PackageName,
): Set<RelPath> {
  const changed = new Set<RelPath>();
  for (const { path, hash } of base.entries.get(name)?.conffiles ?? []) {
    const mapped = mappedPath(path);
    const file = mapped === undefined ? undefined : readTreeFile(repo, tree, mapped);
    if (mapped === undefined || file === undefined) continue;
    const now =
      hash.length === 32 ? createHash('md5').update(file.bytes).digest('hex') : sha256Hex(file.bytes);
    if (now !== hash) changed.add(mapped);
  }
  return changed;
}

/** Removes the script's links in rc.d; 'disabled' where the script has a START and no link for it was there. */
function removeService(repo: Repository, tree: MutableTree, path: RelPath): 'disabled' | 'removed' {
  const service = path.slice(initPrefix.length);
  const links = serviceLinkNames(listNames(tree, rcFolder), service);
  for (const link of links) tree.remove(toRelPath(`${rcFolder}/${link}`));
  const script = readTreeFile(repo, tree, path);
  const numbers = script === undefined ? 'computed' : parseInitScript(textOf(script.bytes));
  const starts = numbers !== 'computed' && numbers.start !== undefined;
  return starts && !links.some((link) => link.startsWith('S')) ? 'disabled' : 'removed';
}
