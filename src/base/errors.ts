import type { ErrorCode } from './error-codes.ts';

/** The kind of an error decides the exit status and nothing else. */
export type ErrorKind =
  | 'usage'
  | 'failed'
  | 'refused'
  | 'verification'
  | 'no-space'
  | 'busy'
  | 'network'
  | 'interrupted'
  | 'internal';

/** JSON-able data that travels with an error into `--json`, the job log and LuCI. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorOptions {
  /** What the user should do next; an imperative sentence or a command. */
  readonly hint?: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/**
 * The one base of all errors that a user may see. The message names the object and the fact; the hint
 * says what to do. Both are made printable here, once: file names, package text and URLs come from outside.
 */
export abstract class OpkgOstreeError extends Error {
  abstract readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint === undefined ? undefined : printable(options.hint);
    this.details = options.details ?? {};
  }
}

/** A command line that cannot be understood. */
export class UsageError extends OpkgOstreeError {
  readonly kind = 'usage';
}

/** A configuration, origin or state file that cannot be used. */
export class ConfigError extends OpkgOstreeError {
  readonly kind = 'failed';
}

/** Bytes from outside that are not what their format demands. */
export class ParseError extends OpkgOstreeError {
  readonly kind = 'failed';
}

/** A signature or checksum that does not hold. */
export class VerificationError extends OpkgOstreeError {
  readonly kind = 'verification';
}

/** A request that is understood and refused: unsatisfiable, conflicting, or harmful to the base. */
export class RefusedError extends OpkgOstreeError {
  readonly kind = 'refused';
}

/** The network, or what answered on it, failed. */
export class NetworkError extends OpkgOstreeError {
  readonly kind = 'network';
}

/** Another operation holds the lock. */
export class BusyError extends OpkgOstreeError {
  readonly kind = 'busy';
}

/** Not enough space for what was planned, or the kernel said ENOSPC. */
export class NoSpaceError extends OpkgOstreeError {
  readonly kind = 'no-space';
}

/** The operating system refused a call, or a state on disk does not allow the operation. */
export class SystemError extends OpkgOstreeError {
  readonly kind = 'failed';
}

/** The caller's AbortSignal fired. */
export class InterruptedError extends OpkgOstreeError {
  readonly kind = 'interrupted';
  constructor(message = 'interrupted') {
    super('INTERRUPTED', message, { hint: 'nothing was changed; run the command again' });
  }
}

/** A broken invariant of our own: never the fault of input. */
export class InternalError extends OpkgOstreeError {
  readonly kind = 'internal';
  constructor(message: string, options: ErrorOptions = {}) {
    super('INTERNAL', message, options);
  }
}

/** True for every error of this hierarchy. */
export function isOpkgOstreeError(value: unknown): value is OpkgOstreeError {
  return value instanceof OpkgOstreeError;
}

/** Throws InterruptedError when the signal has fired; call it between the steps of long work. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError();
}

/** Lets pending signals and timers be seen, then throws InterruptedError when the signal has fired. */
export async function checkpoint(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  throwIfAborted(signal);
}

/**
 * The text with control bytes replaced by `?` and with user:password removed from URLs, so that hostile
 * names can neither move the cursor nor leak a credential into a log.
 */
export function printable(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]*@/giu, '$1')
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/gu, '?');
}
