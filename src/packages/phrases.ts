import type { Finding } from './classify.ts';
import type { Fact, Requirement } from './facts.ts';
import type { Problem } from './problem.ts';
import { formatDependency } from './relations.ts';
import type { Blocker } from './request.ts';

/** One link of a derivation: what is required, and the package taken for it (none where there is none). */
export interface Step {
  readonly requirement: Requirement;
  readonly choice: number | undefined;
}

/** `name version` of a package variable. */
export function label(problem: Problem, variable: number): string {
  const item = problem.package(variable);
  return item === undefined ? '' : `${item.name} ${item.version}`;
}

/** The names from the request to the end of the derivation, each as it was asked for. */
export function chainOf(steps: readonly Step[]): readonly string[] {
  return steps.flatMap(({ requirement }) => {
    const asked = formatDependency(requirement.dependency);
    return requirement.kind === 'base' ? [requirement.name, asked] : [asked];
  });
}

/** `a 1 needs b, b 2 needs c (>= 3)`; empty for a request that stands alone. */
export function derivation(problem: Problem, steps: readonly Step[]): string {
  const parts: string[] = [];
  const [first] = steps;
  if (first?.requirement.kind === 'base') {
    parts.push(
      `the base's ${first.requirement.name} needs ${formatDependency(first.requirement.dependency)}`,
    );
  }
  let owner = first?.choice;
  for (const { requirement, choice } of steps.slice(1)) {
    if (owner !== undefined) {
      parts.push(`${label(problem, owner)} needs ${formatDependency(requirement.dependency)}`);
    }
    owner = choice;
  }
  return parts.join(', ');
}

/** The blocker for a derivation that ends at something that nothing meets. */
export function leafBlocker(problem: Problem, steps: readonly Step[], finding: Finding): Blocker {
  const [first] = steps;
  const { say, ...rest } = finding;
  if (first === undefined) return { package: '', chain: [], text: say, ...rest };
  if (first.requirement.kind === 'base' && steps.length === 1) return lossBlocker(problem, first.requirement);
  const path = derivation(problem, steps);
  const asked = steps.length === 1 ? formatDependency(first.requirement.dependency) : path;
  const text = finding.reason === 'missing' && steps.length === 1 ? say : `${asked}: ${say}`;
  return { package: first.requirement.name, chain: chainOf(steps), text, ...rest };
}

/** The blocker for a base package that would lose what it needs. */
function lossBlocker(problem: Problem, requirement: Requirement): Blocker {
  const { base, pool } = problem;
  const { dependency, name: owner } = requirement;
  const names = dependency.flatMap((relation) =>
    base.suppliers(relation.name).map((item) => item.package.name),
  );
  const gone = names.find((name) => base.kept(name) === undefined) ?? owner;
  const asked = formatDependency(dependency);
  const replaced = problem.request.replace.some(({ name }) => name === gone);
  const other = pool.matchingAny(dependency).find((item) => problem.isEligible(item.package.name));
  const essential =
    base.find(owner)?.essential === true || problem.universe.source.criticalPackages.has(owner);
  return {
    package: gone,
    chain: [gone, owner, asked],
    reason: replaced ? 'version' : 'conflict',
    text: `the base's ${owner} needs ${asked}, which the ${replaced ? 'replacement' : 'removal'} of ${gone} takes away`,
    remedy:
      !replaced && other !== undefined
        ? `opkg-ostree swap ${gone} ${other.package.name}`
        : essential || replaced
          ? `opkg-ostree override reset ${gone}`
          : `opkg-ostree override remove ${gone} ${owner}`,
    code: 'WOULD_CHANGE_BASE',
  };
}

/** The blocker for a package that cannot stand beside a package of the base. */
export function baseConflictBlocker(
  problem: Problem,
  steps: readonly Step[],
  { variable, installed }: Extract<Fact, { kind: 'base-conflict' }>,
): Blocker {
  const path = derivation(problem, steps);
  const clash = `${label(problem, variable)} and the base's ${installed.name} ${installed.version} exclude each other`;
  const name = problem.nameOf(variable);
  return {
    package: steps[0]?.requirement.name ?? name,
    chain: [...chainOf(steps), installed.name],
    reason: 'conflict',
    text: path === '' ? clash : `${path}: ${clash}`,
    remedy: `opkg-ostree swap ${installed.name} ${name}`,
    code: 'WOULD_CHANGE_BASE',
  };
}
