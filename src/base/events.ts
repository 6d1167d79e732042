const phases = [
  'resolve',
  'download',
  'verify',
  'unpack',
  'layer',
  'scripts',
  'checkout',
  'merge-etc',
  'boot',
  'cleanup',
  'done',
] as const;

/** The phases of an operation, in the order in which they can come. docs/schema/event.json publishes them. */
export type Phase = (typeof phases)[number];

/** True for the name of a phase. */
export function isPhase(value: unknown): value is Phase {
  return phases.some((phase) => phase === value);
}

/**
 * One step of progress. `done` never falls within a phase; `total` is absent where it is not known.
 * CLI bars, the TUI and the job log are readers of this one stream.
 */
export interface ProgressEvent {
  readonly phase: Phase;
  readonly message?: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: 'bytes' | 'files' | 'packages';
  readonly package?: string;
  /** The job whose event it is; absent outside of jobs. */
  readonly job?: string;
}

/** Receives progress; must not throw. */
export type ProgressListener = (event: ProgressEvent) => void;

/** What every long operation takes: where progress goes, and how it is cancelled. */
export interface OperationContext {
  readonly onProgress: ProgressListener;
  readonly signal: AbortSignal | undefined;
}

/** A context that reports nowhere and cannot be cancelled. */
export const silentContext: OperationContext = { onProgress: () => undefined, signal: undefined };
