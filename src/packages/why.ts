import type { PackageName } from '../base/index.ts';
import type { Solution, SolvedPackage } from './request.ts';

/**
 * The chain that brings a package, from the request to the package itself; undefined where the solution does not hold
 * it. A name that was asked for and is answered by another package's Provides gives that package.
 */
export function why(solution: Solution, name: PackageName): readonly SolvedPackage[] | undefined {
  const byName = new Map(solution.install.map((item) => [item.package.name, item]));
  const start = byName.get(name) ?? solution.install.find((item) => item.requests.includes(name));
  const chain = new Set<SolvedPackage>();
  for (let item = start; item !== undefined && !chain.has(item); ) {
    chain.add(item);
    item = item.requiredBy === undefined ? undefined : byName.get(item.requiredBy);
  }
  return chain.size === 0 ? undefined : [...chain].reverse();
}
