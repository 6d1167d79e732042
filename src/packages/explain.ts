import { classifyUnmet } from './classify.ts';
import { explainCore, minimalCore } from './explain-core.ts';
import type { Fact, Requirement } from './facts.ts';
import { baseConflictBlocker, leafBlocker, type Step } from './phrases.ts';
import type { Problem } from './problem.ts';
import type { Blocker } from './request.ts';
import { decideByWalk } from './walk.ts';

/** Blockers of one request that are told; more than these help nobody. */
const maxBlockersPerRoot = 20;

/**
 * Why the requests cannot be met, all at once: for each that fails on its own, every relation that nothing meets; for
 * those that only fail together, the conflict between them. Empty where everything can be met. Needs a problem that
 * has not been solved yet.
 */
export function explainFailures(problem: Problem): readonly Blocker[] {
  const impossible = problem.search.impossible();
  const blockers: Blocker[] = [];
  let roots: readonly Requirement[] = [];
  for (const root of problem.roots) {
    const dead = root.candidates.every((variable) => impossible.has(variable));
    if (dead) blockers.push(...explainImpossible(problem, root, impossible));
    else roots = [...roots, root];
  }
  for (;;) {
    const found = findFailing(problem, roots);
    if (found === undefined) return blockers;
    blockers.push(...found.blockers);
    if (found.gaveUp) return blockers;
    roots = roots.filter((root) => root !== found.root);
  }
}

interface Failing {
  readonly root: Requirement;
  /** True where the search came to no end: the next one would take as long. */
  readonly gaveUp: boolean;
  readonly blockers: readonly Blocker[];
}

/** One root that cannot be met beside the others, and why; undefined where all can. */
function findFailing(problem: Problem, roots: readonly Requirement[]): Failing | undefined {
  const core = coreOf(problem, roots);
  if (core === undefined) return undefined;
  const involved = roots.filter((root) =>
    core.some((fact) => fact.kind === 'supply' && fact.requirement === root),
  );
  for (const root of involved) {
    const own = involved.length > 1 ? coreOf(problem, [root]) : core;
    if (own !== undefined)
      return { root, gaveUp: own.length === 0, blockers: explainWithin(problem, own, [root], root) };
  }
  // They fail only together. The last one in the order of requests is as good to blame as any, and always the same.
  const root = involved.at(-1) ?? roots.at(-1);
  if (root === undefined) return undefined;
  return { root, gaveUp: core.length === 0, blockers: explainWithin(problem, core, involved, root) };
}

function explainWithin(
  problem: Problem,
  core: readonly Fact[],
  roots: readonly Requirement[],
  failing: Requirement,
): readonly Blocker[] {
  const found = explainCore(problem, minimalCore(core, roots), failing).slice(0, maxBlockersPerRoot);
  return found.length > 0 ? found : [exhausted(failing)];
}

/** The facts that rule the roots out together; none where the search gave up, undefined where they can be met. */
function coreOf(problem: Problem, roots: readonly Requirement[]): readonly Fact[] | undefined {
  const variables = roots.map(({ variable }) => variable);
  const result = problem.search.solve(variables, decideByWalk(problem, roots));
  return result.kind === 'model' ? undefined : result.kind === 'core' ? result.facts : [];
}

function exhausted(root: Requirement): Blocker {
  return {
    package: root.name,
    chain: [root.name],
    reason: 'conflict',
    text: `the search for packages that go with ${root.name} was given up: too many combinations`,
    remedy: `opkg-ostree install ${root.name}=VERSION, to narrow the choice`,
    code: 'UNSATISFIABLE',
  };
}

/** Follows the first candidate of everything that propagation rules out, down to what nothing meets. */
function explainImpossible(
  problem: Problem,
  root: Requirement,
  impossible: ReadonlySet<number>,
): readonly Blocker[] {
  const blockers: Blocker[] = [];
  const told = new Set<Requirement>([root]);
  const pending: { requirement: Requirement; path: readonly Step[] }[] = [{ requirement: root, path: [] }];
  for (const { requirement, path } of pending) {
    if (blockers.length >= maxBlockersPerRoot) break;
    const [best] = requirement.candidates;
    const here = [...path, { requirement, choice: best }];
    if (best === undefined) {
      const owner = path.at(-1)?.choice;
      const finding = classifyUnmet(
        problem,
        requirement,
        owner === undefined ? undefined : problem.package(owner),
      );
      blockers.push(leafBlocker(problem, here, finding));
      continue;
    }
    for (const fact of problem.baseConflicts(best)) {
      blockers.push(baseConflictBlocker(problem, here, fact));
    }
    for (const next of problem.requirements(best)) {
      if (told.has(next) || !next.candidates.every((variable) => impossible.has(variable))) continue;
      told.add(next);
      pending.push({ requirement: next, path: here });
    }
  }
  return blockers;
}
