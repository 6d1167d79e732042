/** Starting, following and ending jobs from outside of the process that runs them. */
import { isOpkgOstreeError, RefusedError, throwIfAborted } from '../../base/index.ts';
import { realpath, spawnSelf, terminate } from '../../sys/index.ts';
import type { Environment } from '../environment.ts';
import type { Where } from '../session.ts';
import { hasEnded, isCancellable, type JobDocument, type JobEvent, jobDocument } from './record.ts';
import { jobVariable, newRecord, runningJob } from './run.ts';
import { findJob, listJobs, readLog, removeJob, requireJob, writeRecord } from './store.ts';

/** Milliseconds between two looks at a job. */
const watchPause = 200;
/** Milliseconds that a new job has to say that it runs. */
const acceptLimit = 1_000;

/** The jobs of a sysroot since the machine started, newest first. */
export function jobs(where: Where, now: number): JobDocument[] {
  return listJobs(realpath(where.sysroot), now).map(jobDocument);
}

/** One job; JOB_UNKNOWN where there is none. */
export function job(id: string, now: number): JobDocument {
  return jobDocument(requireJob(id, now));
}

/** The job that is at work on a sysroot, or null; also where jobs may not be read. */
export function currentJob(where: Pick<Where, 'sysroot'>, now: number): JobDocument | null {
  try {
    const running = runningJob(where, now);
    return running === undefined ? null : jobDocument(running);
  } catch (thrown) {
    if (isOpkgOstreeError(thrown)) return null;
    throw thrown;
  }
}

/** A job as it is, with the events behind number `since`. */
export interface JobView {
  readonly job: JobDocument;
  readonly events: readonly JobEvent[];
}

/** A look at a job without waiting. */
export function viewJob(id: string, since: number, now: number): JobView {
  // The log is read last: an end that is seen then has all of its events.
  const record = requireJob(id, now);
  return { job: jobDocument(record), events: readLog(id, since) };
}

/** Follows a job until it ends; `onEvent` gets each event once, from the first one. Returns the ended job. */
export async function watchJob(
  id: string,
  env: Environment,
  onEvent: (event: JobEvent) => void,
): Promise<JobDocument> {
  let seen = 0;
  for (;;) {
    throwIfAborted(env.signal);
    const view = viewJob(id, seen, env.now());
    for (const event of view.events) {
      onEvent({ ...event, job: id });
      seen = event.n;
    }
    if (hasEnded(view.job)) return view.job;
    await pause(watchPause);
  }
}

/** Asks a job to stop; JOB_NOT_CANCELLABLE once it has ended or switches the boot entries. */
export function cancelJob(id: string, now: number): JobDocument {
  const record = requireJob(id, now);
  const { pid } = record;
  const startTime = record['start-time'];
  if (isCancellable(record) && pid !== null && startTime !== null && terminate({ pid, startTime })) {
    return jobDocument(record);
  }
  throw new RefusedError('JOB_NOT_CANCELLABLE', `job ${id} cannot be cancelled: it is ${record.state}`, {
    hint: hasEnded(record)
      ? "'opkg-ostree jobs' shows how it ended"
      : "let it end, then take it back with 'opkg-ostree rollback'",
  });
}

/**
 * Starts `words` as a job in a process of its own that no hang-up reaches, and waits a moment for what becomes of
 * it: the job as it is then. A job that found the lock held has failed with LOCK_HELD.
 */
export async function startJob(
  env: Environment,
  request: { readonly kind: string; readonly where: Where; readonly words: readonly string[] },
): Promise<JobDocument> {
  const record = newRecord(env, request.kind, realpath(request.where.sysroot));
  writeRecord(record);
  try {
    await spawnSelf(request.words, { [jobVariable]: record.id });
  } catch (thrown) {
    removeJob(record.id);
    throw thrown;
  }
  const limit = env.now() + acceptLimit;
  for (;;) {
    const found = findJob(record.id, env.now()) ?? record;
    const taken = hasEnded(found) || (found.state !== 'queued' && found.phase !== null);
    if (taken || env.now() > limit) return jobDocument(found);
    await pause(20);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
