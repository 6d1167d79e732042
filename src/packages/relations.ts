import type { PackageName } from '../base/index.ts';
import type { Dependency, InstalledPackage, PackageRecord, Relation, VersionConstraint } from './model.ts';
import type { PackageSource } from './source.ts';

/** True when the version meets the constraint in the source's order; `<<` and `>>` are strict (opkg's accept equality). */
export function satisfies(
  source: PackageSource,
  version: string,
  constraint: VersionConstraint | undefined,
): boolean {
  if (constraint === undefined) return true;
  const order = source.compareVersions(version, constraint.version);
  switch (constraint.operator) {
    case '<<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>>':
      return order > 0;
  }
}

/** `name` or `name (>= 1.2)`, as a control file writes it. */
export function formatRelation(relation: Relation): string {
  const { name, constraint } = relation;
  return constraint === undefined ? name : `${name} (${constraint.operator} ${constraint.version})`;
}

/** The alternatives joined by ` | `. */
export function formatDependency(dependency: Dependency): string {
  return dependency.map(formatRelation).join(' | ');
}

/**
 * How a package comes to answer to a name, best first: it takes the place of the package of that name
 * (Replaces and Conflicts it), it has the name, or it provides it. The order is the one in which opkg picks.
 */
export type SupplyRank = 'stand-in' | 'name' | 'provider';

/** A name that a package answers to, and the version that constraints on that name are held against. */
export interface Supply {
  readonly name: PackageName;
  readonly version: string;
  readonly rank: SupplyRank;
}

/**
 * Every name that the package answers to, its own first, each once. A provided name without a version is held to the
 * package's own version, as opkg does it: `libubox (>= 2023)` is met by `libubox20230523` of that version.
 */
export function suppliesOf(record: PackageRecord): readonly Supply[] {
  const own: Supply = { name: record.name, version: record.version, rank: 'name' };
  if (record.provides.length === 0 && record.replaces.length === 0) return [own];
  const found = new Map<PackageName, Supply>([[record.name, own]]);
  for (const { name, version } of record.provides) {
    if (!found.has(name)) found.set(name, { name, version: version ?? record.version, rank: 'provider' });
  }
  for (const name of standInNames(record)) {
    found.set(name, { name, version: found.get(name)?.version ?? record.version, rank: 'stand-in' });
  }
  return [...found.values()];
}

/** The names of the packages whose place this one takes: those it both replaces and conflicts with. */
export function standInNames(record: PackageRecord): readonly PackageName[] {
  if (record.replaces.length === 0 || record.conflicts.length === 0) return [];
  const conflicts = new Set(record.conflicts.map(({ name }) => name));
  return record.replaces
    .map(({ name }) => name)
    .filter((name) => name !== record.name && conflicts.has(name));
}

/** True when the database entry stands for files on disk; opkg leaves `not-installed` paragraphs after failures. */
export function isPresent(installed: InstalledPackage): boolean {
  return installed.state !== 'not-installed' && installed.state !== 'config-files';
}

/**
 * The first Conflicts entry of `record` that names `other`, or undefined. As in opkg only real names count, not
 * provided ones (feeds enumerate: wpad provides `hostapd` and its siblings conflict with `hostapd`); a package never
 * conflicts with its own name.
 */
export function conflictWith(
  source: PackageSource,
  record: PackageRecord,
  other: PackageRecord,
): Relation | undefined {
  if (record.name === other.name) return undefined;
  return record.conflicts.find(
    ({ name, constraint }) => name === other.name && satisfies(source, other.version, constraint),
  );
}
