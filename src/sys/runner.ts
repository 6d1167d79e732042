/** Processes that outlive the one that starts them, and how to tell whether one still lives. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { SystemError } from '../base/index.ts';
import { readTextIfExists } from './files.ts';
import { environment } from './terminal.ts';

/** A process by number and start time: numbers come again, the pair does not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from the machine's start to the process's (proc(5), /proc/PID/stat field 22). */
  readonly startTime: string;
}

/** The identity of a living process, a zombie not counted; undefined where there is none. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const text = readTextIfExists(`/proc/${pid}/stat`);
  // The name in field 2 may hold blanks and parentheses: fields are counted behind its last one.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const startTime = fields?.[19];
  return startTime === undefined || fields?.[0] === 'Z' ? undefined : { pid, startTime };
}

/** Who we are. */
export function ownIdentity(): ProcessIdentity {
  return processIdentity(process.pid) ?? { pid: process.pid, startTime: '' };
}

/** True while that very process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTime === identity.startTime;
}

/** Asks a process to end; false where it has ended already. */
export function terminate(identity: ProcessIdentity): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, 'SIGTERM');
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts this program again with other words, in a session of its own, without a terminal, in `/`, with the umask
 * that trees are written under, so that neither a hang-up nor the end of its parent reaches it. Returns its number.
 */
export function spawnSelf(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const script = process.argv[1];
  if (script === undefined)
    throw new SystemError('COMMAND_MISSING', 'this program does not know its own file');
  const umask = process.umask(0o022);
  const child = spawn(process.execPath, [script, ...words], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...environment },
  });
  process.umask(umask);
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new SystemError('COMMAND_FAILED', `cannot start a job: ${error.message}`, { cause: error })),
    );
    child.once('spawn', () => {
      child.unref();
      resolve(child.pid ?? 0);
    });
  });
}

/** Restarts the machine in so many seconds, by a process that outlives this one. */
export function rebootSoon(seconds: number): void {
  const child = spawn('/bin/sh', ['-c', 'sleep "$1"; exec reboot', 'sh', String(seconds)], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
  });
  child.unref();
}

/** The folder of what is known until the next restart: OPKG_OSTREE_RUN, or /var/run/opkg-ostree. */
export function runFolder(): string {
  return environment('OPKG_OSTREE_RUN') ?? '/var/run/opkg-ostree';
}

/** A name of `bytes` random bytes in hex. */
export function randomId(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
