import type { Package } from './model.ts';
import { removePackage } from './remove.ts';
import type { Run } from './run.ts';
import { Transaction } from './transaction.ts';

/**
 * What removing the package would take away, with all that opkg says on the way; undefined where it is refused. The run must be
 * one without action: only what is in memory changes. opkg's own status says failure for an orphan that went twice; what counts here
 * is whether the package is gone.
 */
export function simulateRemoval(run: Run, pkg: Package): Package[] | undefined {
  const before = run.universe.installed();
  const context = { signal: new AbortController().signal, beforeScript: () => undefined, now: () => 0 };
  removePackage(new Transaction(run, context, '/nonexistent'), pkg);
  const gone = before.filter((one) => !one.isPresent);
  return pkg.isPresent ? undefined : gone;
}
