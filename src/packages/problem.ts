import { compareBytes, type PackageName } from '../base/index.ts';
import type { BaseView } from './base-view.ts';
import { no, yes } from './clauses.ts';
import type { Fact, Requirement, RequirementKind } from './facts.ts';
import type { AvailablePackage, Dependency, InstalledPackage, Relation } from './model.ts';
import type { Pool, Supplier } from './pool.ts';
import { conflictWith, formatDependency, formatRelation, satisfies } from './relations.ts';
import type { ReplaceRequest, SolveRequest, Universe } from './request.ts';
import { Search } from './search.ts';

/** One variable for each package that can come into question, and the clauses between them. */
export class Problem {
  readonly universe: Universe;
  readonly request: SolveRequest;
  readonly base: BaseView;
  readonly pool: Pool;
  readonly search = new Search<Fact>();
  /** Sorted by kind and name, so that the request's order does not matter. */
  readonly roots: readonly Requirement[];
  readonly #packages = new Map<number, AvailablePackage>();
  readonly #variables = new Map<AvailablePackage, number>();
  readonly #requirements = new Map<number, Requirement[]>();
  readonly #recommendations = new Map<number, Requirement[]>();
  readonly #shared = new Map<string, Requirement>();
  readonly #baseConflicts = new Map<number, Extract<Fact, { kind: 'base-conflict' }>[]>();
  /** Names that the request itself brings. */
  readonly #asked: ReadonlySet<PackageName>;
  /** Names that the request hides and does not bring back. */
  readonly #blocked: ReadonlySet<PackageName>;

  constructor(universe: Universe, request: SolveRequest, base: BaseView, pool: Pool) {
    this.universe = universe;
    this.request = request;
    this.base = base;
    this.pool = pool;
    this.#asked = new Set([...request.install, ...request.local, ...request.replace].map(({ name }) => name));
    this.#blocked = new Set(request.remove.filter((name) => !this.#asked.has(name)));
    this.roots = this.#makeRoots();
    this.#close();
    this.#addConflicts();
  }

  /** The package that the variable stands for; undefined for requirements. */
  package(variable: number): AvailablePackage | undefined {
    return this.#packages.get(variable);
  }

  /** The package's name. */
  nameOf(variable: number): PackageName {
    return this.#packages.get(variable)?.name ?? ('' as PackageName);
  }

  /** Every package that can come into question. */
  packageVariables(): readonly number[] {
    return [...this.#packages.keys()];
  }

  /** What the package needs beyond the base, in the order of its Depends. */
  requirements(variable: number): readonly Requirement[] {
    return this.#requirements.get(variable) ?? [];
  }

  /** What the package recommends beyond the base; empty unless recommendations were asked for. */
  recommendations(variable: number): readonly Requirement[] {
    return this.#recommendations.get(variable) ?? [];
  }

  /** Why the package cannot stand beside the base. */
  baseConflicts(variable: number): readonly Extract<Fact, { kind: 'base-conflict' }>[] {
    return this.#baseConflicts.get(variable) ?? [];
  }

  /** True when the request hides the name and does not bring it back. */
  isBlocked(name: PackageName): boolean {
    return this.#blocked.has(name);
  }

  /** True when a package of this name may enter: the base's own packages are locked, hidden ones stay away. */
  isEligible(name: PackageName): boolean {
    return this.base.kept(name) === undefined && !this.#blocked.has(name);
  }

  #makeRoots(): readonly Requirement[] {
    const { request, base } = this;
    const roots: Requirement[] = [];
    for (const item of distinctBy(request.local, (local) => `${local.name} ${local.sha256}`)) {
      if (base.kept(item.name) !== undefined) continue;
      roots.push(this.#pinnedRoot('local', item));
    }
    for (const wish of distinctBy(request.replace, replaceKey)) {
      if (base.find(wish.name) === undefined) continue;
      if (wish.package !== undefined) roots.push(this.#pinnedRoot('replace', wish.package));
      else roots.push(this.#namedRoot('replace', wish, (item) => item.rank === 'name'));
    }
    for (const wish of distinctBy(request.install, formatRelation)) {
      if (base.supplier(wish) === undefined) roots.push(this.#namedRoot('install', wish, () => true));
    }
    // A base package's loss may be made good only by what the request itself names: anything else would be a silent swap.
    const explicit = new Set(roots.flatMap(({ candidates }) => candidates));
    for (const { package: owner, dependency } of base.lost()) {
      const suppliers = this.pool.matchingAny(dependency);
      const candidates = this.#eligible(suppliers).map((item) => this.#variableOf(item.package));
      const offered = candidates.filter(
        (variable) => explicit.has(variable) || this.#asked.has(this.nameOf(variable)),
      );
      roots.push(this.#root('base', owner.name, dependency, offered, 0));
    }
    return roots;
  }

  #pinnedRoot(kind: 'local' | 'replace', item: AvailablePackage): Requirement {
    const pinned = this.pool.suppliers(item.name).find((supplier) => supplier.package === item);
    const dependency = [{ name: item.name, constraint: { operator: '=', version: item.version } }] as const;
    const candidates = pinned === undefined ? [] : [this.#variableOf(item)];
    return this.#root(kind, item.name, dependency, candidates, candidates.length);
  }

  #namedRoot(kind: 'install' | 'replace', wish: Relation, accepts: (item: Supplier) => boolean): Requirement {
    const suppliers = this.#eligible(this.pool.matching(wish)).filter(accepts);
    const candidates = suppliers.map((item) => this.#variableOf(item.package));
    const named = suppliers.findLastIndex(({ rank }) => rank !== 'provider') + 1;
    return this.#root(kind, wish.name, [wish], candidates, named);
  }

  #eligible(suppliers: readonly Supplier[]): readonly Supplier[] {
    return suppliers.filter((item) => this.isEligible(item.package.name));
  }

  #root(
    kind: RequirementKind,
    name: PackageName,
    dependency: Dependency,
    candidates: readonly number[],
    named: number,
  ): Requirement {
    const requirement = { kind, name, dependency, variable: this.search.addVariable(), candidates, named };
    this.#addSupply(requirement);
    return requirement;
  }

  #addSupply(requirement: Requirement): void {
    this.search.addClause([no(requirement.variable), ...requirement.candidates.map(yes)], {
      kind: 'supply',
      requirement,
    });
  }

  #variableOf(item: AvailablePackage): number {
    const known = this.#variables.get(item);
    if (known !== undefined) return known;
    const variable = this.search.addVariable();
    this.#variables.set(item, variable);
    this.#packages.set(variable, item);
    return variable;
  }

  /** Follows dependencies from the roots; a Map is walked in insertion order, newly added entries included. */
  #close(): void {
    for (const [variable, item] of this.#packages) {
      const needs = this.#beyondBase(item.depends);
      this.#requirements.set(variable, needs);
      for (const requirement of needs) {
        this.search.addClause([no(variable), yes(requirement.variable)], {
          kind: 'needs',
          owner: variable,
          requirement,
        });
      }
      if (this.request.recommends) this.#recommendations.set(variable, this.#beyondBase(item.recommends));
    }
  }

  #beyondBase(dependencies: readonly Dependency[]): Requirement[] {
    const found = new Map<string, Requirement>();
    for (const dependency of dependencies) {
      const key = formatDependency(dependency);
      if (found.has(key) || this.base.meets(dependency)) continue;
      found.set(key, this.#shared.get(key) ?? this.#share(key, dependency));
    }
    return [...found.values()];
  }

  #share(key: string, dependency: Dependency): Requirement {
    const suppliers = this.#eligible(this.pool.matchingAny(dependency));
    const requirement: Requirement = {
      kind: 'package',
      name: dependency[0]?.name ?? ('' as PackageName),
      dependency,
      variable: this.search.addVariable(),
      candidates: suppliers.map((item) => this.#variableOf(item.package)),
      named: 0,
    };
    this.#shared.set(key, requirement);
    this.#addSupply(requirement);
    return requirement;
  }

  #addConflicts(): void {
    const byName = new Map<PackageName, number[]>();
    for (const [variable, { name }] of this.#packages) {
      const members = byName.get(name);
      if (members === undefined) byName.set(name, [variable]);
      else members.push(variable);
    }
    for (const members of byName.values()) {
      if (members.length > 1) this.search.addGroup(members, (a, b) => ({ kind: 'same-name', a, b }));
    }
    this.#addMutualConflicts(byName);
    this.#addBaseConflicts(byName);
  }

  /** A slot stands for "some package that meets this relation is there", so that many conflicts cost no product. */
  #addMutualConflicts(byName: ReadonlyMap<PackageName, readonly number[]>): void {
    const slots = new Map<string, number>();
    const { source } = this.universe;
    for (const [owner, item] of this.#packages) {
      for (const relation of item.conflicts) {
        if (relation.name === item.name) continue;
        const key = formatRelation(relation);
        let slot = slots.get(key);
        if (slot === undefined) {
          slot = this.search.addVariable();
          slots.set(key, slot);
          for (const variable of byName.get(relation.name) ?? []) {
            if (!satisfies(source, this.package(variable)?.version ?? '', relation.constraint)) continue;
            this.search.addClause([no(variable), yes(slot)], { kind: 'occupies', variable, slot });
          }
        }
        this.search.addExclusion(owner, slot, { kind: 'conflict', owner, relation, slot });
      }
    }
  }

  /** Both ways: what a new package conflicts with in the base, and what a base package conflicts with. */
  #addBaseConflicts(byName: ReadonlyMap<PackageName, readonly number[]>): void {
    const { source } = this.universe;
    const forbid = (variable: number, installed: InstalledPackage, relation: Relation | undefined): void => {
      if (relation === undefined) return;
      const fact = { kind: 'base-conflict', variable, installed, relation } as const;
      this.#baseConflicts.set(variable, [...(this.#baseConflicts.get(variable) ?? []), fact]);
      this.search.addClause([no(variable)], fact);
    };
    for (const [variable, item] of this.#packages) {
      for (const { name } of item.conflicts) {
        const installed = this.base.kept(name);
        if (installed !== undefined) forbid(variable, installed, conflictWith(source, item, installed));
      }
    }
    for (const installed of this.base.allKept()) {
      for (const { name } of installed.conflicts) {
        for (const variable of byName.get(name) ?? []) {
          const item = this.package(variable);
          if (item !== undefined) forbid(variable, installed, conflictWith(source, installed, item));
        }
      }
    }
  }
}

function replaceKey(wish: ReplaceRequest): string {
  return `${formatRelation(wish)} ${wish.package?.sha256 ?? ''}`;
}

function distinctBy<T extends { readonly name: PackageName }>(
  items: readonly T[],
  keyOf: (item: T) => string,
): readonly T[] {
  const found = new Map(items.map((item) => [keyOf(item), item]));
  return [...found].sort(([a], [b]) => compareBytes(a, b)).map(([, item]) => item);
}
