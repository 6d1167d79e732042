/** What one operation changed in the wish, small enough for the history, and how to take it back. Pure. */
import { isChecksum, isPackageName, RefusedError } from '../base/index.ts';
import { type Origin, parseLocalPackage, renderLocalPackage } from '../boot/index.ts';
import { parseRequest } from './wish.ts';

/** What was added to and taken from a list of the wish. */
export interface ListChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** json.md's `changes`: lists under the names that they have in an origin, and what else differs; equal ones are left out. */
export interface WishChange {
  readonly lists: Readonly<Record<string, ListChange>>;
  readonly branch?: { readonly from: string | null; readonly to: string | null };
  readonly base?: { readonly from: string | null; readonly to: string };
  /** The feed snapshot that the wish was solved against before. */
  readonly feeds?: string;
  readonly kargs?: { readonly from: readonly string[]; readonly to: readonly string[] };
}

const listNames = [
  'requested',
  'requested-local',
  'override-remove',
  'override-replace',
  'override-replace-local',
  'hold',
] as const;
type ListName = (typeof listNames)[number];
type Lists = Readonly<Record<ListName, readonly string[]>>;

/** What differs between two wishes, list by list. */
export function listChanges(before: Origin | undefined, after: Origin): WishChange['lists'] {
  const [from, to] = [before === undefined ? undefined : listsOf(before), listsOf(after)];
  return Object.fromEntries(
    listNames.flatMap((name) => {
      const old: readonly string[] = from?.[name] ?? [];
      const added = to[name].filter((item) => !old.includes(item));
      const removed = old.filter((item) => !to[name].includes(item));
      return added.length + removed.length === 0 ? [] : [[name, { added, removed }]];
    }),
  );
}

/** True where nothing is left that could be undone. */
export function isEmptyChange({ lists, branch, base, kargs }: WishChange): boolean {
  return Object.keys(lists).length === 0 && branch === undefined && base === undefined && kargs === undefined;
}

/** The wish with the change of its lists taken back; UNDO_IMPOSSIBLE where later changes stand in the way. */
export function withoutChange(origin: Origin, change: WishChange): Origin {
  const present = listsOf(origin);
  const next = listNames.map((name): readonly string[] => {
    const { added, removed } = change.lists[name] ?? { added: [], removed: [] };
    const gone = added.find((item) => !present[name].includes(item));
    if (gone !== undefined)
      throw undoImpossible(`'${gone}' is no longer part of the wish (${name}): a later change took it away`);
    const kept = present[name].filter((item) => !added.includes(item));
    const clash = removed.find((item) => kept.some((other) => nameIn(other) === nameIn(item)));
    if (clash !== undefined)
      throw undoImpossible(`'${nameIn(clash)}' has been asked for in another way since (${name})`);
    return [...kept, ...removed];
  });
  return withLists(origin, next);
}

function withLists(origin: Origin, lists: readonly (readonly string[])[]): Origin {
  const [requested = [], local = [], remove = [], replace = [], replaceLocal = [], hold = []] = lists;
  const locals = (items: readonly string[]) => items.flatMap((item) => parseLocalPackage(item) ?? []);
  return {
    ...origin,
    requested,
    requestedLocal: locals(local),
    overrides: {
      remove: remove.filter(isPackageName),
      replace,
      replaceLocal: locals(replaceLocal),
      hold: locals(hold),
    },
  };
}

function listsOf({ requested, requestedLocal, overrides }: Origin): Lists {
  return {
    requested,
    'requested-local': requestedLocal.map(renderLocalPackage),
    'override-remove': overrides.remove,
    'override-replace': overrides.replace,
    'override-replace-local': overrides.replaceLocal.map(renderLocalPackage),
    hold: overrides.hold.map(renderLocalPackage),
  };
}

function nameIn(item: string): string {
  return parseLocalPackage(item)?.name ?? parseRequest(item).name;
}

/** UNDO_IMPOSSIBLE, with the way to see what was done. */
export function undoImpossible(reason: string): RefusedError {
  return new RefusedError('UNDO_IMPOSSIBLE', reason, {
    hint: "'opkg-ostree history -v' shows what was done since; undo the later entries first, or change the wish itself",
  });
}

/** The change of a history record as it was read back; undefined where it is none. Records come from a file. */
export function readWishChange(value: unknown): WishChange | undefined {
  if (!isObject(value) || !isObject(value['lists'])) return undefined;
  const lists: Record<string, ListChange> = {};
  for (const name of listNames) {
    const list = value['lists'][name];
    if (isObject(list)) lists[name] = { added: texts(list['added']), removed: texts(list['removed']) };
  }
  const { branch, base, feeds, kargs } = value;
  const text = (item: unknown) => (typeof item === 'string' ? item : null);
  return {
    lists,
    ...(isObject(branch) ? { branch: { from: text(branch['from']), to: text(branch['to']) } } : {}),
    ...(isObject(base) && typeof base['to'] === 'string'
      ? { base: { from: text(base['from']), to: base['to'] } }
      : {}),
    ...(typeof feeds === 'string' && isChecksum(feeds) ? { feeds } : {}),
    ...(isObject(kargs) ? { kargs: { from: texts(kargs['from']), to: texts(kargs['to']) } } : {}),
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
