/** Users and groups of layered packages, into the tree's default account files. */
import { type PackageName, toRelPath } from '../base/index.ts';
import { getField, parseControl } from '../ipk/index.ts';
import type { MutableTree, Repository, Transaction } from '../ostree/index.ts';
import {
  type Accounts,
  applyRequireUser,
  parseAccountFile,
  parseRequireUser,
  renderAccountFile,
} from '../state/index.ts';
import type { BaseDatabase } from './database.ts';
import type { LayerPackage } from './spec.ts';
import { readTreeText, writeTreeText } from './tree-files.ts';

const names = ['passwd', 'group', 'shadow'] as const;
const pathOf = (name: (typeof names)[number]) => toRelPath(`usr/etc/${name}`);

/** Adds what `Require-User` asks for. Returns notes: without passwd and group nothing is added, as in default_postinst. */
export function addAccounts(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  base: BaseDatabase,
  packages: readonly LayerPackage[],
): string[] {
  const requests = packages.flatMap(({ commit }) => {
    const field = getField(parseControl(commit.controlText), 'Require-User') ?? '';
    return field === '' ? [] : [{ package: commit.record.name, requireUser: field }];
  });
  if (requests.length === 0) return [];
  const texts = new Map(names.map((name) => [name, readTreeText(repo, tree, pathOf(name))]));
  if (texts.get('passwd') === undefined || texts.get('group') === undefined) {
    return [
      `the base has no passwd and group: no account is made for ${requests.map((r) => r.package).join(', ')}`,
    ];
  }
  const file = (name: (typeof names)[number]) => parseAccountFile(texts.get(name) ?? '');
  const before: Accounts = { passwd: file('passwd'), group: file('group'), shadow: file('shadow') };
  const after = applyRequireUser(before, requests, (kind, name) => ownerInBase(base, kind, name));
  for (const name of names) {
    const text = renderAccountFile(after[name]);
    if (text !== (texts.get(name) ?? '')) writeTreeText(repo, txn, tree, pathOf(name), text);
  }
  return [];
}

/** The base package that asked for the account; looked for only when a refusal has to name it. */
function ownerInBase(base: BaseDatabase, kind: 'user' | 'group', wanted: string): PackageName | undefined {
  for (const name of base.entries.keys()) {
    const asked = parseRequireUser(base.requireUserOf(name));
    const users = asked.flatMap((a) => (a.user === undefined ? [] : [a.user.name]));
    const groups = asked.flatMap((a) =>
      [...(a.group === undefined ? [] : [a.group]), ...a.extra].map((g) => g.name),
    );
    if ((kind === 'user' ? users : groups).includes(wanted)) return name;
  }
  return undefined;
}
