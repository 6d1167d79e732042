import { ParseError } from './errors.ts';

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** 64 lower-case hex digits: the SHA-256 that names an object or a file. */
export type Checksum = Brand<string, 'Checksum'>;
/** A local ref below `refs/heads`, or `remote:ref`. */
export type RefName = Brand<string, 'RefName'>;
/** An opkg package name. */
export type PackageName = Brand<string, 'PackageName'>;
/** A clean path relative to a tree's root: no leading `/`, no `.` or `..`, no empty part, no NUL; '' is the root. */
export type RelPath = Brand<string, 'RelPath'>;

const checksumPattern = /^[0-9a-f]{64}$/u;
const refPattern = /^(?:[\w\d][-._\w\d]*:)?[\w\d][-._\w\d]*(?:\/[\w\d][-._\w\d]*)*$/u;
const packagePattern = /^[a-zA-Z0-9_.+-]+$/u;
const maxNameLength = 255;

/** True for 64 lower-case hex digits. */
export function isChecksum(text: string): text is Checksum {
  return checksumPattern.test(text);
}

/** The text as a Checksum; ParseError OSTREE_OBJECT_CORRUPT otherwise. */
export function toChecksum(text: string): Checksum {
  if (isChecksum(text)) return text;
  throw new ParseError('OSTREE_OBJECT_CORRUPT', `not a SHA-256 checksum: '${text.slice(0, 80)}'`);
}

/** True for a valid ref or `remote:ref`; a name that looks like a checksum is none. */
export function isRefName(text: string): text is RefName {
  return refPattern.test(text) && !checksumPattern.test(text);
}

/** The text as a RefName (`[remote:]a/b/c`, libostree's grammar); ParseError OSTREE_REF_INVALID otherwise. */
export function toRefName(text: string): RefName {
  if (isRefName(text)) return text;
  throw new ParseError('OSTREE_REF_INVALID', `not a valid ref name: '${text.slice(0, 200)}'`, {
    hint: 'use letters, digits, . _ and -, parts joined by /',
  });
}

/** True for a name that opkg accepts as a package name. */
export function isPackageName(text: string): text is PackageName {
  return text.length <= maxNameLength && packagePattern.test(text);
}

/** The text as a PackageName; ParseError CONTROL_INVALID otherwise. */
export function toPackageName(text: string): PackageName {
  if (isPackageName(text)) return text;
  throw new ParseError('CONTROL_INVALID', `not a valid package name: '${text.slice(0, 80)}'`);
}

/** The longest path and the deepest nesting that any tree of ours may have (libostree recurses at most 256 deep). */
export const maxPathLength = 4096;
export const maxPathDepth = 200;

/**
 * The path as a RelPath after dropping leading `./` and `/`, doubled and trailing slashes and `.` parts.
 * Undefined where it could leave the tree or no file system could hold it: `..`, NUL, too long, too deep.
 */
export function cleanRelPath(path: string): RelPath | undefined {
  if (path.length > maxPathLength || path.includes('\0')) return undefined;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' || Buffer.byteLength(part) > maxNameLength) return undefined;
    parts.push(part);
  }
  return parts.length > maxPathDepth ? undefined : (parts.join('/') as RelPath);
}

/** A RelPath from a path that our own code wrote; ParseError IPK_UNSAFE_PATH where `cleanRelPath` finds none. */
export function toRelPath(path: string): RelPath {
  const clean = cleanRelPath(path);
  if (clean !== undefined) return clean;
  throw new ParseError('IPK_UNSAFE_PATH', `not a path inside the tree: '${path.slice(0, 200)}'`);
}
