import type { PackageName } from '../base/index.ts';
import type { AvailablePackage } from './model.ts';

/**
 * Packages that are found by name instead of being listed: of ten thousand that feeds offer, a request touches a few
 * dozen. The same package is the same object at every call.
 */
export interface PackageLookup {
  /** Every package that has the name, provides it or takes its place (`suppliesOf`), whatever its architecture. */
  answering(name: PackageName): readonly AvailablePackage[];
  /** Every name that a package answers to, unsorted, repeated ones allowed. */
  names(): Iterable<PackageName>;
}

/** The lookup without the packages of these names. */
export function hideNames(lookup: PackageLookup, hidden: ReadonlySet<PackageName>): PackageLookup {
  if (hidden.size === 0) return lookup;
  return {
    answering: (name) => lookup.answering(name).filter((item) => !hidden.has(item.name)),
    names: () => lookup.names(),
  };
}
