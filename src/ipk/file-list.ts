import { compareBytes, type RelPath } from '../base/index.ts';

/**
 * The text of opkg's `info/<name>.list`: one absolute path a line. The caller passes what opkg lists, which is
 * everything but directories; opkg's own order is arbitrary, ours is sorted so that equal packages give equal bytes.
 */
export function renderFileList(paths: Iterable<RelPath>): string {
  return [...paths]
    .sort(compareBytes)
    .map((path) => `/${path}\n`)
    .join('');
}

/** The paths of an `info/<name>.list`, without the leading slash, empty lines left out. */
export function parseFileList(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/^\/+/u, ''))
    .filter((line) => line !== '');
}
