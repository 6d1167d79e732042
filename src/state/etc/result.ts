/** What `/etc` will be, as data: the preview prints it, the rehearsal checks it, the switch writes it. */
import type { EtcEntry, EtcReport } from '../etc-merge-plan.ts';
import type { EtcTree } from '../etc-merge-tree.ts';
import type { OwnerMap } from './account-merge.ts';
import type { EtcConflict } from './conflicts.ts';

/** Where the bytes of a file come from. */
export type EtcContent =
  | { readonly from: 'live' | 'target'; readonly path: string }
  | { readonly from: 'made'; readonly bytes: Uint8Array };

interface ResultOwner {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** One path of the merged `/etc`. */
export type EtcResultNode =
  | (ResultOwner & { readonly kind: 'dir' })
  | (ResultOwner & { readonly kind: 'symlink'; readonly target: string })
  | (ResultOwner & { readonly kind: 'file'; readonly content: EtcContent });

/** The three trees of a merge. */
export interface EtcSides {
  /** The old defaults: `usr/etc` of the deployment that is followed. */
  readonly base: EtcTree;
  /** Its `/etc`. */
  readonly live: EtcTree;
  /** The new defaults. */
  readonly target: EtcTree;
}

export interface EtcPlan extends EtcReport {
  readonly entries: readonly EtcEntry[];
  readonly conflicts: readonly EtcConflict[];
  /** From ids of the new defaults to those that their names have on this machine. */
  readonly owners: OwnerMap;
  /** Parents before what is in them. */
  readonly result: ReadonlyMap<string, EtcResultNode>;
}

/** The bytes of a file of the result. */
export function resultBytes(sides: EtcSides, content: EtcContent): Uint8Array {
  return content.from === 'made' ? content.bytes : sides[content.from].read(content.path);
}
