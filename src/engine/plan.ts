import type { Checksum, PackageName } from '../base/index.ts';
import type { Rename } from './renames.ts';
import type { DependencyReason } from './wish.ts';

/** How a package's scripts are run; `unknown` until the package has been downloaded. */
export type ScriptClass = 'native' | 'sandboxed' | 'deferred' | 'unknown';

/** One package that the plan adds. */
export interface PlannedInstall {
  readonly name: PackageName;
  readonly version: string;
  readonly arch: string;
  readonly feed: string;
  readonly reason: DependencyReason;
  readonly 'download-bytes': number;
  readonly 'installed-bytes': number;
  readonly scripts: ScriptClass;
}

/** What an operation is going to do; json.md's `plan`. It is data: printing it is --dry-run. */
export interface Plan {
  /** A hash of the basis and the resulting wish; applying a plan whose basis moved is refused. */
  readonly id: Checksum;
  readonly basis: {
    readonly deployment: string | null;
    readonly feeds: string | null;
    readonly base: Checksum;
    readonly inputs: Checksum;
  };
  readonly base: { readonly from: Checksum | null; readonly to: Checksum; readonly version: string | null };
  readonly install: readonly PlannedInstall[];
  readonly remove: readonly { readonly name: string; readonly version: string }[];
  readonly replace: readonly { readonly name: string; readonly from: string; readonly to: string }[];
  /** Names of the wish that the new base's release spells otherwise, or has no longer. */
  readonly renames: readonly Rename[];
  readonly inactive: readonly PackageName[];
  readonly suspended: readonly string[];
  readonly services: {
    readonly enable: readonly string[];
    readonly disable: readonly string[];
    /** Packages that have not been looked into: whether they bring services shows when they are downloaded. */
    readonly unknown: readonly string[];
  };
  readonly 'download-bytes': number;
  readonly 'flash-bytes': number;
  readonly 'boot-bytes': number;
  readonly 'temporary-bytes': number;
  readonly etc: { readonly updated: number; readonly merged: number; readonly conflicts: number } | null;
}

/** True when the plan would leave packages and base as they are. */
export function isEmptyPlan(plan: Plan): boolean {
  return (
    plan.base.from === plan.base.to &&
    plan.install.length === 0 &&
    plan.remove.length === 0 &&
    plan.replace.length === 0
  );
}
