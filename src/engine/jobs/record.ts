/** What is known of one job: json.md's `job`, and what its runner keeps beside it. Pure. */
import type { Phase, ProgressEvent } from '../../base/index.ts';

export type JobState = 'queued' | 'running' | 'finishing' | 'done' | 'failed' | 'cancelled' | 'interrupted';

/** A job as json.md shows it. */
export interface JobDocument {
  /** Twelve random hex digits. */
  readonly id: string;
  /** The operation: `install`, `upgrade` ... */
  readonly kind: string;
  readonly state: JobState;
  readonly phase: Phase | null;
  /** Of the whole job, 0 to 100; never falls. Null until it is known. */
  readonly percent: number | null;
  readonly started: string;
  readonly ended: string | null;
  readonly command: string;
  readonly by: string;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
  /** What the command prints with --json; null until it is done, or where that is too large to keep. */
  readonly result: unknown;
}

/** The file `state.json` of a job. */
export interface JobRecord extends JobDocument {
  readonly sysroot: string;
  readonly pid: number | null;
  /** See sys' `ProcessIdentity`. */
  readonly 'start-time': string | null;
}

/** One line of a job's log: an event with its number, from 1, and its time. */
export interface JobEvent extends ProgressEvent {
  readonly n: number;
  readonly t: string;
}

const ended: ReadonlySet<JobState> = new Set(['done', 'failed', 'cancelled', 'interrupted']);

/** True when nothing more comes from the job. */
export function hasEnded(job: { readonly state: JobState }): boolean {
  return ended.has(job.state);
}

/** True while the job may still be called off: from the switch of the boot entries on it may not. */
export function isCancellable(job: { readonly state: JobState }): boolean {
  return job.state === 'queued' || job.state === 'running';
}

/** Where in the whole job a phase begins, in percent; it ends where the next one begins. */
const phaseStart: Readonly<Record<Phase, number>> = {
  resolve: 0,
  download: 5,
  verify: 40,
  unpack: 42,
  layer: 52,
  scripts: 60,
  checkout: 70,
  'merge-etc': 88,
  boot: 92,
  cleanup: 97,
  done: 100,
};
const starts = Object.values(phaseStart);

/** How far a job is after `event`, in whole percent; never less than `before`. */
export function percentAfter(before: number | null, event: ProgressEvent): number {
  const start = phaseStart[event.phase];
  const end = starts.find((next) => next > start) ?? 100;
  const part =
    event.total === undefined || event.total === 0 ? 0 : Math.min(1, (event.done ?? 0) / event.total);
  return Math.max(before ?? 0, Math.floor(start + (end - start) * part));
}

/** The record without what concerns only the runner. */
export function jobDocument(record: JobRecord): JobDocument {
  const { sysroot: _sysroot, pid: _pid, 'start-time': _start, ...document } = record;
  return document;
}

/** One line for a person: `install (running, downloading 43%)`. */
export function describeJob(job: JobDocument): string {
  const where = job.phase === null || hasEnded(job) ? '' : `, ${job.phase}`;
  const percent = job.percent === null || hasEnded(job) ? '' : ` ${job.percent}%`;
  return `${job.command} (${job.state}${where}${percent})`;
}
