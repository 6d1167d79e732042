/**
 * passwd, group, shadow and gshadow merged by name and field. A name that this machine has keeps its id, and root's
 * password never goes: files in /var belong to ids, and a router without its password is open or lost.
 */
import { textOf } from '../../base/index.ts';
import { accountIds, parseAccountFile, probeId, renderAccountFile } from '../accounts.ts';
import type { EtcTree } from '../etc-merge-tree.ts';

/** One account file of the three trees; `base` is undefined where the old default had none. */
export interface AccountSides {
  readonly base: string | undefined;
  readonly live: string;
  readonly target: string;
}

/** The merged text, and what a person should know of. */
export interface MergedAccounts {
  readonly text: string;
  readonly notes: readonly string[];
}

/** Which ids the names of a tree have on this machine, where they differ. */
export interface IdMaps {
  readonly base: OwnerMap;
  readonly target: OwnerMap;
  /** Two names that would share an id that a package fixed. */
  readonly clashes: readonly { readonly file: 'passwd' | 'group'; readonly note: string }[];
  readonly notes: readonly string[];
}

/** From an id of a tree to the id of this machine. */
export interface OwnerMap {
  readonly users: ReadonlyMap<number, number>;
  readonly groups: ReadonlyMap<number, number>;
}

/** Names the package that makes an account, as far as it is known. */
export type AccountPackage = (file: 'passwd' | 'group', name: string) => string | undefined;

/** The ids that the accounts of the trees will have. `packageOf` names packages where two names would share an id. */
export function planIds(
  base: EtcTree,
  live: EtcTree,
  target: EtcTree,
  packageOf: AccountPackage = () => undefined,
): IdMaps {
  const plan = (file: 'passwd' | 'group') =>
    mapIds(file, idsOf(base, file), idsOf(live, file), idsOf(target, file), (name) => packageOf(file, name));
  const [users, groups] = [plan('passwd'), plan('group')];
  return {
    base: { users: users.base, groups: groups.base },
    target: { users: users.target, groups: groups.target },
    clashes: [...users.clashes, ...groups.clashes],
    notes: [...users.notes, ...groups.notes],
  };
}

/** Merges one of the files; `ids` gives the numbers of names that are new. */
export function mergeAccountFile(file: string, sides: AccountSides, ids: OwnerMap): MergedAccounts {
  const base = linesOf(sides.base ?? '');
  const target = linesOf(sides.target);
  const live = parseAccountFile(sides.live);
  const notes: string[] = [];
  const seen = new Set<string>();
  const merged: string[] = [];
  for (const line of live.lines) {
    const name = nameOf(line);
    if (name === undefined || seen.has(name)) {
      merged.push(line);
      continue;
    }
    seen.add(name);
    const before = base.get(name);
    const after = target.get(name);
    if (after !== undefined) merged.push(mergeLine(file, before, line, moved(file, after, ids)));
    else if (before !== line) {
      if (before !== undefined)
        notes.push(`${name}: no longer in the new defaults, kept because it was changed here`);
      merged.push(line);
    }
  }
  for (const [name, line] of target) {
    if (seen.has(name)) continue;
    if (!base.has(name)) merged.push(moved(file, line, ids));
    else if (base.get(name) !== line) notes.push(`${name}: deleted here, stays so`);
  }
  return { text: renderAccountFile({ lines: merged, terminated: true }), notes };
}

/** The live line with what the new default changed; ids, and a password that is set, stay. */
function mergeLine(file: string, before: string | undefined, line: string, after: string): string {
  const base = before?.split(':');
  const live = line.split(':');
  const target = after.split(':');
  if (live.length !== target.length) return line;
  return live
    .map((field, index) => {
      const theirs = target[index] ?? '';
      const old = base?.[index];
      if (isMembers(file, index, live.length)) return mergeMembers(old ?? '', field, theirs);
      if (isIdField(file, index)) return field;
      if (index === 1 && file.endsWith('shadow') && field !== '') return field;
      return old === field ? theirs : field;
    })
    .join(':');
}

function isIdField(file: string, index: number): boolean {
  return (file === 'passwd' && (index === 2 || index === 3)) || (file === 'group' && index === 2);
}

function isMembers(file: string, index: number, fields: number): boolean {
  return (file === 'group' && index === 3) || (file === 'gshadow' && index >= 2 && fields === 4);
}

function mergeMembers(base: string, live: string, target: string): string {
  const list = (text: string) => text.split(',').filter((member) => member !== '');
  const before = new Set(list(base));
  const after = new Set(list(target));
  const kept = list(live).filter((member) => after.has(member) || !before.has(member));
  const mine = new Set(list(live));
  const added = list(target).filter((member) => !before.has(member) && !mine.has(member));
  const merged = [...kept, ...added].join(',');
  return merged === list(live).join(',') ? live : merged;
}

/** A line of the new default with the ids that its names have on this machine. */
function moved(file: string, line: string, ids: OwnerMap): string {
  const fields = line.split(':');
  const swap = (index: number, map: ReadonlyMap<number, number>) => {
    const id = map.get(Number(fields[index]));
    if (id !== undefined) fields[index] = String(id);
  };
  if (file === 'passwd') {
    swap(2, ids.users);
    swap(3, ids.groups);
  }
  if (file === 'group') swap(2, ids.groups);
  return fields.join(':');
}

interface MappedIds {
  readonly base: Map<number, number>;
  readonly target: Map<number, number>;
  readonly clashes: IdMaps['clashes'];
  readonly notes: readonly string[];
}

type Ids = ReadonlyMap<string, number>;

/** Below this ids are fixed by packages and mean the same everywhere; above it they were made up. */
const firstDynamic = 32768;

function mapIds(
  file: 'passwd' | 'group',
  base: Ids,
  live: Ids,
  target: Ids,
  packageOf: (name: string) => string | undefined,
): MappedIds {
  const result: MappedIds = { base: new Map(), target: new Map(), clashes: [], notes: [] };
  const clashes: { file: typeof file; note: string }[] = [];
  const notes: string[] = [];
  for (const [name, id] of base) {
    const own = live.get(name);
    if (own !== undefined && own !== id) result.base.set(id, own);
  }
  const holders = new Map([...live].map(([name, id]) => [id, name]));
  const taken = { has: (id: number) => holders.has(id) || [...target.values()].includes(id) };
  for (const [name, id] of target) {
    const own = live.get(name);
    if (own !== undefined) {
      if (own !== id) result.target.set(id, own);
      continue;
    }
    if (base.has(name)) continue;
    const holder = holders.get(id);
    if (holder === undefined || goes(holder, base, live, target)) {
      holders.set(id, name);
      continue;
    }
    const free = id >= firstDynamic ? probeId(name, taken) : undefined;
    if (free === undefined) {
      clashes.push({ file, note: clashNote(file, id, named(name, packageOf), named(holder, packageOf)) });
      continue;
    }
    notes.push(`${file}: '${name}' gets id ${free}, because '${holder}' has ${id} on this machine`);
    result.target.set(id, free);
    holders.set(free, name);
  }
  return { ...result, clashes, notes };
}

function named(name: string, packageOf: (name: string) => string | undefined): string {
  const owner = packageOf(name);
  return owner === undefined ? `'${name}'` : `'${name}' of package ${owner}`;
}

function clashNote(file: 'passwd' | 'group', id: number, fresh: string, holder: string): string {
  const kind = file === 'passwd' ? 'user' : 'group';
  return `the new ${kind} ${fresh} has id ${id}, which ${holder} has on this machine`;
}

/** True for a name that the new defaults drop and nobody changed: its id is free again. */
function goes(name: string, base: Ids, live: Ids, target: Ids): boolean {
  return base.has(name) && base.get(name) === live.get(name) && !target.has(name);
}

function idsOf(tree: EtcTree, file: 'passwd' | 'group'): Map<string, number> {
  const text = tree.nodes.get(file)?.kind === 'file' ? textOf(tree.read(file)) : '';
  return new Map([...accountIds(parseAccountFile(text))].map(([id, name]) => [name, id]));
}

function linesOf(text: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of parseAccountFile(text).lines) {
    const name = nameOf(line);
    if (name !== undefined && !lines.has(name)) lines.set(name, line);
  }
  return lines;
}

/** The first field of an account's line; undefined for a blank line, a comment, or what is no account. */
function nameOf(line: string): string | undefined {
  const end = line.indexOf(':');
  return end > 0 && !line.startsWith('#') ? line.slice(0, end) : undefined;
}
