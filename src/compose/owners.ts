/**
 * Who owns the files of a commit. A root that an unprivileged user packed names that user everywhere; on the router
 * such files would belong to whoever gets this id, so they become root's.
 */
import { type RelPath, textOf } from '../base/index.ts';
import type { RootEntry, ScannedRoot } from './entries.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface OwnerRule {
  readonly map: (owner: Owner) => Owner;
  readonly warning: string | undefined;
}

const root: Owner = { uid: 0, gid: 0 };

/**
 * How owners map. `squash` true: all become root's; false: all stay; undefined: those of the unprivileged packer
 * become root's, that is the owner of the root folder when /etc/passwd of the tree knows no such user.
 */
export function ownerRule(scanned: ScannedRoot, squash: boolean | undefined): OwnerRule {
  if (squash === true) return { map: () => root, warning: undefined };
  const packer = squash === false ? undefined : findPacker(scanned);
  if (packer === undefined) return { map: (owner) => owner, warning: undefined };
  const map = ({ uid, gid }: Owner) => ({
    uid: uid === packer.uid ? 0 : uid,
    gid: gid === packer.gid ? 0 : gid,
  });
  return {
    map,
    warning: `the root was packed by an unprivileged user: files of ${packer.uid}:${packer.gid} become root's`,
  };
}

function findPacker({ entries, captured }: ScannedRoot): Owner | undefined {
  const owner = entries.get('' as RelPath) ?? commonOwner([...entries.values()]);
  if (owner === undefined || owner.uid === 0) return undefined;
  const passwd = captured.get('etc/passwd' as RelPath) ?? captured.get('usr/etc/passwd' as RelPath);
  return passwd !== undefined && knownUsers(textOf(passwd)).has(owner.uid) ? undefined : owner;
}

/** The owner that all files have: an archive need not hold folders, its own root least of all. */
function commonOwner(all: readonly RootEntry[]): Owner | undefined {
  const entries = all.filter((entry) => entry.type !== 'directory');
  const [first] = entries;
  if (first === undefined) return undefined;
  return entries.every((entry) => entry.uid === first.uid) ? first : undefined;
}

function knownUsers(passwd: string): ReadonlySet<number> {
  const ids = passwd.split('\n').map((line) => Number.parseInt(line.split(':')[2] ?? '', 10));
  return new Set(ids.filter((id) => Number.isInteger(id)));
}
