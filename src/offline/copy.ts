import { chmod, copyFile, effectiveUser, lchown, rename, stat, tempNameFor, utimes } from '../sys/index.ts';

/** Copies a file with its mode, times and owner; what is at `to` is replaced in one step. */
export function copyAttributes(from: string, to: string): void {
  const found = stat(from);
  const temp = tempNameFor(to);
  copyFile(from, temp);
  if (effectiveUser() === 0) lchown(temp, found.uid, found.gid);
  chmod(temp, found.mode & 0o7777);
  utimes(temp, found.atimeMs / 1000, found.mtimeMs / 1000);
  rename(temp, to);
}
