import type { ErrorCode, PackageName } from '../base/index.ts';
import type { PackageLookup } from './lookup.ts';
import type { AvailablePackage, InstalledPackage, VersionConstraint } from './model.ts';
import type { PackageSource } from './source.ts';

/** All that the solver may choose from. The order of the lists means nothing. */
export interface Universe {
  /** The base's whole database. Removals are asked for in the request, so that what they break can be told. */
  readonly installed: readonly InstalledPackage[];
  readonly available: readonly AvailablePackage[];
  /** More packages, found by name when they are needed. */
  readonly lookup?: PackageLookup;
  /** Architecture to priority; a package of any other architecture cannot be installed. */
  readonly architectures: ReadonlyMap<string, number>;
  readonly source: PackageSource;
}

/** `NAME` or `NAME=VERSION`; the name may be one that packages provide. */
export interface InstallRequest {
  readonly name: PackageName;
  readonly constraint?: VersionConstraint;
}

/** Puts another version of a base package in its place: the newest of the feeds that fits, or a pinned file. */
export interface ReplaceRequest {
  readonly name: PackageName;
  readonly constraint?: VersionConstraint;
  readonly package?: AvailablePackage;
}

/** The whole wish, as the origin records it. The order of the lists means nothing. `swap OLD NEW` is `withSwap`. */
export interface SolveRequest {
  readonly install: readonly InstallRequest[];
  /** Packages pinned as files: exactly these, never the feed's of the same name. */
  readonly local: readonly AvailablePackage[];
  /** Base packages to hide; a name that the base lacks is kept as inactive. */
  readonly remove: readonly PackageName[];
  /** Base packages to replace; a name that the base lacks is kept as inactive. */
  readonly replace: readonly ReplaceRequest[];
  /** Base packages that may be neither removed nor replaced. The database's `hold` flag counts as well. */
  readonly held: readonly PackageName[];
  /** Pull in what new packages recommend, where it can be. */
  readonly recommends: boolean;
  /** Allow to remove or replace essential and critical packages: all, or these. */
  readonly forceCritical?: boolean | ReadonlySet<PackageName>;
}

/** A request for nothing, to spread over. */
export const emptyRequest: SolveRequest = {
  install: [],
  local: [],
  remove: [],
  replace: [],
  held: [],
  recommends: true,
};

/** The request with base package `old` hidden and `next` asked for, in one step. */
export function withSwap(request: SolveRequest, old: PackageName, next: InstallRequest): SolveRequest {
  const remove = request.remove.includes(old) ? request.remove : [...request.remove, old];
  const rest = request.install.filter(({ name }) => name !== old && name !== next.name);
  return { ...request, remove, install: [...rest, next] };
}

/** A package that the layer has to hold. */
export interface SolvedPackage {
  readonly package: AvailablePackage;
  readonly reason: 'requested' | 'depends' | 'recommends';
  /** The package that brings it; absent for requested ones. */
  readonly requiredBy?: PackageName;
  /** The requests that it answers, which for provided names are not its own. */
  readonly requests: readonly PackageName[];
  /** The version of the base package of the same name whose place it takes. */
  readonly replaces?: string;
}

/** An answer that meets every request. */
export interface Solution {
  readonly kind: 'solved';
  /** Dependencies first; cycles are cut at the second visit. */
  readonly install: readonly SolvedPackage[];
  /** Requests that the base already satisfies, sorted. */
  readonly inactive: readonly PackageName[];
  /** Removals and replacements of packages that the base does not have, sorted. */
  readonly inactiveOverrides: readonly PackageName[];
  /** Base packages that go, sorted. */
  readonly removed: readonly PackageName[];
  /** Base packages that change their version, sorted by name. */
  readonly replaced: readonly { readonly name: PackageName; readonly from: string; readonly to: string }[];
  /** Recommendations that could not be followed: `by` recommends `wanted`. */
  readonly unmetRecommends: readonly { readonly by: PackageName; readonly wanted: string }[];
}

type BlockerReason = 'missing' | 'version' | 'conflict' | 'arch' | 'kernel' | 'essential' | 'held' | 'space';

/** One cause why the request cannot be met. */
export interface Blocker {
  /** The request, or the base package to be changed, that fails. */
  readonly package: string;
  /** From the request to the relation that nothing satisfies. */
  readonly chain: readonly string[];
  readonly reason: BlockerReason;
  /** The derivation as a sentence. */
  readonly text: string;
  /** The command that would mend it. */
  readonly remedy: string;
  readonly code: Extract<ErrorCode, 'UNSATISFIABLE' | 'WOULD_CHANGE_BASE' | 'PACKAGE_UNKNOWN'>;
}

/** Why not: at least one blocker, all that could be found, sorted. */
export interface Refusal {
  readonly kind: 'refused';
  readonly blockers: readonly Blocker[];
}

export type SolveResult = Solution | Refusal;
