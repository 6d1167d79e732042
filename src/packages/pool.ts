import { compareBytes, type PackageName } from '../base/index.ts';
import type { AvailablePackage, Dependency, PackageOrigin, Relation } from './model.ts';
import { type SupplyRank, satisfies, standInNames, suppliesOf } from './relations.ts';
import type { Universe } from './request.ts';

/** A package that answers to a name, with the version that constraints on that name are held against. */
export interface Supplier {
  readonly package: AvailablePackage;
  readonly version: string;
  readonly rank: SupplyRank;
}

const rankOrder: Readonly<Record<SupplyRank, number>> = { 'stand-in': 0, name: 1, provider: 2 };

/** The packages that can be installed, found by every name that they answer to. */
export class Pool {
  readonly #universe: Universe;
  readonly #suppliers = new Map<PackageName, Supplier[]>();
  readonly #foreign = new Map<PackageName, AvailablePackage[]>();
  readonly #sorted = new Set<PackageName>();
  readonly #lookedUp = new Set<PackageName>();
  readonly #hidden: ReadonlySet<PackageName>;

  /** Pinned packages hide the feeds' packages of the same name. */
  constructor(universe: Universe, pinned: readonly AvailablePackage[]) {
    this.#universe = universe;
    this.#hidden = new Set(pinned.map(({ name }) => name));
    for (const item of pinned) this.#add(item);
    for (const item of universe.available) if (!this.#hidden.has(item.name)) this.#add(item);
  }

  /** Every supplier of the name, the one to be taken first at the front. */
  suppliers(name: PackageName): readonly Supplier[] {
    this.#lookUp(name);
    const found = this.#suppliers.get(name);
    if (found === undefined) return [];
    if (!this.#sorted.has(name)) {
      this.#sorted.add(name);
      const sorted = this.#ranked(found);
      this.#suppliers.set(name, sorted);
      return sorted;
    }
    return found;
  }

  /** The suppliers that meet the relation's constraint, in the same order. */
  matching(relation: Relation): readonly Supplier[] {
    const { source } = this.#universe;
    return this.suppliers(relation.name).filter(({ version }) =>
      satisfies(source, version, relation.constraint),
    );
  }

  /** Those of all alternatives, left to right, each package once. */
  matchingAny(dependency: Dependency): readonly Supplier[] {
    if (dependency.length === 1 && dependency[0] !== undefined) return this.matching(dependency[0]);
    const found = new Map<AvailablePackage, Supplier>();
    for (const relation of dependency) {
      for (const item of this.matching(relation)) if (!found.has(item.package)) found.set(item.package, item);
    }
    return [...found.values()];
  }

  /** The packages of that name for architectures that are not configured. */
  foreign(name: PackageName): readonly AvailablePackage[] {
    this.#lookUp(name);
    return this.#foreign.get(name) ?? [];
  }

  /** Every name that a package answers to, unsorted. */
  *names(): Iterable<PackageName> {
    yield* this.#suppliers.keys();
    yield* this.#universe.lookup?.names() ?? [];
  }

  #add(item: AvailablePackage): void {
    if (!this.#universe.architectures.has(item.architecture)) {
      append(this.#foreign, item.name, item);
      return;
    }
    for (const { name, version, rank } of suppliesOf(item)) {
      append(this.#suppliers, name, { package: item, version, rank });
    }
  }

  /** Adds what the universe finds under the name, once. */
  #lookUp(name: PackageName): void {
    if (this.#universe.lookup === undefined || this.#lookedUp.has(name)) return;
    this.#lookedUp.add(name);
    for (const item of this.#universe.lookup.answering(name)) {
      if (this.#hidden.has(item.name)) continue;
      if (!this.#universe.architectures.has(item.architecture)) {
        if (item.name === name) append(this.#foreign, name, item);
        continue;
      }
      const supply = suppliesOf(item).find((candidate) => candidate.name === name);
      if (supply === undefined) continue;
      append(this.#suppliers, name, { package: item, version: supply.version, rank: supply.rank });
    }
  }

  /**
   * opkg's order (pkg_hash_fetch_best_installation_candidate): what takes the name's place, the name itself, then
   * providers; among these the name that is last in the alphabet, the newest version, the highest architecture.
   * Two that take each other's place would swap a request for the other one: there the name itself counts.
   */
  #ranked(found: readonly Supplier[]): Supplier[] {
    const returned = new Set(
      found.filter(({ rank }) => rank === 'name').flatMap((item) => standInNames(item.package)),
    );
    const settled = found.map((item) =>
      item.rank === 'stand-in' && returned.has(item.package.name)
        ? { ...item, rank: 'provider' as const }
        : item,
    );
    const sorted = settled.sort(
      (a, b) => rankOrder[a.rank] - rankOrder[b.rank] || this.#compare(a.package, b.package),
    );
    return sorted.filter((item, at) => {
      const before = sorted[at - 1];
      return before === undefined || !sameFile(before.package, item.package);
    });
  }

  #compare(a: AvailablePackage, b: AvailablePackage): number {
    const { source, architectures } = this.#universe;
    return (
      compareBytes(b.name, a.name) ||
      source.compareVersions(b.version, a.version) ||
      (architectures.get(b.architecture) ?? 0) - (architectures.get(a.architecture) ?? 0) ||
      compareBytes(originKey(a.origin), originKey(b.origin)) ||
      compareBytes(a.version, b.version) ||
      compareBytes(a.architecture, b.architecture) ||
      compareBytes(a.sha256, b.sha256)
    );
  }
}

/** The feeds' packages are indexed once for each universe: `skip-broken` and dry runs solve it many times. */
const pools = new WeakMap<Universe, Pool>();

/** The index of what the universe offers, with the pinned packages put before the feeds'. */
export function poolOf(universe: Universe, pinned: readonly AvailablePackage[]): Pool {
  if (pinned.length > 0) return new Pool(universe, pinned);
  const pool = pools.get(universe) ?? new Pool(universe, []);
  pools.set(universe, pool);
  return pool;
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function originKey(origin: PackageOrigin): string {
  return origin.kind === 'local' ? `0 ${origin.path}` : `1 ${origin.feed} ${origin.url}`;
}

function sameFile(a: AvailablePackage, b: AvailablePackage): boolean {
  return (
    a.name === b.name &&
    a.version === b.version &&
    a.architecture === b.architecture &&
    a.sha256 === b.sha256 &&
    originKey(a.origin) === originKey(b.origin)
  );
}
