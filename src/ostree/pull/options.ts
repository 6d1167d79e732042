import type { Checksum } from '../../base/index.ts';
import type { SourceOptions } from './source.ts';

export interface PullOptions extends SourceOptions {
  /** Branches or checksums of commits; the remote's `branches` where empty, with `mirror` all that the summary lists. */
  readonly refs?: readonly string[];
  /** How many parents come along; 0, the default, none, -1 all that the remote has. */
  readonly depth?: number;
  /** Only these paths (`/usr/etc`) and the directories on the way; the commit stays partial. */
  readonly subpaths?: readonly string[];
  /** Only the commit objects; they stay partial. */
  readonly commitMetadataOnly?: boolean;
  /** Refs become local ones, and an archive keeps its files as they come. */
  readonly mirror?: boolean;
  /** Refuses a commit older than the one that the ref has here. */
  readonly timestampCheck?: boolean;
  /** Takes commits that say that they belong to other refs. */
  readonly disableVerifyBindings?: boolean;
  /** Static deltas are not tried. */
  readonly disableStaticDeltas?: boolean;
  /** Takes the place of the remote's url. */
  readonly url?: string;
  /** The folder that stands for `/` when the system's trusted keys are looked for. */
  readonly keysRoot?: string;
}

export interface PulledRef {
  /** As it is here: `remote:branch`, or `branch` of a mirror. */
  readonly ref: string;
  readonly commit: Checksum;
  /** What the ref was before. */
  readonly previous: Checksum | undefined;
}

export interface RemotePullReport {
  readonly refs: readonly PulledRef[];
  /** Commits that were not here, or not whole. */
  readonly commits: number;
  /** Objects that came. */
  readonly objects: number;
  /** Bytes that came, answers' heads not counted, and requests that were sent. */
  readonly bytes: number;
  readonly requests: number;
  /** Static deltas that were applied. */
  readonly deltas: number;
}
