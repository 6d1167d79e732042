/** Enables the services of layered packages: what `rc.common <script> enable` does, where no shell is needed for it. */
import { type RelPath, textOf, toRelPath } from '../base/index.ts';
import { MutableTree, type Repository, type Transaction } from '../ostree/index.ts';
import { enableLinks, type InitScript, parseInitScript } from '../state/index.ts';
import type { PackageCommit } from './package-commit.ts';
import { payloadPath } from './package-commit.ts';
import { initPrefix } from './remove-packages.ts';
import { ensureParents, linkAttributes, listNames, readTreeFile } from './tree-files.ts';

/** An init script's START and STOP are a few lines; a file larger than this is left to the shell. */
const maxScriptBytes = 1 << 20;

/** A file of a package in /etc/init.d; `computed` where only a shell can tell its START and STOP. */
export interface PackageService {
  readonly name: string;
  readonly computed: boolean;
}

/** The package's services, sorted. */
export function servicesOf(repo: Repository, commit: PackageCommit): PackageService[] {
  const payload = MutableTree.fromCommit(repo, commit.commit);
  const folder = toRelPath(`${payloadPath}/${initPrefix.slice(0, -1)}`);
  return listNames(payload, folder)
    .filter((name) => payload.lookup(toRelPath(`${folder}/${name}`))?.kind === 'file')
    .map((name) => ({
      name,
      computed: numbersOf(repo, payload, toRelPath(`${folder}/${name}`)) === 'computed',
    }));
}

/** Makes the links of a service that is not computed. */
export function enableService(repo: Repository, txn: Transaction, tree: MutableTree, service: string): void {
  const numbers = numbersOf(repo, tree, toRelPath(`${initPrefix}${service}`));
  if (numbers === 'computed') return;
  for (const { path, target } of enableLinks(service, numbers)) {
    const link = toRelPath(`usr/etc/${path}`);
    if (tree.lookup(link)?.kind === 'dir' || !ensureParents(tree, link)) continue;
    tree.putFile(link, txn.writeSymlink(linkAttributes, target));
  }
}

function numbersOf(repo: Repository, tree: MutableTree, path: RelPath): InitScript | 'computed' {
  const script = readTreeFile(repo, tree, path);
  // rc.common would source what a link leads to, which may be anywhere.
  if (script === undefined || script.bytes.byteLength > maxScriptBytes) return 'computed';
  return parseInitScript(textOf(script.bytes));
}
