import type { OpkgConf } from '../ipk/index.ts';
import type { TreeState } from './installed.ts';

/** What opkg gives `all` and `noarch`, and the architecture it was built for (opkg.md section 4). */
const anyPriority = 1;
const ownPriority = 10;

/**
 * Architecture to priority. opkg takes its configuration's `arch` lines; without any it knows `all`, `noarch` and the
 * one it was built for, which here is told by the packages that the base holds.
 */
export function architecturesOf(conf: OpkgConf, base: TreeState): ReadonlyMap<string, number> {
  if (conf.architectures.size > 0) return conf.architectures;
  const found = new Map<string, number>([
    ['all', anyPriority],
    ['noarch', anyPriority],
  ]);
  for (const { architecture } of base.installed.values()) {
    if (architecture !== '' && !found.has(architecture)) found.set(architecture, ownPriority);
  }
  return found;
}
