import {
  chmod,
  copyFile,
  effectiveUser,
  lchown,
  rename,
  stat,
  tempNameFor,
  utimes,
  writeFile,
} from '../sys/index.ts';

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

/** Puts the bytes in the place of the file in one step; the transaction's flush makes them durable. */
export function replaceFile(path: string, bytes: Uint8Array, mode = 0o644): void {
  const temp = tempNameFor(path);
  writeFile(temp, bytes);
  chmod(temp, mode);
  rename(temp, path);
}
