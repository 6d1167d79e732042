/** The accounts that packages ask for, added to a tree's files: the same lines whatever the order of the packages. */
import { compareBytes, RefusedError } from '../base/index.ts';
import {
  type AccountFile,
  type Accounts,
  accountIds,
  addGroupMember,
  appendAccount,
  findAccount,
  parseRequireUser,
  probeId,
  type RequiredAccount,
  type RequiredName,
} from './accounts.ts';

/** What one package asks for; `requireUser` is the field's text. */
export interface RequireUserRequest {
  readonly package: string;
  readonly requireUser: string;
}

type Kind = 'user' | 'group';

interface Wish extends RequiredName {
  readonly kind: Kind;
  readonly package: string;
}

/** Says which package of the base made an account, for the message of a clash; undefined where that is not known. */
export type AccountOwner = (kind: Kind, name: string) => string | undefined;

/**
 * The files with what the packages ask for. A name that is there keeps its id and its line. RefusedError
 * USER_ID_CONFLICT where two names would share an id or one name would have two; ParseError CONTROL_INVALID for a
 * field that cannot be read.
 */
export function applyRequireUser(
  accounts: Accounts,
  requests: readonly RequireUserRequest[],
  ownerOf: AccountOwner = () => undefined,
): Accounts {
  const sorted = [...requests].sort((a, b) => compareBytes(a.package, b.package));
  const asked = sorted.map((r) => ({ package: r.package, accounts: parseRequireUser(r.requireUser) }));
  const wishes = asked.flatMap((r) => r.accounts.flatMap((a) => wishesOf(r.package, a)));
  const ids = {
    user: assignIds(accounts.passwd, wishes, 'user', ownerOf),
    group: assignIds(accounts.group, wishes, 'group', ownerOf),
  };
  assignDynamic(accounts, wishes, ids);
  const state = { ...accounts };
  for (const account of asked.flatMap((r) => r.accounts)) addAccount(state, account, ids);
  return state;
}

type Ids = Readonly<Record<Kind, Map<string, number>>>;

function wishesOf(packageName: string, account: RequiredAccount): Wish[] {
  const groups = [...(account.group === undefined ? [] : [account.group]), ...account.extra];
  const wishes = groups.map((g): Wish => ({ ...g, kind: 'group', package: packageName }));
  return account.user === undefined
    ? wishes
    : [{ ...account.user, kind: 'user', package: packageName }, ...wishes];
}

/** The ids that are settled before any is made up: those of names that exist, then those that packages fix. */
function assignIds(
  file: AccountFile,
  wishes: readonly Wish[],
  kind: Kind,
  ownerOf: AccountOwner,
): Map<string, number> {
  const ids = new Map<string, number>();
  const holders = new Map<number, { name: string; package: string }>();
  for (const [id, name] of accountIds(file)) {
    holders.set(id, { name, package: '' });
  }
  const fixedBy = new Map<string, Wish>();
  for (const wish of wishes) {
    if (wish.kind !== kind) continue;
    const present = findAccount(file, wish.name)?.[2];
    if (present !== undefined && /^\d{1,10}$/u.test(present)) ids.set(wish.name, Number(present));
    if (present !== undefined || wish.id === undefined) continue;
    const before = fixedBy.get(wish.name);
    if (before !== undefined && before.id !== wish.id) throw twoIds(kind, before, wish);
    const holder = holders.get(wish.id);
    if (holder !== undefined && holder.name !== wish.name) throw sameId(kind, wish, holder, ownerOf);
    fixedBy.set(wish.name, wish);
    holders.set(wish.id, { name: wish.name, package: wish.package });
    ids.set(wish.name, wish.id);
  }
  return ids;
}

/**
 * Ids for the rest, over sorted names. A name has one id for both its user and its group, and an id that is a uid
 * is no other name's gid, so that `ls -n` in /var is never ambiguous.
 */
function assignDynamic(accounts: Accounts, wishes: readonly Wish[], ids: Ids): void {
  const taken = new Set([
    ...accountIds(accounts.passwd).keys(),
    ...accountIds(accounts.group).keys(),
    ...ids.user.values(),
    ...ids.group.values(),
  ]);
  const open = wishes.filter((w) => !ids[w.kind].has(w.name));
  for (const name of [...new Set(open.map((w) => w.name))].sort(compareBytes)) {
    const id = probeId(name, taken);
    if (id === undefined) {
      throw new RefusedError('USER_ID_CONFLICT', `no id between 32768 and 65533 is left for '${name}'`, {
        hint: 'remove packages that bring users of their own',
      });
    }
    taken.add(id);
    for (const wish of open) if (wish.name === name) ids[wish.kind].set(name, id);
  }
}

/** What add_group_and_user does for one word, the ids being known. */
function addAccount(
  state: { -readonly [K in keyof Accounts]: Accounts[K] },
  account: RequiredAccount,
  ids: Ids,
): void {
  const { user, group } = account;
  if (group !== undefined) addGroup(state, group.name, ids);
  if (user !== undefined && findAccount(state.passwd, user.name) === undefined) {
    const uid = ids.user.get(user.name) ?? 0;
    const gid = group === undefined ? uid : (ids.group.get(group.name) ?? uid);
    const line = `${user.name}:x:${uid}:${gid}:${user.name}:/var/run/${user.name}:/bin/false`;
    state.passwd = appendAccount(state.passwd, line);
    if (findAccount(state.shadow, user.name) === undefined) {
      state.shadow = appendAccount(state.shadow, `${user.name}:x:0:0:99999:7:::`);
    }
  }
  if (user === undefined) return;
  for (const member of group === undefined ? account.extra : [group, ...account.extra]) {
    addGroup(state, member.name, ids);
    state.group = addGroupMember(state.group, member.name, user.name);
  }
}

function addGroup(state: { group: AccountFile }, name: string, ids: Ids): void {
  if (findAccount(state.group, name) !== undefined) return;
  state.group = appendAccount(state.group, `${name}:x:${ids.group.get(name) ?? 0}:`);
}

function twoIds(kind: Kind, a: Wish, b: Wish): RefusedError {
  return new RefusedError(
    'USER_ID_CONFLICT',
    `packages ${a.package} and ${b.package} want different ids for the ${kind} '${a.name}': ${a.id} and ${b.id}`,
    {
      details: { kind, name: a.name, packages: [a.package, b.package], ids: [a.id, b.id] },
      hint: `leave out ${a.package} or ${b.package}`,
    },
  );
}

function sameId(
  kind: Kind,
  wish: Wish,
  holder: { readonly name: string; readonly package: string },
  ownerOf: AccountOwner,
): RefusedError {
  const other = holder.package !== '' ? holder.package : ownerOf(kind, holder.name);
  const from = other === undefined ? 'the base' : `package ${other}`;
  return new RefusedError(
    'USER_ID_CONFLICT',
    `package ${wish.package} wants ${kind} id ${wish.id} for '${wish.name}', which '${holder.name}' of ${from} has`,
    {
      details: {
        kind,
        id: wish.id,
        names: [holder.name, wish.name],
        packages: [other ?? 'base', wish.package],
      },
      hint: `leave out ${wish.package}${other === undefined ? '' : ` or ${other}`}`,
    },
  );
}
