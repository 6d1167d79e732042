/** The grammar of Depends, Conflicts, Replaces, Provides and Alternatives, with the oddities of real feeds. */
import { isPackageName, type PackageName } from '../base/index.ts';
import type { Alternative, Dependency, Provided, Relation } from '../packages/index.ts';
import { controlError } from './control.ts';
import { parseOperator } from './version.ts';

/** Items of one field, and characters of one item. */
const maxItems = 4096;
const maxItemLength = 1024;
// `a`, `a (>= 1)`, `a (=1.2-3)`, `a (>=1) (<2)`; a trailing `*` ("greedy") asks for every provider and means nothing to us.
const namePattern = /^([a-zA-Z0-9_.+-]+)\s*(.*)$/su;
const constraintPattern = /^\(\s*([<>=]{1,2})\s*([!-'*-~]+)\s*\)\s*/u;
const providedPattern = /([^\s,()]+)\s*(?:\(\s*=\s*([!-'*-~]+)\s*\))?/gu;

/** What was parsed before, by text: thousands of packages depend on the same few names. */
export type RelationCache = Map<string, readonly Dependency[]>;

/** The dependencies of a comma list, alternatives (`|`) kept in order; empty and repeated items are dropped. */
export function parseDependencies(value: string, cache: RelationCache = new Map()): readonly Dependency[] {
  if (value === '') return none;
  const known = cache.get(value);
  if (known !== undefined) return known;
  const dependencies = new Set<Dependency>();
  for (const item of itemsOf(value)) {
    for (const dependency of parseItem(item, cache)) dependencies.add(dependency);
  }
  const list = [...dependencies];
  cache.set(value, list);
  return list;
}

/** The relations of Conflicts or Replaces: a comma list, where an alternative counts as one more item. */
export function parseRelations(value: string, cache?: RelationCache): readonly Relation[] {
  return value === '' ? none : parseDependencies(value, cache).flat();
}

const none: readonly never[] = [];

/** One item as the dependencies that it stands for: several where it has several version constraints. */
function parseItem(item: string, cache: RelationCache): readonly Dependency[] {
  // A key of its own kind, so that an item and a whole value of the same text do not meet.
  const key = `,${item}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const alternatives = item.split('|').map(parseRelationList);
  const [only] = alternatives;
  // Among alternatives only the first constraint counts, which is all that opkg ever reads.
  const parsed =
    alternatives.length === 1 && only !== undefined
      ? only.map((relation) => [relation])
      : [alternatives.flatMap((relations) => relations.slice(0, 1))];
  cache.set(key, parsed);
  return parsed;
}

/** `name (op version) (op version) ...`, as some real packages have it: a relation for each constraint. */
function parseRelationList(text: string): readonly Relation[] {
  const match = namePattern.exec(text.trim());
  const name = match?.[1] ?? '';
  if (!isPackageName(name)) throw controlError(`not a relation: '${text.slice(0, 80)}'`);
  const relations: Relation[] = [];
  let rest = match?.[2] ?? '';
  while (rest !== '' && rest !== '*') {
    const constraint = constraintPattern.exec(rest);
    const operator = parseOperator(constraint?.[1] ?? '');
    if (operator === undefined || constraint?.[2] === undefined)
      throw controlError(`not a relation: '${text.slice(0, 80)}'`);
    relations.push({ name, constraint: { operator, version: constraint[2] } });
    rest = rest.slice(constraint[0].length);
  }
  return relations.length === 0 ? [{ name }] : relations;
}

/**
 * The names that the package `own` provides besides its own: parted by commas or white space. The `@` that OpenWrt
 * puts before some is dropped; a version, which opkg does not know, is kept.
 */
export function parseProvides(value: string, own: PackageName): readonly Provided[] {
  if (value === '') return none;
  if (value.length > maxItems * 16) throw controlError('Provides is too long');
  const provided = new Map<string, Provided>();
  for (const match of value.matchAll(providedPattern)) {
    const name = (match[1] ?? '').replace(/^@/u, '');
    if (name === '' || name === own) continue;
    if (!isPackageName(name)) throw controlError(`not a package name in Provides: '${name.slice(0, 80)}'`);
    provided.set(name, match[2] === undefined ? { name } : { name, version: match[2] });
  }
  return [...provided.values()];
}

/**
 * The entries of `priority:/path:/target, ...`. As in opkg, an entry that lacks a part, or whose path is not
 * absolute, or whose target is empty, is dropped.
 */
export function parseAlternatives(value: string): readonly Alternative[] {
  if (value === '') return none;
  const alternatives: Alternative[] = [];
  for (const item of itemsOf(value)) {
    const match = /^(-?\d{1,9}):(\/[^:]*):(.+)$/u.exec(item);
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) continue;
    alternatives.push({ priority: Number(match[1]), path: match[2], target: match[3] });
  }
  return alternatives;
}

/** A comma list as opkg writes it into its database: `a, b (>= 2), c | d`. */
export function renderDependencies(dependencies: readonly Dependency[]): string {
  return dependencies.map((alternatives) => alternatives.map(renderRelation).join(' | ')).join(', ');
}

function renderRelation(relation: Relation): string {
  const { name, constraint } = relation;
  return constraint === undefined ? name : `${name} (${constraint.operator} ${constraint.version})`;
}

/** `priority:path:target`, comma-parted. */
export function renderAlternatives(alternatives: readonly Alternative[]): string {
  return alternatives.map((a) => `${a.priority}:${a.path}:${a.target}`).join(', ');
}

function itemsOf(value: string): string[] {
  const items = value.split(',', maxItems + 1);
  if (items.length > maxItems) throw controlError(`a field lists more than ${maxItems} items`);
  const trimmed: string[] = [];
  for (const item of items) {
    const text = item.trim();
    if (text.length > maxItemLength) throw controlError('an item of a list is too long');
    if (text !== '') trimmed.push(text);
  }
  return trimmed;
}
