import { type EtcReport, etcEntriesOf } from '../state/index.ts';

/** What a merge of `/etc` did, for people and JSON. */
export interface EtcSummary {
  /** Files that keep the admin's version. */
  readonly kept: number;
  /** Files that take the new default. */
  readonly updated: number;
  /** Files that have the changes of both sides. */
  readonly merged: number;
  /** Files that the admin deleted and that stay deleted. */
  readonly deleted: number;
  /** Files that both sides changed, and that somebody has to look at. */
  readonly conflicts: readonly string[];
}

/** The counts of a merge; null where there was none. */
export function summarizeEtc(plan: EtcReport | undefined): EtcSummary | null {
  if (plan === undefined) return null;
  return {
    kept: etcEntriesOf(plan, 'kept').length,
    updated: etcEntriesOf(plan, 'updated').length,
    merged: etcEntriesOf(plan, 'merged').length,
    deleted: etcEntriesOf(plan, 'deleted').length,
    conflicts: etcEntriesOf(plan, 'conflict').map((entry) => `/etc/${entry.path}`),
  };
}
