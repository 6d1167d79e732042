import { classifyUnmet } from './classify.ts';
import { type Decide, no, yes } from './clauses.ts';
import type { Fact, Requirement } from './facts.ts';
import { baseConflictBlocker, chainOf, derivation, label, leafBlocker, type Step } from './phrases.ts';
import type { Problem } from './problem.ts';
import type { Blocker } from './request.ts';
import { Search } from './search.ts';

/** A core with more facts than this is told as it is: making it small costs a search for each fact. */
const maxMinimizedFacts = 400;
/** Conflicts that one step of making a core small may take; past it the fact stays. */
const maxStepConflicts = 200;

/** A part of the facts that still rules the roots out, and of which none can be left out. */
export function minimalCore(facts: readonly Fact[], roots: readonly Requirement[]): readonly Fact[] {
  if (facts.length > maxMinimizedFacts) return facts;
  let kept = facts;
  for (const fact of facts) {
    const without = kept.filter((other) => other !== fact);
    if (!isSatisfiable(without, roots)) kept = without;
  }
  return kept;
}

function isSatisfiable(facts: readonly Fact[], roots: readonly Requirement[]): boolean {
  const search = new Search<Fact>();
  const variables = new Map<number, number>();
  const translate = (literal: number): number => {
    const known = variables.get(literal >> 1);
    const variable = known ?? search.addVariable();
    if (known === undefined) variables.set(literal >> 1, variable);
    return literal % 2 === 0 ? yes(variable) : no(variable);
  };
  const clauses = facts.map((fact) => ({ literals: literalsOf(fact).map(translate), fact }));
  const assumed = roots.map(({ variable }) => translate(yes(variable)) >> 1);
  for (const { literals, fact } of clauses) search.addClause(literals, fact);
  const all = [...variables.values()];
  const next: Decide = (value) => all.find((variable) => value(variable) === undefined) ?? 0;
  const result = search.solve(assumed, next, maxStepConflicts);
  return result.kind !== 'core';
}

function literalsOf(fact: Fact): readonly number[] {
  switch (fact.kind) {
    case 'needs':
      return [no(fact.owner), yes(fact.requirement.variable)];
    case 'supply':
      return [no(fact.requirement.variable), ...fact.requirement.candidates.map(yes)];
    case 'conflict':
      return [no(fact.owner), no(fact.slot)];
    case 'occupies':
      return [no(fact.variable), yes(fact.slot)];
    case 'same-name':
      return [no(fact.a), no(fact.b)];
    case 'base-conflict':
      return [no(fact.variable)];
  }
}

/** A blocker for each fact of the core at which derivations end; `failing` is the root that is to blame. */
export function explainCore(
  problem: Problem,
  facts: readonly Fact[],
  failing: Requirement,
): readonly Blocker[] {
  const paths = derivePaths(problem, facts, failing);
  const blockers: Blocker[] = [];
  for (const fact of facts) {
    if (fact.kind === 'supply' && fact.requirement.candidates.length === 0) {
      blockers.push(...unmetInCore(problem, fact.requirement, facts, paths));
    } else if (fact.kind === 'base-conflict') {
      blockers.push(baseConflictBlocker(problem, paths.get(fact.variable) ?? [], fact));
    } else if (fact.kind === 'same-name') {
      blockers.push(pairBlocker(problem, paths, failing, fact.a, fact.b, 'version'));
    } else if (fact.kind === 'conflict') {
      blockers.push(...slotBlockers(problem, facts, paths, failing, fact));
    }
  }
  // Each part of a refutation is a blocker on its own only for the request that fails.
  return blockers.map((blocker) => ({ ...blocker, package: failing.name }));
}

/** One blocker for each derivation that ends in the conflict, whatever number of versions it is about. */
function slotBlockers(
  problem: Problem,
  facts: readonly Fact[],
  paths: ReadonlyMap<number, readonly Step[]>,
  failing: Requirement,
  { owner, slot }: Extract<Fact, { kind: 'conflict' }>,
): readonly Blocker[] {
  const found = new Map<Requirement | undefined, Blocker>();
  for (const fact of facts) {
    if (fact.kind !== 'occupies' || fact.slot !== slot) continue;
    const asked = paths.get(fact.variable)?.at(-1)?.requirement;
    if (!found.has(asked)) {
      found.set(asked, pairBlocker(problem, paths, failing, owner, fact.variable, 'conflict'));
    }
  }
  return [...found.values()];
}

function unmetInCore(
  problem: Problem,
  requirement: Requirement,
  facts: readonly Fact[],
  paths: ReadonlyMap<number, readonly Step[]>,
): readonly Blocker[] {
  const owners = facts.flatMap((fact) =>
    fact.kind === 'needs' && fact.requirement === requirement ? [fact.owner] : [],
  );
  return owners.map((owner) =>
    leafBlocker(
      problem,
      [...(paths.get(owner) ?? []), { requirement, choice: undefined }],
      classifyUnmet(problem, requirement, problem.package(owner)),
    ),
  );
}

/** The shortest derivation of each package within the core, the failing root's own first. */
function derivePaths(
  problem: Problem,
  facts: readonly Fact[],
  failing: Requirement,
): ReadonlyMap<number, readonly Step[]> {
  const active = new Set(facts.flatMap((fact) => (fact.kind === 'supply' ? [fact.requirement] : [])));
  const needs = facts.flatMap((fact) => (fact.kind === 'needs' ? [fact] : []));
  const roots = [failing, ...problem.roots.filter((root) => root !== failing)];
  const pending = roots
    .filter((root) => active.has(root))
    .map((requirement) => ({ requirement, path: [] as readonly Step[] }));
  const paths = new Map<number, readonly Step[]>();
  for (const { requirement, path } of pending) {
    for (const choice of requirement.candidates) {
      if (paths.has(choice)) continue;
      const here = [...path, { requirement, choice }];
      paths.set(choice, here);
      for (const fact of needs) {
        if (fact.owner === choice) pending.push({ requirement: fact.requirement, path: here });
      }
    }
  }
  return paths;
}

function pairBlocker(
  problem: Problem,
  paths: ReadonlyMap<number, readonly Step[]>,
  failing: Requirement,
  a: number,
  b: number,
  reason: 'conflict' | 'version',
): Blocker {
  const both = [a, b].sort((x, y) => rankOf(paths, failing, x) - rankOf(paths, failing, y) || x - y);
  const [own = a, other = b] = both;
  const said = [own, other].map((variable) => derivation(problem, paths.get(variable) ?? []));
  const clash =
    reason === 'version'
      ? `only one version of ${problem.nameOf(a)} can be installed: ${label(problem, own)} or ${label(problem, other)}`
      : `${label(problem, a)} conflicts with ${label(problem, b)}`;
  const rival = paths.get(other)?.[0]?.requirement;
  return {
    package: failing.name,
    chain: [...chainOf(paths.get(own) ?? []), ...[...chainOf(paths.get(other) ?? [])].reverse()],
    reason,
    text: [...new Set(said.filter((text) => text !== '')), clash].join('; '),
    remedy: rivalRemedy(rival, failing),
    code: 'UNSATISFIABLE',
  };
}

function rankOf(paths: ReadonlyMap<number, readonly Step[]>, failing: Requirement, variable: number): number {
  return paths.get(variable)?.[0]?.requirement === failing ? 0 : 1;
}

function rivalRemedy(rival: Requirement | undefined, failing: Requirement): string {
  if (rival === undefined || rival.name === failing.name) {
    return `opkg-ostree update; no choice of versions in these feeds makes ${failing.name} installable`;
  }
  switch (rival.kind) {
    case 'install':
    case 'local':
      return `opkg-ostree remove ${rival.name}, or go without ${failing.name}`;
    case 'replace':
    case 'base':
      return `opkg-ostree override reset ${rival.name}`;
    case 'package':
      return 'opkg-ostree update';
  }
}
