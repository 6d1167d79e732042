/** What a layer is made from and what comes out. */
import type { Checksum, PackageName, RelPath } from '../base/index.ts';
import type { PackageCommit } from './package-commit.ts';
import type { ScriptClass } from './script-class.ts';

/** Why a package is in a layer. */
export type LayerReason = 'requested' | 'depends' | 'recommends';

/** One package of a layer. */
export interface LayerPackage {
  readonly commit: PackageCommit;
  readonly reason: LayerReason;
  /** The feed that it was chosen from; '' for a local file. */
  readonly feed: string;
}

/** A feed's index as it was when the packages were chosen. */
export interface FeedSnapshot {
  readonly name: string;
  readonly url: string;
  /** SHA-256 of the index. */
  readonly digest: string;
  /** Of the key that signed it; '' where signatures are not checked. */
  readonly keyId: string;
}

/** Everything that a layered commit is a function of. No list's order matters. */
export interface LayerSpec {
  readonly base: Checksum;
  readonly packages: readonly LayerPackage[];
  /** Base packages to leave out. Names that the base lacks are ignored. */
  readonly remove: readonly PackageName[];
  /** Base packages that packages of the layer stand in for; those of the same name do so unasked. */
  readonly replace: readonly PackageName[];
  readonly feeds: readonly FeedSnapshot[];
  /** What a failing script does: refuse the whole layer, or leave its changes out and be reported. */
  readonly scriptPolicy: 'fail' | 'warn';
  /** What the admin asked for, in words of the origin. */
  readonly requested: readonly string[];
  /** Milliseconds that one script may take; a minute where absent. Not an input of the commit. */
  readonly scriptTimeout?: number;
}

/** How one script, or what stands for it, ended. */
export interface ScriptRun {
  readonly package: PackageName;
  /** `preinst`, `postinst`, `postinst-pkg`, or `enable <service>`. */
  readonly script: string;
  readonly scriptClass: ScriptClass;
  readonly outcome: 'ok' | 'failed' | 'timeout' | 'deferred';
  /** The exit status where it ran and ended. */
  readonly status: number;
  /** What it printed, bounded. */
  readonly output: string;
  /** Paths of the tree that it made, changed or deleted, sorted. */
  readonly changed: readonly RelPath[];
  /** Why it was deferred or failed; '' otherwise. */
  readonly reason: string;
}

/** A layered commit and what is worth telling about its making. */
export interface LayeredCommit {
  readonly commit: Checksum;
  /** False where the base is the result: nothing was layered, removed or replaced. */
  readonly layered: boolean;
  readonly scripts: readonly ScriptRun[];
  /** One sentence each: conffiles put beside, links left alone, files of nobody that were replaced. */
  readonly notes: readonly string[];
  /** Services that are switched on by the layer. */
  readonly services: readonly string[];
}
