/**
 * Where jobs are kept: `/var/run/opkg-ostree/jobs/<id>/` with `state.json`, replaced by rename, and the append-only
 * `log.jsonl`. A volatile file system: nothing here is flushed, and a restart forgets all but the history.
 */
import { join } from 'node:path/posix';
import { RefusedError } from '../../base/index.ts';
import {
  isAlive,
  mkdirp,
  readdirIfExists,
  readTextIfExists,
  removeTree,
  rename,
  runFolder,
  unlinkIfExists,
  writeFile,
} from '../../sys/index.ts';
import { parseLog, parseRecord } from './parse.ts';
import { hasEnded, type JobEvent, type JobRecord } from './record.ts';

const idPattern = /^[0-9a-f]{12}$/u;
/** Ended jobs that are kept for each sysroot. */
const keptJobs = 20;
/** Milliseconds after which a job that no runner took counts as lost. */
const queueLimit = 30_000;

function jobsFolder(): string {
  return join(runFolder(), 'jobs');
}

function jobFolder(id: string): string {
  return join(jobsFolder(), id);
}

/** Makes or replaces the record of a job. */
export function writeRecord(record: JobRecord): void {
  const folder = jobFolder(record.id);
  mkdirp(folder, 0o700);
  const temp = join(folder, `.state.${record.state === 'queued' ? 'new' : 'next'}`);
  unlinkIfExists(temp);
  writeFile(temp, JSON.stringify(record), { mode: 0o600 });
  rename(temp, join(folder, 'state.json'));
}

/** Adds an event to a job's log. */
export function appendEvent(id: string, event: JobEvent): void {
  writeFile(join(jobFolder(id), 'log.jsonl'), `${JSON.stringify(event)}\n`, { mode: 0o600, flag: 'a' });
}

/** The job with that id, its state as it is now; undefined where there is none. */
export function findJob(id: string, now: number): JobRecord | undefined {
  const record = storedRecord(id);
  return record === undefined ? undefined : settled(record, now);
}

function storedRecord(id: string): JobRecord | undefined {
  if (!idPattern.test(id)) return undefined;
  const text = readTextIfExists(join(jobFolder(id), 'state.json'));
  const record = text === undefined ? undefined : parseRecord(text);
  return record?.id === id ? record : undefined;
}

/** Writes down which jobs of a sysroot lost their runner; returns those that nobody had noticed yet. */
export function noteInterrupted(sysroot: string, now: number): JobRecord[] {
  return readdirIfExists(jobsFolder()).flatMap((id) => {
    const stored = storedRecord(id);
    if (stored === undefined || stored.sysroot !== sysroot) return [];
    const found = settled(stored, now);
    if (found === stored) return [];
    writeRecord(found);
    return [found];
  });
}

/** As `findJob`; JOB_UNKNOWN where there is none. */
export function requireJob(id: string, now: number): JobRecord {
  const found = findJob(id, now);
  if (found !== undefined) return found;
  throw new RefusedError('JOB_UNKNOWN', `there is no job '${id}'`, {
    hint: "'opkg-ostree jobs' lists them; a restart forgets them, 'opkg-ostree history' does not",
  });
}

/** The jobs of a sysroot, newest first. */
export function listJobs(sysroot: string, now: number): JobRecord[] {
  return readdirIfExists(jobsFolder())
    .map((id) => findJob(id, now))
    .filter((record) => record !== undefined)
    .filter((record) => record.sysroot === sysroot)
    .sort((a, b) => (a.started < b.started ? 1 : a.started > b.started ? -1 : 0));
}

/** The events of a job behind number `since`, oldest first. */
export function readLog(id: string, since: number): JobEvent[] {
  const text = idPattern.test(id) ? readTextIfExists(join(jobFolder(id), 'log.jsonl')) : undefined;
  return parseLog(text ?? '').filter((event) => event.n > since);
}

/** Forgets a job. */
export function removeJob(id: string): void {
  if (idPattern.test(id)) removeTree(jobFolder(id));
}

/** Forgets the oldest ended jobs of a sysroot. */
export function pruneJobs(sysroot: string, now: number): void {
  for (const old of listJobs(sysroot, now).filter(hasEnded).slice(keptJobs)) removeJob(old.id);
}

/** A job whose runner is gone without a word was interrupted. */
function settled(record: JobRecord, now: number): JobRecord {
  if (hasEnded(record) || runnerLives(record, now)) return record;
  return { ...record, state: 'interrupted', ended: record.ended ?? new Date(now).toISOString() };
}

function runnerLives(record: JobRecord, now: number): boolean {
  const { pid } = record;
  const startTime = record['start-time'];
  if (pid === null || startTime === null) return now - Date.parse(record.started) < queueLimit;
  return isAlive({ pid, startTime });
}
