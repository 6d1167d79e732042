/** The phases of an operation, in the order in which they can come. docs/schema/event.json publishes them. */
export type Phase =
  | 'resolve'
  | 'download'
  | 'verify'
  | 'unpack'
  | 'layer'
  | 'scripts'
  | 'checkout'
  | 'merge-etc'
  | 'boot'
  | 'cleanup'
  | 'done';

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
