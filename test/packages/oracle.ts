import {
  type AvailablePackage,
  isPresent,
  type PackageRecord,
  type Relation,
  type Solution,
  type SolveRequest,
  type Universe,
} from '../../src/packages/index.ts';

/** The rules of docs/adr/0004-solver.md once more, written for clarity and sharing no code with the solver. */

/** The version with which the package answers to the name, and whether by taking its place, by name or by Provides. */
export function answers(item: PackageRecord, name: string): { version: string; rank: number } | undefined {
  if (item.name === name) return { version: item.version, rank: 1 };
  const provided = item.provides.find((entry) => entry.name === name);
  const standsIn =
    item.replaces.some((entry) => entry.name === name) && item.conflicts.some((entry) => entry.name === name);
  if (!standsIn && provided === undefined) return undefined;
  return { version: provided?.version ?? item.version, rank: standsIn ? 0 : 2 };
}

export function meets(universe: Universe, item: PackageRecord, { name, constraint }: Relation): boolean {
  const answer = answers(item, name);
  if (answer === undefined) return false;
  if (constraint === undefined) return true;
  const order = universe.source.compareVersions(answer.version, constraint.version);
  return { '<<': order < 0, '<=': order <= 0, '=': order === 0, '>=': order >= 0, '>>': order > 0 }[
    constraint.operator
  ];
}

function clash(universe: Universe, a: PackageRecord, b: PackageRecord): boolean {
  return a.conflicts.some(
    (relation) => relation.name === b.name && a.name !== b.name && meets(universe, b, relation),
  );
}

/** Everything that is wrong with the set as the answer to the request; empty for a valid one. */
export function violations(
  universe: Universe,
  request: SolveRequest,
  set: readonly AvailablePackage[],
): readonly string[] {
  const wrong: string[] = [];
  const asked = [...request.install, ...request.local, ...request.replace].map(({ name }) => name);
  const leaving = new Set([...request.remove, ...request.replace.map(({ name }) => name)]);
  const base = universe.installed.filter(isPresent);
  const kept = base.filter(({ name }) => !leaving.has(name));
  const after: readonly PackageRecord[] = [...kept, ...set];
  const holds = (relation: Relation, among: readonly PackageRecord[]): boolean =>
    among.some((item) => meets(universe, item, relation));

  for (const wish of request.install) if (!holds(wish, after)) wrong.push(`request ${wish.name}`);
  for (const wish of request.replace) {
    const fits = (item: AvailablePackage): boolean => item.name === wish.name && meets(universe, item, wish);
    if (base.some(({ name }) => name === wish.name) && !set.some(fits))
      wrong.push(`replacement of ${wish.name}`);
  }
  for (const [at, item] of set.entries()) {
    if (!universe.architectures.has(item.architecture)) wrong.push(`architecture of ${item.name}`);
    if (kept.some(({ name }) => name === item.name)) wrong.push(`${item.name} is the base's`);
    if (request.remove.includes(item.name) && !asked.includes(item.name))
      wrong.push(`${item.name} is hidden`);
    if (set.findIndex(({ name }) => name === item.name) !== at) wrong.push(`${item.name} twice`);
    for (const dependency of item.depends) {
      if (!dependency.some((relation) => holds(relation, after))) wrong.push(`${item.name} lacks something`);
    }
    for (const other of after) {
      if (other !== item && (clash(universe, item, other) || clash(universe, other, item))) {
        wrong.push(`${item.name} against ${other.name}`);
      }
    }
  }
  const explicit = set.filter(
    (item) =>
      asked.includes(item.name) ||
      request.install.some((wish) => !holds(wish, kept) && meets(universe, item, wish)),
  );
  for (const item of kept) {
    for (const dependency of item.depends) {
      const before = dependency.some((relation) => holds(relation, base));
      const now = dependency.some((relation) => holds(relation, [...kept, ...explicit]));
      if (before && !now) wrong.push(`the base's ${item.name} loses something`);
    }
  }
  return wrong;
}

/** What is wrong with a solution: its set, and the order and the reasons that it tells. */
export function problemsOf(universe: Universe, request: SolveRequest, solution: Solution): readonly string[] {
  const set = solution.install.map((item) => item.package);
  const wrong = [...violations(universe, request, set)];
  const names = new Set(set.map(({ name }) => name));
  for (const { reason, requiredBy, package: item } of solution.install) {
    if (
      reason === 'requested' ? requiredBy !== undefined : requiredBy === undefined || !names.has(requiredBy)
    ) {
      wrong.push(`reason of ${item.name}`);
    }
  }
  return wrong;
}

/** Every set of packages that answers the request; exponential, for small universes. */
export function* validSets(universe: Universe, request: SolveRequest): Iterable<readonly AvailablePackage[]> {
  const all = universe.available;
  for (let mask = 0; mask < 2 ** all.length; mask += 1) {
    const set = all.filter((_, at) => (mask >> at) % 2 === 1);
    if (violations(universe, request, set).length === 0) yield set;
  }
}
