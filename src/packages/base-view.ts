import { compareBytes, type PackageName } from '../base/index.ts';
import type { Dependency, InstalledPackage, Relation } from './model.ts';
import { isPresent, satisfies, suppliesOf } from './relations.ts';
import type { Universe } from './request.ts';

/** A base package and the version that it answers to a name with. */
export interface BaseSupplier {
  readonly package: InstalledPackage;
  readonly version: string;
}

/** A dependency of a base package that held in the base and that the request's removals leave unmet. */
export interface LostDependency {
  readonly package: InstalledPackage;
  readonly dependency: Dependency;
}

/** The base's packages: as they are, and as they stay when the request's removals and replacements are made. */
export class BaseView {
  readonly #universe: Universe;
  readonly #byName = new Map<PackageName, InstalledPackage>();
  readonly #suppliers = new Map<PackageName, BaseSupplier[]>();
  readonly #leaving: ReadonlySet<PackageName>;

  /** `leaving` names what is removed or replaced; names that the base lacks do not matter. */
  constructor(universe: Universe, leaving: ReadonlySet<PackageName>) {
    this.#universe = universe;
    this.#leaving = leaving;
    const present = universe.installed
      .filter(isPresent)
      .sort((a, b) => compareBytes(a.name, b.name) || compareBytes(a.version, b.version));
    for (const item of present) {
      this.#byName.set(item.name, item);
      for (const { name, version } of suppliesOf(item)) {
        const list = this.#suppliers.get(name) ?? [];
        list.push({ package: item, version });
        this.#suppliers.set(name, list);
      }
    }
  }

  /** The package of that name, whether it stays or not. */
  find(name: PackageName): InstalledPackage | undefined {
    return this.#byName.get(name);
  }

  /** The package of that name if it stays. */
  kept(name: PackageName): InstalledPackage | undefined {
    return this.#leaving.has(name) ? undefined : this.#byName.get(name);
  }

  /** All that stay, sorted by name. */
  *allKept(): Iterable<InstalledPackage> {
    for (const [name, item] of this.#byName) if (!this.#leaving.has(name)) yield item;
  }

  /** What answers to the name, whatever its version, leaving ones included. */
  suppliers(name: PackageName): readonly BaseSupplier[] {
    return this.#suppliers.get(name) ?? [];
  }

  /** The staying package that meets the relation. */
  supplier(relation: Relation): InstalledPackage | undefined {
    return this.#meeting(relation, (name) => !this.#leaving.has(name));
  }

  /** True when a staying package meets one of the alternatives. */
  meets(dependency: Dependency): boolean {
    return dependency.some((relation) => this.supplier(relation) !== undefined);
  }

  /** What the staying packages lose. What was unmet before is the base's own affair and stops nothing. */
  lost(): readonly LostDependency[] {
    if (![...this.#leaving].some((name) => this.#byName.has(name))) return [];
    const lost: LostDependency[] = [];
    for (const item of this.allKept()) {
      for (const dependency of item.depends) {
        if (this.meets(dependency)) continue;
        const held = dependency.some((relation) => this.#meeting(relation, () => true) !== undefined);
        if (held) lost.push({ package: item, dependency });
      }
    }
    return lost;
  }

  #meeting(relation: Relation, counts: (name: PackageName) => boolean): InstalledPackage | undefined {
    return this.suppliers(relation.name).find(
      (item) =>
        counts(item.package.name) && satisfies(this.#universe.source, item.version, relation.constraint),
    )?.package;
  }
}
