/**
 * Whole-file locks that die with this process, a kill -9 included, because the kernel owns them.
 *
 * `ofd` is what libostree takes on a repository's `.lock` and on a sysroot's `ostree/lock` (F_OFD_SETLK over the
 * whole file). Node has no fcntl, but such a lock belongs to the open file description and not to a process: a
 * perl child that inherits our descriptor takes it, ends, and the lock stays with us. Without perl, or where the
 * kernel answers EINVAL, flock(2) is taken the same way; that excludes other copies of ourselves, not libostree.
 */
import { BusyError, SystemError, throwIfAborted } from '../base/index.ts';
import { close, open } from './files.ts';
import { findProgram, runSync } from './process.ts';

/** `ofd`: fcntl's open-file-description lock, libostree's; `flock`: flock(2). They do not exclude each other. */
export type LockKind = 'ofd' | 'flock';

export interface LockRequest {
  readonly exclusive: boolean;
  readonly kind: LockKind;
  /** Milliseconds to keep trying; 0 tries once. */
  readonly wait: number;
}

/** A lock that is held until `release`, or until this process ends. */
export interface HeldLock {
  /** What was really taken: `flock` where an asked-for `ofd` was not to be had. */
  readonly kind: LockKind;
  /** Frees the lock; calling it again does nothing. */
  release(): void;
}

/** struct flock of 64-bit Linux: l_type, l_whence, padding, l_start, l_len 0 (all of it), l_pid 0. */
const perlScript = `use Config; exit 2 if $Config{ptrsize} != 8;
open(my $f, "+<&=3") or exit 2;
fcntl($f, 37, pack("ssx4qqlx4", $ARGV[0], 0, 0, 0, 0)) and exit 0;
exit(($!{EAGAIN} || $!{EACCES}) ? 75 : 2);`;
const exitBusy = 75;
const helperTimeout = 10_000;
const firstPause = 25;
const longestPause = 250;

/**
 * Takes the lock on the file (made if missing), waiting at most `wait` milliseconds without serving other events.
 * BusyError LOCK_HELD when another holds it; SystemError COMMAND_MISSING when neither perl nor flock is installed.
 */
export function acquireLock(path: string, request: LockRequest): HeldLock {
  const attempt = lockAttempts(path, request);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const outcome = attempt();
    if (typeof outcome !== 'number') return outcome;
    Atomics.wait(sleeper, 0, 0, outcome);
  }
}

/** As `acquireLock`, but other events are served while it waits, and the signal ends the wait. */
export async function waitForLock(
  path: string,
  request: LockRequest,
  signal?: AbortSignal,
): Promise<HeldLock> {
  const attempt = lockAttempts(path, request);
  for (;;) {
    throwIfAborted(signal);
    const outcome = attempt();
    if (typeof outcome !== 'number') return outcome;
    await new Promise((resolve) => setTimeout(resolve, outcome));
  }
}

/** A function that tries once: the lock, or how many milliseconds to pause before the next try. */
function lockAttempts(path: string, request: LockRequest): () => HeldLock | number {
  const end = performance.now() + request.wait;
  let pause = firstPause;
  return () => {
    const held = tryLock(path, request);
    if (held !== undefined) return held;
    const left = end - performance.now();
    if (left <= 0) {
      throw new BusyError('LOCK_HELD', `${path} is locked by another operation`, {
        hint: 'wait until it has ended, then run the command again',
        details: { path, exclusive: request.exclusive, waited: request.wait },
      });
    }
    const next = Math.min(pause, left);
    pause = Math.min(pause * 2, longestPause);
    return next;
  };
}

function tryLock(path: string, request: LockRequest): HeldLock | undefined {
  const fd = open(path, 'a+');
  try {
    const kind = takeWithHelper(fd, path, request);
    if (kind !== undefined) return heldLock(fd, kind);
  } catch (error) {
    close(fd);
    throw error;
  }
  close(fd);
  return undefined;
}

/** The kind that was taken, or undefined when somebody else holds the lock. */
function takeWithHelper(fd: number, path: string, request: LockRequest): LockKind | undefined {
  if (request.kind === 'ofd') {
    const perl = findProgram('perl');
    if (perl !== undefined) {
      const type = request.exclusive ? '1' : '0';
      const { status } = runSync(perl, ['-e', perlScript, type], { fds: [fd], timeout: helperTimeout });
      if (status === 0) return 'ofd';
      if (status === exitBusy) return undefined;
    }
  }
  const flock = findProgram('flock');
  if (flock === undefined) {
    throw new SystemError('COMMAND_MISSING', `cannot lock ${path}: neither perl nor flock is installed`, {
      hint: "install the package 'flock' (or busybox with its flock applet)",
    });
  }
  const result = runSync(flock, [request.exclusive ? '-x' : '-s', '-n', '3'], {
    fds: [fd],
    timeout: helperTimeout,
  });
  if (result.status === 0) return 'flock';
  if (result.status === 1) return undefined;
  throw new SystemError('COMMAND_FAILED', `cannot lock ${path}: ${result.stderr.trim().slice(-200)}`);
}

function heldLock(fd: number, kind: LockKind): HeldLock {
  let open = true;
  return {
    kind,
    release() {
      if (!open) return;
      open = false;
      close(fd);
    },
  };
}
