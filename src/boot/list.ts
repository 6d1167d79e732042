/** Operations on the list of deployments: what boots, in which order, and what is kept. Pure. */
import { RefusedError } from '../base/index.ts';
import { stateName } from './boot-state.ts';
import { type DeploymentItem, sameDeployment } from './deployment.ts';

export interface KeepRules {
  /** The deployment that `/etc` came from. */
  readonly merge: DeploymentItem | undefined;
  /** Keep everything that is there. */
  readonly retain?: boolean;
  /** At least so many deployments of the stateroot stay where there are, the new one among them; no more than is needed where absent. */
  readonly keep?: number | undefined;
  /** What early boot goes back to, by the boot state's name for it. */
  readonly good?: string | undefined;
  /** Put it behind the running (or merge) deployment instead of in front. */
  readonly notDefault?: boolean;
}

/**
 * The list with a new deployment, as libostree's simple_write_deployment makes it: the new one first, of the old ones those that are
 * pinned, running, merged from, of another stateroot, or what early boot goes back to. In the steady state two remain, or `keep`.
 */
export function withNewDeployment(
  old: readonly DeploymentItem[],
  added: DeploymentItem,
  { merge, retain = false, notDefault = false, keep = 0, good }: KeepRules,
): DeploymentItem[] {
  const others = old.filter((item) => !sameDeployment(item, added));
  const inUse = (item: DeploymentItem) =>
    item.booted || stateName(item) === good || sameDeployment(item, merge);
  const needed = (item: DeploymentItem) =>
    retain || item.pinned || item.stateroot !== added.stateroot || inUse(item);
  // What is pinned and nothing else does not count: it stays beside what is asked for.
  const own = others.filter((item) => item.stateroot === added.stateroot && (!item.pinned || inUse(item)));
  const spare = Math.max(0, keep - 1 - own.filter(needed).length);
  const more = new Set(own.filter((item) => !needed(item)).slice(0, spare));
  const kept = others.filter((item) => needed(item) || more.has(item));
  if (!notDefault) return [added, ...kept];
  const anchor = kept.findIndex((item) => item.booted);
  const at = anchor >= 0 ? anchor : kept.findIndex((item) => sameDeployment(item, merge));
  return [...kept.slice(0, at + 1), added, ...kept.slice(at + 1)];
}

/** The list with item `index` first, the others in their order. DEPLOYMENT_NOT_FOUND where there is none. */
export function withDefault<T extends DeploymentItem>(list: readonly T[], index: number): T[] {
  const chosen = itemAt(list, index);
  return [chosen, ...list.filter((item) => item !== chosen)];
}

/**
 * The index that a rollback puts first: the running deployment where another one was to boot next, else the one after
 * it of the same stateroot. DEPLOYMENT_NOT_FOUND where there is nothing to go back to.
 */
export function rollbackIndex(list: readonly DeploymentItem[]): number {
  const booted = list.findIndex((item) => item.booted);
  if (booted > 0) return booted;
  const stateroot = list[0]?.stateroot;
  const index = list.findIndex((item, at) => at > 0 && item.stateroot === stateroot);
  if (index > 0) return index;
  throw new RefusedError('DEPLOYMENT_NOT_FOUND', 'there is no other deployment to go back to', {
    hint: "'opkg-ostree status' lists what is deployed",
  });
}

/** The list without item `index`. DEPLOYMENT_BOOTED for the running one; DEPLOYMENT_NOT_FOUND where there is none. */
export function withoutDeployment<T extends DeploymentItem>(list: readonly T[], index: number): T[] {
  const dropped = itemAt(list, index);
  if (dropped.booted) {
    throw new RefusedError('DEPLOYMENT_BOOTED', `deployment ${index} is running and cannot be dropped`, {
      hint: 'start another deployment first',
    });
  }
  return list.filter((item) => item !== dropped);
}

function itemAt<T extends DeploymentItem>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item !== undefined) return item;
  throw new RefusedError('DEPLOYMENT_NOT_FOUND', `there is no deployment ${index}`, {
    hint: list.length === 0 ? 'nothing is deployed yet' : `there are 0 to ${list.length - 1}`,
  });
}
