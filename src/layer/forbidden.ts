/** Paths of a tree that no package may write: who the machine trusts, who may log in, and what is ours to write. */
import { RefusedError, type RelPath } from '../base/index.ts';

const subtrees: ReadonlyMap<string, string> = new Map([
  ['usr/etc/opkg/keys', 'names the keys that feeds are trusted by'],
  ['usr/etc/apk/keys', 'names the keys that feeds are trusted by'],
  ['usr/lib/opkg/info', 'is the package database'],
  ['usr/lib/opkg-ostree/first-boot', 'is where scripts wait for the first boot'],
]);

const files: ReadonlyMap<string, string> = new Map([
  ['usr/etc/passwd', 'is written from Require-User'],
  ['usr/etc/group', 'is written from Require-User'],
  ['usr/etc/shadow', 'is written from Require-User'],
  ['usr/lib/opkg/status', 'is the package database'],
]);

/** Account files: packages may not ship them, and a script may only add lines. */
export const accountPaths: readonly string[] = ['usr/etc/passwd', 'usr/etc/group', 'usr/etc/shadow'];

/** Why a package may not write the tree path, or undefined where it may. */
export function forbiddenReason(path: RelPath): string | undefined {
  for (const [top, reason] of subtrees) {
    if (path === top || path.startsWith(`${top}/`)) return reason;
  }
  return files.get(path);
}

/** The refusal of such a path; `path` is named as the package spells it. */
export function forbiddenPath(packageName: string, path: string, reason: string): RefusedError {
  return new RefusedError(
    'LAYER_FORBIDDEN_PATH',
    `package ${packageName} may not write /${path}: it ${reason}`,
    {
      details: { package: packageName, path: `/${path}` },
      hint: `leave out ${packageName}`,
    },
  );
}
