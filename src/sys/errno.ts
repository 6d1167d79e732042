import { isOpkgOstreeError, NoSpaceError, type OpkgOstreeError, SystemError } from '../base/index.ts';

/** The errno name (`ENOENT`, `ENOSPC` ...) of a failed system call, or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = isOpkgOstreeError(error) ? error.cause : error;
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/u.test(code) ? code : undefined;
}

const hints: Readonly<Partial<Record<string, string>>> = {
  EACCES: 'run the command as root',
  EPERM: 'run the command as root',
  EROFS: 'the file system is mounted read-only: remount it writable, then run the command again',
  EIO: 'the storage reports errors: look at dmesg before you go on',
};

/** A system call's error as ours: NoSpaceError for a full disk or quota, else SystemError naming call and path. */
export function systemError(error: unknown, syscall: string, path: string): OpkgOstreeError {
  if (isOpkgOstreeError(error)) return error;
  const errno = errnoOf(error) ?? 'error';
  const details = { errno, syscall, path };
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new NoSpaceError('NO_SPACE', `no space left while writing ${path} (${syscall}: ${errno})`, {
      cause: error,
      details,
      hint: "free space with 'opkg-ostree cleanup' or 'opkg-ostree undeploy N', then run the command again",
    });
  }
  const hint = hints[errno];
  return new SystemError('SYSTEM', `${syscall} ${path}: ${errno}`, {
    cause: error,
    details,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What `call` returns; its errno becomes one of our errors. */
export function guarded<T>(syscall: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemError(error, syscall, path);
  }
}
