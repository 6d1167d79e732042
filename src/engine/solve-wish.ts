/** The wish as the solver sees it, and the solver's answer as an error where there is none. */
import { type PackageName, RefusedError } from '../base/index.ts';
import type { Origin } from '../boot/index.ts';
import { opkgSource } from '../ipk/index.ts';
import {
  type AvailablePackage,
  type Blocker,
  hideNames,
  type Solution,
  type SolveRequest,
  solveSkippingBroken,
  type Universe,
} from '../packages/index.ts';
import type { ResolveInput } from './resolve.ts';
import { solveSettled } from './settled.ts';
import { parseRequest } from './wish.ts';

export interface SolvedWish {
  readonly solution: Solution;
  /** Requests that are left out, and why in one sentence each. */
  readonly suspended: readonly { readonly name: PackageName; readonly text: string }[];
}

/**
 * Meets the wish. Requests that were suspended before stay so while they cannot be met and come back by themselves when they can;
 * others are only set aside with `skipBroken`. RefusedError with every blocker in its details.
 */
export function solveWish(input: ResolveInput): SolvedWish {
  const asked = new Set<string>([
    ...input.origin.requested.map((text) => parseRequest(text).name),
    ...input.origin.requestedLocal.map(({ name }) => name),
  ]);
  const before = input.origin.suspended.map((text) => parseRequest(text).name);
  const parked = before.filter((name) => asked.has(name) && !input.wanted.has(name));
  const request = requestOf(input);
  const { result, suspended } = solveSettled(
    input.settled,
    (kept) => solveSkippingBroken(universeOf(input, kept), request, { parked, more: input.skipBroken }),
    (answer) => (answer.result.kind === 'refused' ? answer.result.blockers : []),
  );
  if (result.kind === 'refused') throw refusal(result.blockers);
  return {
    solution: result,
    suspended: suspended.map(({ name, blockers }) => ({ name, text: blockers[0]?.text ?? '' })),
  };
}

/** What of a held package the base decides: it has it as it is held, has another, or has none. */
function holdState(input: ResolveInput, held: Origin['overrides']['hold'][number]) {
  const own = input.base.installed.get(held.name);
  return own === undefined ? 'layer' : own.version === held.version ? 'kept' : 'restore';
}

function universeOf(input: ResolveInput, kept: readonly AvailablePackage[]): Universe {
  const held = input.origin.overrides.hold.filter((entry) => holdState(input, entry) === 'layer');
  const names = new Set([...held, ...kept].map(({ name }) => name));
  return {
    installed: [...input.base.installed.values()],
    available: [
      ...pinned(input, held),
      ...kept.filter(({ name }) => !held.some((entry) => entry.name === name)),
    ],
    ...(input.feeds === undefined ? {} : { lookup: hideNames(input.feeds.lookup, names) }),
    architectures: input.architectures,
    source: opkgSource,
  };
}

function requestOf(input: ResolveInput): SolveRequest {
  const { overrides, requested, requestedLocal } = input.origin;
  const restored = overrides.hold.filter((entry) => holdState(input, entry) === 'restore');
  const kept = overrides.hold.filter((entry) => holdState(input, entry) === 'kept');
  return {
    install: requested.map(withConstraint),
    local: pinned(input, requestedLocal),
    remove: overrides.remove,
    replace: [
      ...overrides.replace.map(withConstraint),
      ...pinned(input, [...overrides.replaceLocal, ...restored]).map((candidate) => ({
        name: candidate.name,
        package: candidate,
      })),
    ],
    held: kept.map(({ name }) => name),
    recommends: true,
    forceCritical: input.forceCritical ? true : acceptedOverrides(input),
  };
}

/** What the present deployment overrides was accepted once: the next one does not ask again. */
function acceptedOverrides({ current }: ResolveInput): ReadonlySet<PackageName> {
  if (current === undefined) return new Set();
  const { remove, replace, replaceLocal, hold } = current.origin.overrides;
  return new Set([
    ...remove,
    ...replace.map((text) => parseRequest(text).name),
    ...[...replaceLocal, ...hold].map(({ name }) => name),
  ]);
}

function pinned(
  { local }: ResolveInput,
  entries: readonly { readonly sha256: string }[],
): AvailablePackage[] {
  return entries.flatMap((entry) => local.find((candidate) => candidate.sha256 === entry.sha256) ?? []);
}

function withConstraint(text: string) {
  const { name, version } = parseRequest(text);
  return version === undefined ? { name } : { name, constraint: { operator: '=' as const, version } };
}

/** One error for all blockers: the first one's code decides, the rest are in the details. */
export function refusal(blockers: readonly Blocker[]): RefusedError {
  const first = blockers[0];
  const code =
    blockers.every((blocker) => blocker.code === first?.code) && first !== undefined
      ? first.code
      : 'UNSATISFIABLE';
  const message = blockers.map((blocker) => blocker.text).join('; ');
  return new RefusedError(code, message, {
    ...(first === undefined ? {} : { hint: first.remedy }),
    details: { blockers: blockers.map(({ code: _code, ...shown }) => shown) },
  });
}
