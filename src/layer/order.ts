import { compareBytes } from '../base/index.ts';
import type { PackageRecord } from '../packages/index.ts';

/**
 * The packages with dependencies before those that need them, the same for every order of the input: depth first
 * over sorted names, a cycle cut where it closes, as opkg orders an installation.
 */
export function dependencyOrder<T>(items: readonly T[], recordOf: (item: T) => PackageRecord): T[] {
  const sorted = [...items].sort((a, b) => compareBytes(recordOf(a).name, recordOf(b).name));
  const providers = new Map<string, T[]>();
  for (const item of sorted) {
    const record = recordOf(item);
    for (const name of new Set([record.name, ...record.provides.map((p) => p.name)])) {
      providers.set(name, [...(providers.get(name) ?? []), item]);
    }
  }
  const done = new Set<T>();
  const order: T[] = [];
  // A stack of our own: a feed may chain thousands of packages.
  for (const root of sorted) {
    const stack: { item: T; next: T[] }[] = [];
    const enter = (item: T) => {
      done.add(item);
      const wanted = recordOf(item)
        .depends.flat()
        .flatMap((relation) => providers.get(relation.name) ?? []);
      stack.push({ item, next: wanted });
    };
    if (!done.has(root)) enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const dependency = top.next.shift();
      if (dependency === undefined) {
        order.push(top.item);
        stack.pop();
      } else if (!done.has(dependency)) enter(dependency);
    }
  }
  return order;
}
