import { classifyUnmet } from './classify.ts';
import { explainCore, minimalCore } from './explain-core.ts';
import { baseConflictBlocker, leafBlocker, type Step } from './phrases.ts';
import type { Problem, Requirement } from './problem.ts';
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
  const accepted: Requirement[] = [];
  const blockers: Blocker[] = [];
  for (const root of problem.roots) {
    if (root.candidates.every((variable) => impossible.has(variable))) {
      blockers.push(...explainImpossible(problem, root, impossible));
      continue;
    }
    const found = explainAgainst(problem, accepted, root);
    if (found.length === 0) accepted.push(root);
    blockers.push(...found);
  }
  return blockers;
}

/** Why the root cannot be met beside those that are accepted; empty where it can. */
function explainAgainst(
  problem: Problem,
  accepted: readonly Requirement[],
  root: Requirement,
): readonly Blocker[] {
  const attempts = [[...accepted, root], [root]];
  let blockers: readonly Blocker[] = [];
  for (const roots of attempts) {
    const result = problem.search.solve(
      roots.map(({ variable }) => variable),
      decideByWalk(problem, roots),
    );
    if (result.kind === 'model') return blockers;
    if (result.kind === 'exhausted') return [exhausted(root)];
    blockers = explainCore(problem, minimalCore(result.facts, roots), root).slice(0, maxBlockersPerRoot);
  }
  return blockers;
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
