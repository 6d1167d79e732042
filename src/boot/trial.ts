/**
 * Who is on trial after a switch (docs/formats/boot-state.md): what has never been found good is started three times at
 * most, and what was good before is where early boot goes back to. Written before the switch.
 */
import { RefusedError } from '../base/index.ts';
import { type BootState, readBootState, stateName, verdictOf, writeBootState } from './boot-state.ts';
import type { DeploymentItem } from './deployment.ts';
import { resetGrubCount } from './grub-env.ts';
import type { LoaderTrial } from './loaders/index.ts';

/** How many times a deployment on trial is started before early boot gives it up. */
export const trialTries = 3;

export interface TrialInput {
  readonly state: BootState;
  /** The list that boots now, and the one that is switched to. */
  readonly current: readonly DeploymentItem[];
  readonly next: readonly DeploymentItem[];
  /** True where the last verdict on a deployment was `good`. */
  readonly foundGood: (deployment: string) => boolean;
  readonly confirmSeconds?: number | undefined;
}

/** The state that belongs to the next list; undefined where the same deployment stays first. Pure. */
export function nextBootState({
  state,
  current,
  next,
  foundGood,
  confirmSeconds,
}: TrialInput): BootState | undefined {
  const first = next[0];
  if (first === undefined) return current.length === 0 ? undefined : {};
  const chosen = stateName(first);
  const listed = new Set(next.map(stateName));
  if (current[0] !== undefined && stateName(current[0]) === chosen) return undefined;
  const knownGood = first.booted || state.good === chosen || foundGood(chosen);
  if (knownGood && confirmSeconds === undefined) return { good: chosen };
  const good = goodOf(state, current);
  return {
    pending: chosen,
    ...(good === undefined || good === chosen || !listed.has(good) ? {} : { good }),
    tries: trialTries,
    ...(confirmSeconds === undefined ? {} : { confirm: confirmSeconds }),
  };
}

/** The `good` of the trial in progress; without a trial the running deployment, seen from outside the last one found good. */
export function goodOf(state: BootState, current: readonly DeploymentItem[]): string | undefined {
  const booted = current.find((item) => item.booted);
  const running = booted === undefined ? undefined : stateName(booted);
  return trialOf(state, current) === undefined
    ? (running ?? state.good)
    : (state.good ?? otherThan(state, running));
}

function otherThan(state: BootState, running: string | undefined): string | undefined {
  return running === state.pending ? undefined : running;
}

/** The trial in progress: the state's, where its deployment is what the entries start first. */
export function trialOf(
  state: BootState,
  current: readonly DeploymentItem[],
): { readonly pending: string; readonly good: string | undefined } | undefined {
  const first = current[0];
  if (first === undefined || state.pending !== stateName(first)) return undefined;
  return { pending: state.pending, good: state.good };
}

/** Writes the state of a switch, before it. */
export function beginTrial(
  sysroot: string,
  current: readonly DeploymentItem[],
  next: readonly DeploymentItem[],
  confirmSeconds: number | undefined,
): void {
  const state = nextBootState({
    state: readBootState(sysroot),
    current,
    next,
    foundGood: (deployment) => verdictOf(sysroot, deployment)?.verdict === 'good',
    confirmSeconds,
  });
  if (state === undefined) return;
  writeBootState(sysroot, state);
  if (state.pending !== undefined) resetGrubCount(sysroot);
}

/** What a loader that counts has to know about that list; undefined where nothing is on trial, or nothing to go back to. */
export function loaderTrial(
  sysroot: string,
  items: readonly Pick<DeploymentItem, 'stateroot' | 'checksum' | 'serial'>[],
): LoaderTrial | undefined {
  const { pending, good } = readBootState(sysroot);
  const names = items.map(stateName);
  if (pending === undefined || names[0] !== pending || names.length < 2) return undefined;
  const back = good === undefined ? -1 : names.indexOf(good);
  return { deployment: pending, tries: trialTries, back: back > 0 ? back : 1 };
}

/** Refuses to drop what the trial in progress goes back to. */
export function requireGoodKept(
  sysroot: string,
  current: readonly DeploymentItem[],
  next: readonly DeploymentItem[],
): void {
  const trial = trialOf(readBootState(sysroot), current);
  const good = current.find((item) => stateName(item) === trial?.good);
  const stillOnTrial = next[0] !== undefined && stateName(next[0]) === trial?.pending;
  if (good === undefined || !stillOnTrial || next.some((item) => stateName(item) === trial?.good)) return;
  throw new RefusedError(
    'DEPLOYMENT_ON_TRIAL',
    `${trial?.good} cannot be dropped: the first deployment is on trial and goes back to it`,
    { hint: "start the first deployment, then 'opkg-ostree confirm' or 'opkg-ostree health mark-good'" },
  );
}

/** Forgets a trial that an interrupted operation left: its deployment is not what the entries start first. */
export function dropStaleTrial(sysroot: string, current: readonly DeploymentItem[]): void {
  const state = readBootState(sysroot);
  if (state.pending === undefined || trialOf(state, current) !== undefined) return;
  const { good, bad, reason } = state;
  writeBootState(sysroot, {
    ...(good === undefined ? {} : { good }),
    ...(bad === undefined ? {} : { bad }),
    ...(reason === undefined ? {} : { reason }),
  });
}
