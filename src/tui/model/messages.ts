/** What comes to the state, and what it asks for. */
import type {
  DiffDocument,
  EtcChange,
  EtcConflict,
  EtcPreview,
  HistoryRecord,
  JobDocument,
  JobEvent,
  PackageDetails,
  PackageSummary,
  Plan,
  StatusDocument,
} from '../../engine/index.ts';
import type { Key } from '../keys.ts';
import type { Change } from './change.ts';
import type { Deed, Failure, Size, State } from './state.ts';

/** What happened. */
export type Message =
  | { readonly is: 'key'; readonly key: Key }
  | { readonly is: 'size'; readonly size: Size }
  | { readonly is: 'status'; readonly status: StatusDocument; readonly now: number }
  | {
      readonly is: 'packages';
      readonly packages: readonly PackageSummary[];
      readonly upgradable: readonly string[];
    }
  | { readonly is: 'details'; readonly details: PackageDetails }
  | { readonly is: 'diff'; readonly id: string; readonly diff: DiffDocument }
  | {
      readonly is: 'etc';
      readonly changes: readonly EtcChange[];
      readonly conflicts: readonly EtcConflict[];
      readonly preview: EtcPreview | undefined;
    }
  | { readonly is: 'history'; readonly records: readonly HistoryRecord[] }
  | { readonly is: 'plan'; readonly change: Change; readonly plan: Plan; readonly notes: readonly string[] }
  | { readonly is: 'refused'; readonly change: Change; readonly failure: Failure }
  | { readonly is: 'job'; readonly job: JobDocument; readonly events: readonly JobEvent[] }
  | { readonly is: 'attach'; readonly job: JobDocument }
  | { readonly is: 'done'; readonly text: string }
  | { readonly is: 'failed'; readonly failure: Failure };

/** What is to be done, by whoever may touch the system. */
export type Effect =
  | Deed
  | { readonly do: 'read'; readonly what: 'status' | 'packages' | 'etc' | 'history' }
  | { readonly do: 'details'; readonly name: string }
  | { readonly do: 'diff'; readonly id: string }
  | { readonly do: 'plan'; readonly change: Change }
  | { readonly do: 'run'; readonly change: Change; readonly planId: string }
  | { readonly do: 'watch'; readonly id: string }
  | { readonly do: 'redraw' }
  | { readonly do: 'remeasure' }
  | { readonly do: 'suspend' };

/** The next state, and what it asks for. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
