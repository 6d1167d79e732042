import type { Decide } from './clauses.ts';
import type { Requirement } from './facts.ts';
import type { Problem } from './problem.ts';

/**
 * The walk from the roots, breadth first, each package's dependencies in their order: the first requirement that no
 * true package meets gets its first candidate that is still possible. So the requests' own choices come before those
 * of their dependencies, and packages that nothing needs are never chosen.
 */
export function decideByWalk(problem: Problem, roots: readonly Requirement[]): Decide {
  return (value) => {
    const pending: Requirement[] = [...roots];
    const visited = new Set<number>();
    for (const requirement of pending) {
      const choice = preferredCandidate(requirement, value);
      if (choice === undefined) continue;
      if (value(choice) !== true) return choice;
      if (visited.has(choice)) continue;
      visited.add(choice);
      pending.push(...problem.requirements(choice));
    }
    return 0;
  };
}

/**
 * The candidate that meets the requirement, else the one to try. A request by real name wants that package even
 * where another one that is there provides the name, as `opkg install` does; a dependency takes what is there.
 */
function preferredCandidate(
  { candidates, named }: Requirement,
  value: (variable: number) => boolean | undefined,
): number | undefined {
  return (
    preferredWithin(candidates, 0, named, value) ??
    preferredWithin(candidates, named, candidates.length, value)
  );
}

/** The first true one of that part of the candidates, else the first open one. */
function preferredWithin(
  candidates: readonly number[],
  from: number,
  to: number,
  value: (variable: number) => boolean | undefined,
): number | undefined {
  let open: number | undefined;
  for (let at = from; at < to; at += 1) {
    const candidate = candidates[at];
    if (candidate === undefined) break;
    const state = value(candidate);
    if (state === true) return candidate;
    if (state === undefined) open ??= candidate;
  }
  return open;
}

/**
 * The part of a valid set that the roots justify. What has one supplier in the set is taken first, so that a package
 * chosen before something else made it needless drops out; what stays open then takes the first of the set. The
 * result is valid too: it meets every requirement of its members and no subset can bring a new conflict.
 */
export function justifiedPart(
  problem: Problem,
  roots: readonly Requirement[],
  fixed: readonly number[],
  set: ReadonlySet<number>,
): ReadonlySet<number> {
  let current = set;
  for (;;) {
    const next = justifyOnce(problem, roots, fixed, current);
    if (next.size === current.size) return next;
    current = next;
  }
}

function justifyOnce(
  problem: Problem,
  roots: readonly Requirement[],
  fixed: readonly number[],
  set: ReadonlySet<number>,
): ReadonlySet<number> {
  const needed = new Set<number>();
  let open = new Set<Requirement>(roots);
  const take = (variable: number): void => {
    if (needed.has(variable)) return;
    needed.add(variable);
    for (const requirement of problem.requirements(variable)) open.add(requirement);
  };
  for (const variable of fixed) take(variable);
  for (;;) {
    // A Set is walked in insertion order, entries added meanwhile included.
    for (const requirement of open) {
      const sole = soleSupplier(requirement, set);
      if (sole !== undefined) take(sole);
    }
    open = new Set([...open].filter(({ candidates }) => !candidates.some((v) => needed.has(v))));
    const [first] = open;
    const choice = first?.candidates.find((variable) => set.has(variable));
    if (first === undefined) return needed;
    open.delete(first);
    if (choice !== undefined) take(choice);
  }
}

/** The only candidate in the set, or the one that a request names. */
function soleSupplier({ candidates, named }: Requirement, set: ReadonlySet<number>): number | undefined {
  const own = candidates.slice(0, named).find((variable) => set.has(variable));
  if (own !== undefined) return own;
  const present = candidates.filter((variable) => set.has(variable));
  return present.length === 1 ? present[0] : undefined;
}
