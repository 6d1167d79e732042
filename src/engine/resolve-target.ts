/** From a target to its plan, and what is told of it before anything is written. */
import { type Checksum, RefusedError } from '../base/index.ts';
import { bootChecksum, bootSpaceFor, commitTree, findKernel, type Origin } from '../boot/index.ts';
import { dictString } from '../ostree/index.ts';
import type { AvailablePackage } from '../packages/index.ts';
import type { ChangeOptions, Target } from './change.ts';
import type { Environment } from './environment.ts';
import { readTreeState, type TreeState } from './installed.ts';
import { lookInto } from './look-into.ts';
import { knownPackage, localPackages } from './obtain.ts';
import type { Plan } from './plan.ts';
import { presentServices } from './present-services.ts';
import { planOf, type Resolution, resolve } from './resolve.ts';
import type { Session } from './session.ts';
import { settledPackages } from './settled.ts';
import { checkoutBytes } from './space.ts';
import { listChanges, type WishChange } from './wish-change.ts';

/** A dry run knows more of its plan: packages that are not in the cache are looked into, unless nothing may be fetched. */
export async function lookAhead(
  { sysroot }: Session,
  target: Target,
  { plan, solution, origin, input }: Resolution,
  options: ChangeOptions,
  env: Environment,
): Promise<{ readonly plan: Plan; readonly notes: readonly string[] }> {
  if (!options.dryRun || options.cacheOnly === true) return { plan, notes: [] };
  const unknown = solution.install
    .map((entry) => entry.package)
    .filter((candidate) => input.known(candidate) === undefined);
  if (unknown.length === 0) return { plan, notes: [] };
  const { known, notes } = await lookInto(sysroot.repo, unknown, target.transfer, env);
  const better = (candidate: AvailablePackage) => input.known(candidate) ?? known.get(candidate.sha256);
  return { plan: planOf({ ...input, known: better }, origin, solution), notes };
}

/** What the history remembers of the change, for `undo`. */
export function changesOf({ merge }: Session, target: Target, { origin, plan }: Resolution): WishChange {
  const before = merge?.origin;
  const [from, to] = [before?.refspec ?? null, origin.refspec ?? null];
  const snapshot = before?.feeds.snapshot;
  return {
    lists: listChanges(before, origin),
    ...(from === to ? {} : { branch: { from, to } }),
    ...(plan.base.from === plan.base.to ? {} : { base: { from: plan.base.from, to: plan.base.to } }),
    ...(snapshot === undefined || snapshot === origin.feeds.snapshot ? {} : { feeds: snapshot }),
    ...(target.kargs === undefined ? {} : { kargs: { from: merge?.kargs ?? [], to: target.kargs } }),
  };
}

/** STALE_PLAN where another plan was agreed to. */
export function requirePlan(plan: Plan, expected: string | undefined): void {
  if (expected === undefined || plan.id === expected) return;
  throw new RefusedError('STALE_PLAN', 'the plan is no longer the one that was agreed to', {
    hint: 'the feeds or the deployments have changed: look at the plan again',
    details: { expected, found: plan.id },
  });
}

/** Meets the target's wish; NOT_BOOTABLE for a base that is a layer itself, and the errors of `resolve`. */
export function resolveTarget(session: Session, target: Target): { resolution: Resolution; base: TreeState } {
  const { repo } = session.sysroot;
  const base = readTreeState(repo, target.base);
  if (base.layer !== undefined) {
    throw new RefusedError('NOT_BOOTABLE', `${target.base.slice(0, 12)} is a layered commit, not a base`, {
      hint: `its base is ${base.base}`,
    });
  }
  const { merge } = session;
  const current =
    merge === undefined
      ? undefined
      : { id: merge.id, tree: readTreeState(repo, merge.checksum), origin: merge.origin };
  const { moving } = target;
  const resolution = resolve({
    origin: target.origin,
    base,
    baseVersion: versionOf(session, target.base),
    current,
    settled: current === undefined || moving === undefined ? [] : settledPackages(repo, current.tree, moving),
    feeds: target.feeds,
    local: localPackages(repo, base, target.origin, target.files),
    architectures: target.architectures,
    known: (candidate) => knownPackage(repo, candidate),
    bootBytes: bootBytes(session, target.base),
    checkoutBytes: checkoutBytes(repo, target.base),
    services: presentServices(merge),
    skipBroken: target.skipBroken ?? false,
    renames: target.renames ?? [],
    wanted: target.wanted ?? new Set(),
    forceCritical: target.forceCritical ?? false,
  });
  return { resolution, base };
}

/** The bytes of a base's kernel that /boot lacks; NOT_BOOTABLE for a commit without one. */
function bootBytes({ sysroot, stateroot }: Session, base: Checksum): number {
  const tree = commitTree(sysroot.repo, base);
  const layout = findKernel(tree);
  return bootSpaceFor(sysroot.path, stateroot, bootChecksum(tree, layout), layout).needed;
}

function versionOf(session: Session, commit: Checksum): string | undefined {
  return dictString(session.sysroot.repo.loadCommit(commit).metadata, 'version');
}

/** What of the wish the admin should be told in words. */
export function wishNotes(before: Origin, { solution, suspended, origin }: Resolution): string[] {
  const back = before.suspended.filter((name) => !origin.suspended.includes(name));
  const asked = new Set([...origin.requested, ...origin.requestedLocal.map(({ name }) => name)]);
  return [
    ...suspended.map(({ name, text }) => `${name} is set aside until it can be had: ${text}`),
    ...back.filter((name) => asked.has(name)).map((name) => `${name} can be had again`),
    ...solution.inactive
      .filter((name) => !before.inactive.includes(name))
      .map((name) => `${name} is in the base already: the request waits in case a later base drops it`),
    ...solution.inactiveOverrides.map((name) => `the base has no ${name}: its override waits`),
    ...solution.unmetRecommends.map(({ by, wanted }) => `${by} recommends ${wanted}, which cannot be had`),
  ];
}
