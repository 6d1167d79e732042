/** The pure half of every change: wish, base and feeds in; a plan, or a refusal that names every blocker, out. */
import { type PackageName, sha256Hex, utf8 } from '../base/index.ts';
import { type Origin, renderOrigin } from '../boot/index.ts';
import { type LayerMember, layerVersion } from '../layer/index.ts';
import type { AvailablePackage, Solution, SolvedPackage } from '../packages/index.ts';
import type { FeedSnapshot } from './feed-snapshot.ts';
import type { TreeState } from './installed.ts';
import type { Plan, PlannedInstall, ScriptClass } from './plan.ts';
import type { PresentServices } from './present-services.ts';
import type { Rename } from './renames.ts';
import { solveWish } from './solve-wish.ts';

export interface ResolveInput {
  /** The wish that is to be met. */
  readonly origin: Origin;
  readonly base: TreeState;
  readonly baseVersion: string | undefined;
  /** What the next deployment follows. */
  readonly current: { readonly id: string; readonly tree: TreeState; readonly origin: Origin } | undefined;
  readonly feeds: FeedSnapshot | undefined;
  /** The pinned package files of the wish. */
  readonly local: readonly AvailablePackage[];
  /** Layered packages that stay at their version unless that cannot be. */
  readonly settled: readonly AvailablePackage[];
  readonly architectures: ReadonlyMap<string, number>;
  /** What is known of a package without downloading it. */
  readonly known: (candidate: AvailablePackage) => KnownPackage | undefined;
  /** What a checkout of the tree takes besides its files, which are links: folders, and a copy of `/etc`. */
  readonly checkoutBytes: number;
  /** The services of the present deployment. */
  readonly services: PresentServices;
  /** What the base's kernel takes on /boot, where it is not there yet. */
  readonly bootBytes: number;
  /** Set requests aside that cannot be met instead of refusing. */
  readonly skipBroken: boolean;
  /** Names that this operation asks for: suspended before or not, they have to be met. */
  readonly wanted: ReadonlySet<string>;
  /** Names that were put right, to be told in the plan. */
  readonly renames: readonly Rename[];
  /** Take the risk of changing packages that no system runs without. */
  readonly forceCritical: boolean;
}

/** What is known of a package beyond its record. */
export interface KnownPackage {
  readonly scripts: ScriptClass;
  /** The services that its init scripts enable; undefined where only its control data has been looked at. */
  readonly services: readonly string[] | undefined;
  /** True for one in the cache; else it was looked into for the plan, and has to be imported yet. */
  readonly cached: boolean;
}

export interface Resolution {
  /** The wish with inactive and suspended requests told apart and the feed snapshot named. */
  readonly origin: Origin;
  readonly solution: Solution;
  /** What is left out, and why. */
  readonly suspended: readonly { readonly name: PackageName; readonly text: string }[];
  readonly plan: Plan;
  /** What it was made from: `planOf` makes the plan again when more is known. */
  readonly input: ResolveInput;
}

/** Meets the wish; RefusedError with every blocker in its details where that cannot be. */
export function resolve(input: ResolveInput): Resolution {
  const { solution, suspended } = solveWish(input);
  const origin: Origin = {
    ...input.origin,
    inactive: solution.inactive,
    suspended: suspended.map(({ name }) => name),
    feeds: { snapshot: input.feeds?.id ?? input.origin.feeds.snapshot },
  };
  return { origin, solution, suspended, plan: planOf(input, origin, solution), input };
}

/** The plan of a solution with what is known of its packages. */
export function planOf(input: ResolveInput, origin: Origin, solution: Solution): Plan {
  const before = new Map<string, LayerMember>(
    input.current?.tree.layer?.packages.map((entry) => [entry.name, entry]),
  );
  const after = new Map<string, SolvedPackage>(solution.install.map((entry) => [entry.package.name, entry]));
  const added = solution.install.filter(
    ({ package: wanted }) => before.get(wanted.name)?.sha256 !== wanted.sha256,
  );
  const fresh = added.filter(({ package: wanted }) => input.known(wanted)?.cached !== true);
  const install = added.map((entry) => plannedInstall(input, entry));
  const current = input.current;
  const present: ReadonlyMap<string, { readonly version: string }> = current?.tree.installed ?? new Map();
  const basis = {
    deployment: current?.id ?? null,
    feeds: input.feeds?.id ?? null,
    base: input.base.commit,
    inputs: sha256Hex(
      utf8(
        JSON.stringify([
          layerVersion,
          input.base.commit,
          solution.removed,
          ...[...after.values()].map((entry) => `${entry.package.sha256} ${entry.reason}`).sort(),
        ]),
      ),
    ),
  };
  const total = (size: (candidate: AvailablePackage) => number) =>
    fresh.reduce((sum, entry) => sum + size(entry.package), 0);
  const downloads = total((candidate) => (candidate.origin.kind === 'feed' ? candidate.size : 0));
  return {
    id: sha256Hex(utf8(JSON.stringify(basis)), utf8(renderOrigin(origin))),
    basis,
    base: { from: current?.tree.base ?? null, to: input.base.commit, version: input.baseVersion ?? null },
    install: install.filter((entry) => !present.has(entry.name)),
    remove: [...removedFrom(before, after), ...hiddenFrom(present, solution)],
    replace: install.flatMap(({ name, version }) => {
      const from = present.get(name)?.version;
      return from === undefined ? [] : [{ name, from, to: version }];
    }),
    renames: input.renames,
    inactive: solution.inactive,
    suspended: origin.suspended,
    services: servicesOf(
      input,
      solution.install.map((entry) => entry.package),
      [...removedFrom(before, after), ...hiddenFrom(present, solution), ...install].map(({ name }) => name),
    ),
    'download-bytes': downloads,
    'flash-bytes':
      total((candidate) => wholeBlocks(candidate.installedSize || candidate.size)) + input.checkoutBytes,
    'boot-bytes': input.bootBytes,
    // Packages stay until all are imported; a script's sandbox gets a checkout of its own.
    'temporary-bytes':
      downloads + (install.some(({ scripts }) => scripts === 'sandboxed') ? input.checkoutBytes : 0),
    etc: null,
  };
}

function plannedInstall(input: ResolveInput, entry: Solution['install'][number]): PlannedInstall {
  const { package: wanted, reason } = entry;
  const known = input.known(wanted);
  return {
    name: wanted.name,
    version: wanted.version,
    arch: wanted.architecture,
    feed: wanted.origin.kind === 'feed' ? wanted.origin.feed : 'local',
    reason,
    'download-bytes': known?.cached !== true && wanted.origin.kind === 'feed' ? wanted.size : 0,
    'installed-bytes': wanted.installedSize,
    scripts: known?.scripts ?? 'unknown',
  };
}

function removedFrom(before: ReadonlyMap<string, LayerMember>, after: ReadonlyMap<string, unknown>) {
  return [...before.values()]
    .filter(({ name }) => !after.has(name))
    .map(({ name, version }) => ({ name, version }));
}

/** Packages of the base that are there now and that overrides hide. */
function hiddenFrom(present: ReadonlyMap<string, { readonly version: string }>, { removed }: Solution) {
  return removed.flatMap((name) => {
    const version = present.get(name)?.version;
    return version === undefined ? [] : [{ name, version }];
  });
}

/** Services that the deployment gets or loses; those that it has before and after are neither. */
function servicesOf(
  input: ResolveInput,
  packages: readonly AvailablePackage[],
  leaving: readonly string[],
): Plan['services'] {
  const after = new Set(packages.flatMap((candidate) => input.known(candidate)?.services ?? []));
  const unknown = packages.filter((candidate) => input.known(candidate)?.services === undefined);
  return {
    enable: [...after].filter((name) => !input.services.present.has(name)).sort(),
    disable: [...new Set(leaving.flatMap((name) => input.services.enabledBy(name)))]
      .filter((name) => !after.has(name))
      .sort(),
    unknown: unknown.map(({ name }) => name).sort(),
  };
}

const blockSize = 4096;

function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / blockSize) * blockSize;
}
