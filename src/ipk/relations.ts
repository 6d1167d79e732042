/** The grammar of Depends, Conflicts, Replaces, Provides and Alternatives, with the oddities of real feeds. */
import { isPackageName, type PackageName } from '../base/index.ts';
import type { Alternative, Dependency, Provided, Relation } from '../packages/index.ts';
import { controlError } from './control.ts';
import { parseOperator } from './version.ts';

/** Items of one field, and characters of one item. */
const maxItems = 4096;
const maxItemLength = 1024;
// `a`, `a (>= 1)`, `a (=1.2-3)`; a trailing `*` ("greedy") asks for every provider and means nothing to us.
const relationPattern = /^([a-zA-Z0-9_.+-]+)\s*(?:\(\s*([<>=]{1,2})\s*([!-'*-~]+)\s*\))?\s*\*?$/u;
const providedPattern = /([^\s,()]+)\s*(?:\(\s*=\s*([!-'*-~]+)\s*\))?/gu;

/** What was parsed before, by text: thousands of packages depend on the same few names. */
export type RelationCache = Map<string, Dependency>;

/** The dependencies of a comma list, alternatives (`|`) kept in order; empty and repeated items are dropped. */
export function parseDependencies(value: string, cache: RelationCache = new Map()): Dependency[] {
  const dependencies = new Set<Dependency>();
  for (const item of itemsOf(value)) {
    let dependency = cache.get(item);
    if (dependency === undefined) {
      dependency = item.split('|').map(parseRelation);
      cache.set(item, dependency);
    }
    dependencies.add(dependency);
  }
  return [...dependencies];
}

/** The relations of Conflicts or Replaces: a comma list, where an alternative counts as one more item. */
export function parseRelations(value: string, cache?: RelationCache): Relation[] {
  return parseDependencies(value, cache).flat();
}

/** `name` or `name (op version)`; ParseError CONTROL_INVALID for anything else. */
export function parseRelation(text: string): Relation {
  const match = relationPattern.exec(text.trim());
  const name = match?.[1] ?? '';
  if (match === null || !isPackageName(name)) throw controlError(`not a relation: '${text.slice(0, 80)}'`);
  if (match[2] === undefined || match[3] === undefined) return { name };
  const operator = parseOperator(match[2]);
  if (operator === undefined) throw controlError(`not a version relation: '${text.slice(0, 80)}'`);
  return { name, constraint: { operator, version: match[3] } };
}

/**
 * The names that the package `own` provides besides its own: parted by commas or white space. The `@` that OpenWrt
 * puts before some is dropped; a version, which opkg does not know, is kept.
 */
export function parseProvides(value: string, own: PackageName): Provided[] {
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
export function parseAlternatives(value: string): Alternative[] {
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

/** `name` or `name (op version)`. */
export function renderRelation(relation: Relation): string {
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
