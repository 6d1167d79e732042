/** What opkg says while it works. Text is bytes, one UTF-16 unit each (`byteText`), so that names of any encoding pass unchanged. */

/** Takes the lines; the front end decides what is printed where and when. */
export interface Messages {
  /** 0 errors, 1 notices, 2 information, 3 and 4 debugging. */
  readonly verbosity: number;
  /** A normal line; the text ends it itself. */
  notice(text: string): void;
  /** From verbosity 2 on; `where` is the function that opkg names before the text. */
  info(where: string, text: string): void;
  /** Collected, and printed at the end. Without `where` nothing stands before the text. */
  error(where: string | undefined, text: string): void;
}

/** The bytes as text of the same length. */
export function byteText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A word or path of this program as text of bytes. */
export function toByteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A path in text of bytes as the file system's functions take it. */
export function toPath(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** The order of texts of bytes, as strcmp has it. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The C library's words for an errno name, as far as opkg's users meet them. */
export function errnoText(errno: string | undefined): string {
  return errnoTexts[errno ?? ''] ?? errno ?? 'Unknown error';
}

const errnoTexts: Readonly<Partial<Record<string, string>>> = {
  EACCES: 'Permission denied',
  EAGAIN: 'Resource temporarily unavailable',
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  ELOOP: 'Symbolic link loop',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
};
