/** Runs an operation as a job: what it does can be followed, called off and found again, whoever started it. */
import {
  BusyError,
  isOpkgOstreeError,
  type OpkgOstreeError,
  type ProgressEvent,
  type ProgressListener,
} from '../../base/index.ts';
import { environment, ownIdentity, randomId, realpath } from '../../sys/index.ts';
import type { Environment } from '../environment.ts';
import { noteSuccess } from '../record.ts';
import { openSession, type Where } from '../session.ts';
import { describeJob, hasEnded, type JobRecord, percentAfter } from './record.ts';
import {
  appendEvent,
  findJob,
  listJobs,
  noteInterrupted,
  pruneJobs,
  removeJob,
  writeRecord,
} from './store.ts';

/** The variable that hands a prepared job to the process that runs it. */
export const jobVariable = 'OPKG_OSTREE_JOB';

/** True in a process that was started to run a prepared job. */
export function isPreparedJob(): boolean {
  return environment(jobVariable) !== undefined;
}

/** Milliseconds between two lines of the log within one phase. */
const logPause = 250;
/** Bytes of a result that is kept with the job. */
const resultLimit = 128 * 1024;

/** What a job is called and where it works. */
export interface JobRequest {
  readonly kind: string;
  readonly where: Where;
}

/**
 * Runs `body` under a job record and returns what it returns; `resultOf` is what the record keeps of it. Where
 * no record can be written (no right to, no space) the operation runs all the same: a job is a view, not a condition.
 */
export async function runJob<T>(
  env: Environment,
  request: JobRequest,
  body: (env: Environment) => Promise<T> | T,
  resultOf: (value: T) => unknown,
): Promise<T> {
  const job = openJob(env, request);
  if (job === undefined) return body(env);
  try {
    const value = await body({ ...env, onProgress: job.listener, command: job.command, by: job.by });
    job.end({ state: 'done', phase: 'done', percent: 100, result: bounded(resultOf(value)) });
    return value;
  } catch (thrown) {
    const error = namingHolder(thrown, job.id, request.where, env.now());
    if (error !== thrown && environment(jobVariable) === undefined) removeJob(job.id);
    else job.end({ state: stateAfter(error), error: errorOf(error) });
    throw error;
  }
}

interface OpenJob {
  readonly id: string;
  readonly command: string;
  readonly by: string;
  readonly listener: ProgressListener;
  end(change: Partial<JobRecord>): void;
}

function openJob(env: Environment, request: JobRequest): OpenJob | undefined {
  try {
    const sysroot = realpath(request.where.sysroot);
    recordInterrupted(env, request.where, sysroot);
    pruneJobs(sysroot, env.now());
    const self = ownIdentity();
    const prepared = findJob(environment(jobVariable) ?? '', env.now());
    const record: JobRecord = {
      ...(prepared ?? newRecord(env, request.kind, sysroot)),
      state: 'running',
      pid: self.pid,
      'start-time': self.startTime,
    };
    writeRecord(record);
    return new RunningJob(record, env);
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
    return undefined;
  }
}

/** The history learns of jobs that ended without a word. */
function recordInterrupted(env: Environment, where: Where, sysroot: string): void {
  const lost = noteInterrupted(sysroot, env.now());
  if (lost.length === 0) return;
  const session = openSession(where);
  for (const { command, by } of lost.reverse()) {
    noteSuccess(
      session.sysroot.varPath(session.stateroot),
      { ...env, command, by },
      {
        from: null,
        to: null,
        inputs: null,
        outcome: 'interrupted',
        verdict: 'unknown',
        scripts: [],
        error: null,
      },
    );
  }
}

/** A queued job that no runner has taken yet. */
export function newRecord(env: Environment, kind: string, sysroot: string): JobRecord {
  return {
    id: randomId(6),
    kind,
    state: 'queued',
    phase: null,
    percent: null,
    started: new Date(env.now()).toISOString(),
    ended: null,
    command: env.command,
    by: env.by,
    error: null,
    result: null,
    sysroot,
    pid: null,
    'start-time': null,
  };
}

class RunningJob implements OpenJob {
  #record: JobRecord;
  readonly #env: Environment;
  #events = 0;
  #written = Number.NEGATIVE_INFINITY;
  #broken = false;

  constructor(record: JobRecord, env: Environment) {
    this.#record = record;
    this.#env = env;
  }

  get id(): string {
    return this.#record.id;
  }

  get command(): string {
    return this.#record.command;
  }

  get by(): string {
    return this.#record.by;
  }

  readonly listener: ProgressListener = (event) => {
    this.#env.onProgress({ ...event, job: this.id });
    const now = this.#env.now();
    const newPhase = event.phase !== this.#record.phase;
    if (!newPhase && now - this.#written < logPause) return;
    this.#written = now;
    this.#note(event, now);
  };

  #note(event: ProgressEvent, now: number): void {
    // The switch of the boot entries is the point of no return: it is told before it begins.
    const finishing = event.phase === 'boot' || event.phase === 'cleanup' || event.phase === 'done';
    this.#events += 1;
    this.#save({
      state: finishing ? 'finishing' : this.#record.state,
      phase: event.phase,
      percent: percentAfter(this.#record.percent, event),
    });
    const n = this.#events;
    this.#write(() => appendEvent(this.id, { n, t: new Date(now).toISOString(), ...event }));
  }

  end(change: Partial<JobRecord>): void {
    this.#save({ ...change, ended: new Date(this.#env.now()).toISOString() });
  }

  #save(change: Partial<JobRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#write(() => writeRecord(this.#record));
  }

  /** A record that cannot be written any more must not stop the work. */
  #write(write: () => void): void {
    if (this.#broken) return;
    try {
      write();
    } catch (thrown) {
      if (!isOpkgOstreeError(thrown)) throw thrown;
      this.#broken = true;
    }
  }
}

function stateAfter(error: unknown): JobRecord['state'] {
  return isOpkgOstreeError(error) && error.kind === 'interrupted' ? 'cancelled' : 'failed';
}

function errorOf(error: unknown): JobRecord['error'] {
  if (!isOpkgOstreeError(error)) return { code: 'INTERNAL', message: String(error), hint: null };
  return { code: error.code, message: error.message, hint: error.hint ?? null };
}

/** A result that is too large for a state file is left out: the history and `status` tell what came of it. */
function bounded(result: unknown): unknown {
  return (JSON.stringify(result) ?? '').length > resultLimit ? null : result;
}

/** `LOCK_HELD` with the job that holds the lock, where it is one of ours. */
function namingHolder(thrown: unknown, own: string, where: Where, now: number): unknown {
  if (!isOpkgOstreeError(thrown) || thrown.code !== 'LOCK_HELD') return thrown;
  const holder = runningJob(where, now, own);
  return holder === undefined ? busyWithout(thrown) : busyWith(holder);
}

function busyWith(holder: JobRecord): BusyError {
  return new BusyError('LOCK_HELD', `another operation is at work: ${describeJob(holder)}`, {
    hint: `follow it with 'opkg-ostree watch ${holder.id}', or end it with 'opkg-ostree cancel ${holder.id}'`,
    details: { job: holder.id, state: holder.state, command: holder.command },
  });
}

function busyWithout(error: OpkgOstreeError): BusyError {
  return new BusyError('LOCK_HELD', error.message, {
    hint: error.hint ?? 'wait until it has ended, then run the command again',
    details: error.details,
    cause: error,
  });
}

/** The job that is at work on a sysroot: of several the one that began first, as the others wait for its lock. */
export function runningJob(
  where: Pick<Where, 'sysroot'>,
  now: number,
  except?: string,
): JobRecord | undefined {
  const sysroot = realpath(where.sysroot);
  return listJobs(sysroot, now)
    .filter((job) => !hasEnded(job) && job.state !== 'queued' && job.id !== except)
    .at(-1);
}
