/** The record of what a merge could not settle: /etc/opkg-ostree/conflicts.json of the deployment that it made. */
import { textOf, utf8 } from '../../base/index.ts';
import type { UciConflict } from '../../uci/index.ts';

/** Relative to /etc. Written by a merge and by `etc accept|keep|merge`; no merge carries it over as it is. */
export const conflictsFile = 'opkg-ostree/conflicts.json';

/** `both`: both changed the file; `uci`: the same option; `release`: the new default won over an edit. */
export type EtcConflictKind = 'both' | 'uci' | 'release';

/** Something for the admin to look at. Paths are relative to /etc. */
export interface EtcConflict {
  readonly path: string;
  readonly kind: EtcConflictKind;
  /** Where the side that lost is. */
  readonly beside: string;
  /** Of a UCI file: which options. */
  readonly options?: readonly UciConflict[];
}

const besideSuffix = '.opkg-ostree-new';
const oldSuffix = '.opkg-ostree-old';
/** Where copies are whose own folder is read or run as a whole. */
const besideFolder = 'opkg-ostree/new';
const wholeFolder = /(?:^|\/)(?:[^/]+\.d|uci-defaults|rc\.button|crontabs|modules)(?:\/|$)/u;

/** Where the version of `path` goes that did not win: beside it, or below opkg-ostree/new. */
export function besidePath(path: string, kind: EtcConflictKind): string {
  const suffix = kind === 'release' ? oldSuffix : besideSuffix;
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  return wholeFolder.test(folder) ? `${besideFolder}/${path}${suffix}` : `${path}${suffix}`;
}

/** The path that such a copy belongs to; undefined for any other path. */
export function besideOf(path: string): string | undefined {
  const suffix = [besideSuffix, oldSuffix].find((end) => path.endsWith(end));
  if (suffix === undefined) return undefined;
  const own = path.slice(0, -suffix.length);
  return own.startsWith(`${besideFolder}/`) ? own.slice(besideFolder.length + 1) : own;
}

/** The file's bytes. */
export function renderConflicts(conflicts: readonly EtcConflict[]): Uint8Array {
  return utf8(`${JSON.stringify({ api: 1, conflicts }, undefined, 2)}\n`);
}

/** The conflicts of the file; none where it cannot be read as one. */
export function parseConflicts(bytes: Uint8Array): EtcConflict[] {
  let value: unknown;
  try {
    value = JSON.parse(textOf(bytes));
  } catch {
    return [];
  }
  const list = typeof value === 'object' && value !== null && 'conflicts' in value ? value.conflicts : [];
  return Array.isArray(list) ? list.flatMap(conflictOf) : [];
}

function conflictOf(value: unknown): EtcConflict[] {
  if (typeof value !== 'object' || value === null) return [];
  const { path, kind, beside, options }: Partial<Record<string, unknown>> = { ...value };
  if (typeof path !== 'string' || typeof beside !== 'string') return [];
  if (besideOf(beside) !== path) return [];
  if (kind !== 'both' && kind !== 'uci' && kind !== 'release') return [];
  // Written by renderConflicts; only shown to people.
  const shown = Array.isArray(options) ? { options: options as UciConflict[] } : {};
  return [{ path, kind, beside, ...shown }];
}
