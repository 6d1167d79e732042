import { compareBytes, type PackageName } from '../base/index.ts';
import type { Requirement } from './facts.ts';
import type { Problem } from './problem.ts';
import type { SolvedPackage } from './request.ts';

interface Brought {
  readonly reason: SolvedPackage['reason'];
  readonly by: number | undefined;
}

/**
 * The chosen packages with the reason for each, dependencies before what needs them, otherwise by name; a cycle is
 * cut where the walk meets a package a second time.
 */
export function arrange(
  problem: Problem,
  chosen: ReadonlySet<number>,
  followed: readonly { readonly by: number; readonly requirement: Requirement }[],
): readonly SolvedPackage[] {
  const reasons = findReasons(problem, chosen, followed);
  const roots = [...chosen].sort(
    (a, b) =>
      reasonOrder(reasons.get(a)) - reasonOrder(reasons.get(b)) ||
      compareBytes(problem.nameOf(a), problem.nameOf(b)),
  );
  const order = postOrder(roots, (variable) =>
    problem.requirements(variable).flatMap((requirement) => supplierIn(requirement, chosen) ?? []),
  );
  return order.flatMap((variable) => describe(problem, variable, chosen, reasons.get(variable)) ?? []);
}

function describe(
  problem: Problem,
  variable: number,
  chosen: ReadonlySet<number>,
  brought: Brought | undefined,
): SolvedPackage | undefined {
  const item = problem.package(variable);
  if (item === undefined) return undefined;
  const replaces = problem.base.find(item.name)?.version;
  return {
    package: item,
    reason: brought?.reason ?? 'depends',
    ...(brought?.by === undefined ? {} : { requiredBy: problem.nameOf(brought.by) }),
    requests: requestsMetBy(problem, variable, chosen),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

/** The requests that the package answers by being their first supplier. */
function requestsMetBy(
  problem: Problem,
  variable: number,
  chosen: ReadonlySet<number>,
): readonly PackageName[] {
  const names = problem.roots
    .filter((root) => root.kind !== 'base' && supplierIn(root, chosen) === variable)
    .map(({ name }) => name);
  return [...new Set(names)].sort(compareBytes);
}

/** Breadth first from the requests, then from what is recommended, so that each chain is a shortest one. */
function findReasons(
  problem: Problem,
  chosen: ReadonlySet<number>,
  followed: readonly { readonly by: number; readonly requirement: Requirement }[],
): ReadonlyMap<number, Brought> {
  const found = new Map<number, Brought>();
  const pending: number[] = [];
  const add = (variable: number | undefined, brought: Brought): void => {
    if (variable === undefined || found.has(variable)) return;
    found.set(variable, brought);
    pending.push(variable);
  };
  const drain = (): void => {
    for (let by = pending.shift(); by !== undefined; by = pending.shift()) {
      for (const need of problem.requirements(by)) {
        add(supplierIn(need, chosen), { reason: 'depends', by });
      }
    }
  };
  for (const root of problem.roots) {
    add(supplierIn(root, chosen), { reason: 'requested', by: undefined });
  }
  drain();
  for (const { by, requirement } of followed) {
    add(supplierIn(requirement, chosen), { reason: 'recommends', by });
    drain();
  }
  return found;
}

function supplierIn({ candidates }: Requirement, chosen: ReadonlySet<number>): number | undefined {
  return candidates.find((variable) => chosen.has(variable));
}

function reasonOrder(brought: Brought | undefined): number {
  return brought?.reason === 'requested' ? 0 : brought?.reason === 'depends' ? 1 : 2;
}

/** Depth first without recursion: a feed may hold chains that are deeper than the stack. */
function postOrder(roots: readonly number[], childrenOf: (variable: number) => readonly number[]): number[] {
  const order: number[] = [];
  const entered = new Set<number>();
  const stack: { variable: number; rest: number[] }[] = [];
  const enter = (variable: number): void => {
    if (entered.has(variable)) return;
    entered.add(variable);
    stack.push({ variable, rest: [...childrenOf(variable)].reverse() });
  };
  for (const root of roots) {
    enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const child = top.rest.pop();
      if (child !== undefined) enter(child);
      else {
        order.push(top.variable);
        stack.pop();
      }
    }
  }
  return order;
}
