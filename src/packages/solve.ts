import { compareBytes, type PackageName } from '../base/index.ts';
import { BaseView } from './base-view.ts';
import { explainFailures } from './explain.ts';
import type { Requirement } from './facts.ts';
import { arrange } from './order.ts';
import { checkOverrides } from './override-checks.ts';
import { poolOf } from './pool.ts';
import { Problem } from './problem.ts';
import { formatDependency } from './relations.ts';
import type { Blocker, Refusal, Solution, SolveRequest, SolveResult, Universe } from './request.ts';
import { decideByWalk, justifiedPart } from './walk.ts';

/** A recommended requirement that was followed, or not. */
interface FollowedRecommendation {
  readonly by: number;
  readonly requirement: Requirement;
}

/**
 * The packages that meet the whole request on this base, or every reason why not. Pure and complete: where an answer
 * exists it is found, and the order of the lists that come in does not matter. docs/adr/0004-solver.md has the rules.
 */
export function solve(universe: Universe, request: SolveRequest): SolveResult {
  const leaving = new Set([...request.remove, ...request.replace.map(({ name }) => name)]);
  const base = new BaseView(universe, leaving);
  const pinned = [...request.local, ...request.replace.flatMap((wish) => wish.package ?? [])];
  const pool = poolOf(universe, pinned);
  const problem = new Problem(universe, request, base, pool);
  const blockers = checkOverrides(problem);
  const result = problem.search.solve(
    problem.roots.map(({ variable }) => variable),
    decideByWalk(problem, problem.roots),
  );
  if (result.kind !== 'model') {
    return refuse([...blockers, ...explainFailures(new Problem(universe, request, base, pool))]);
  }
  if (blockers.length > 0) return refuse(blockers);
  return describe(problem, justifiedPart(problem, problem.roots, [], packagesOf(problem, result.isTrue)));
}

function refuse(blockers: readonly Blocker[]): Refusal {
  const key = (b: Blocker): string => [b.package, b.reason, b.chain.length, b.text].join('\0');
  const distinct = new Map(blockers.map((blocker) => [key(blocker), blocker]));
  const sorted = [...distinct].sort(([a], [b]) => compareBytes(a, b)).map(([, blocker]) => blocker);
  return { kind: 'refused', blockers: sorted };
}

function packagesOf(problem: Problem, isTrue: (variable: number) => boolean): ReadonlySet<number> {
  return new Set(problem.packageVariables().filter(isTrue));
}

function describe(problem: Problem, hard: ReadonlySet<number>): Solution {
  const { request, base } = problem;
  const { chosen, followed, unmet } = addRecommended(problem, hard);
  const install = arrange(problem, chosen, followed);
  const present = (name: PackageName): boolean => base.find(name) !== undefined;
  const overridden = [...request.remove, ...request.replace.map(({ name }) => name)];
  return {
    kind: 'solved',
    install,
    inactive: sorted([
      ...request.install.filter((wish) => base.supplier(wish) !== undefined).map(({ name }) => name),
      ...request.local.map(({ name }) => name).filter((name) => base.kept(name) !== undefined),
    ]),
    inactiveOverrides: sorted(overridden.filter((name) => !present(name))),
    removed: sorted(
      request.remove.filter(present).filter((name) => !install.some((item) => item.package.name === name)),
    ),
    replaced: install
      .flatMap(({ package: { name, version }, replaces }) =>
        replaces === undefined ? [] : { name, from: replaces, to: version },
      )
      .sort((a, b) => compareBytes(a.name, b.name)),
    unmetRecommends: unmet,
  };
}

interface Recommended {
  readonly chosen: ReadonlySet<number>;
  readonly followed: readonly FollowedRecommendation[];
  readonly unmet: Solution['unmetRecommends'];
}

/** Adds what new packages recommend, one at a time, on top of what is chosen: nothing chosen is given up for it. */
function addRecommended(problem: Problem, hard: ReadonlySet<number>): Recommended {
  let chosen = hard;
  const followed: FollowedRecommendation[] = [];
  const unmet: { by: PackageName; wanted: string }[] = [];
  const pending = [...arrangeVariables(problem, hard)];
  for (const by of pending) {
    for (const requirement of problem.recommendations(by)) {
      if (requirement.candidates.some((variable) => chosen.has(variable))) continue;
      const extended = extend(problem, chosen, requirement);
      if (extended === undefined) {
        unmet.push({ by: problem.nameOf(by), wanted: formatDependency(requirement.dependency) });
        continue;
      }
      followed.push({ by, requirement });
      pending.push(...arrangeVariables(problem, extended).filter((variable) => !chosen.has(variable)));
      chosen = extended;
    }
  }
  return { chosen, followed, unmet };
}

function extend(
  problem: Problem,
  chosen: ReadonlySet<number>,
  requirement: Requirement,
): ReadonlySet<number> | undefined {
  const fixed = [...chosen];
  const roots = [...problem.roots, requirement];
  const assumed = [...roots.map(({ variable }) => variable), ...fixed];
  const result = problem.search.solve(assumed, decideByWalk(problem, roots));
  if (result.kind !== 'model') return undefined;
  return justifiedPart(problem, roots, fixed, packagesOf(problem, result.isTrue));
}

/** Sorted by name, so that the outcome depends on the set alone. */
function arrangeVariables(problem: Problem, set: ReadonlySet<number>): readonly number[] {
  return [...set].sort((a, b) => compareBytes(problem.nameOf(a), problem.nameOf(b)));
}

function sorted(names: readonly PackageName[]): readonly PackageName[] {
  return [...new Set(names)].sort(compareBytes);
}

/** The wish with the requests left out that cannot be met, and why each was left out. */
export interface PartialResult {
  readonly result: SolveResult;
  /** Requests that wait for better times, with their blockers; sorted. */
  readonly suspended: readonly { readonly name: PackageName; readonly blockers: readonly Blocker[] }[];
}

/** Which requests begin parked, and whether others may be. */
export interface Parking {
  readonly parked: readonly PackageName[];
  readonly more: boolean;
}

/**
 * `solve` that parks install requests and pinned files which cannot be met (`upgrade --skip-broken`) until the rest
 * can. Overrides are never parked: a base that is not the wished one is not acceptable silently.
 */
export function solveSkippingBroken(
  universe: Universe,
  request: SolveRequest,
  parking: Parking = { parked: [], more: true },
): PartialResult {
  const parked = new Map<PackageName, readonly Blocker[]>(parking.parked.map((name) => [name, []]));
  for (;;) {
    const result = solve(universe, without(request, parked));
    if (result.kind === 'solved') return unpark(universe, request, parked, result);
    const failing = new Set<string>(result.blockers.map((blocker) => blocker.package));
    const asked = [...request.install, ...request.local].map(({ name }) => name);
    const broken = parking.more ? asked.filter((name) => failing.has(name) && !parked.has(name)) : [];
    if (broken.length === 0) return { result, suspended: suspendedOf(parked) };
    for (const name of broken) {
      parked.set(
        name,
        result.blockers.filter((blocker) => blocker.package === name),
      );
    }
  }
}

/** Takes back what fails only beside something else that is parked by now. */
function unpark(
  universe: Universe,
  request: SolveRequest,
  parked: Map<PackageName, readonly Blocker[]>,
  first: Solution,
): PartialResult {
  let result = first;
  for (const [name, blockers] of [...parked]) {
    parked.delete(name);
    const again = solve(universe, without(request, parked));
    if (again.kind === 'solved') result = again;
    else parked.set(name, blockers.length > 0 ? blockers : again.blockers);
  }
  return { result, suspended: suspendedOf(parked) };
}

function without(request: SolveRequest, parked: ReadonlyMap<PackageName, unknown>): SolveRequest {
  const stays = ({ name }: { readonly name: PackageName }): boolean => !parked.has(name);
  return { ...request, install: request.install.filter(stays), local: request.local.filter(stays) };
}

function suspendedOf(parked: ReadonlyMap<PackageName, readonly Blocker[]>): PartialResult['suspended'] {
  return [...parked]
    .map(([name, blockers]) => ({ name, blockers }))
    .sort((a, b) => compareBytes(a.name, b.name));
}
