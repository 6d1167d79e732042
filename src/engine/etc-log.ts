/** The history of `/etc`: what was recorded, how it differs, and a file of then. */
import { type Checksum, RefusedError } from '../base/index.ts';
import { commitEtcTree, etcHistory } from '../boot/index.ts';
import { dictString, type LogEntry } from '../ostree/index.ts';
import type { EtcTree } from '../state/index.ts';
import type { Environment } from './environment.ts';
import { etcPath, liveEtc, restorePath } from './etc-files.ts';
import { recordNow } from './etc-settle.ts';
import { changesBetween, type EtcChange } from './etc-view.ts';
import { openSession, type Session, type Where, withSession } from './session.ts';

/** One record; `rev` is its number, 0 for the newest. */
export interface EtcLogEntry {
  readonly rev: number;
  readonly checksum: Checksum;
  readonly time: string;
  readonly deployment: string | null;
  readonly subject: string;
}

/** The records of the stateroot, newest first. */
export function etcLog(where: Where): EtcLogEntry[] {
  const session = openSession(where);
  return records(session).map(({ checksum, commit }, rev) => ({
    rev,
    checksum,
    time: new Date(commit.timestamp * 1000).toISOString(),
    deployment: dictString(commit.metadata, 'opkgostree.etc-deployment') ?? null,
    subject: commit.subject,
  }));
}

/** How a record differs from the one before it; from nothing where there is none. */
export function etcShow(where: Where, rev: string): EtcChange[] {
  const session = openSession(where);
  const all = records(session);
  const index = findRecord(all, rev);
  const tree = (at: number): EtcTree => {
    const checksum = all[at]?.checksum;
    if (checksum !== undefined) return commitEtcTree(session.sysroot.repo, checksum, '');
    return { nodes: new Map(), notes: [], read: () => new Uint8Array(), digest: () => '' as Checksum };
  };
  return changesBetween(tree(index + 1), tree(index));
}

/** Makes a file of the live `/etc` what it was then; today's `/etc` is recorded first. The file's path comes back. */
export function etcRevert(env: Environment, where: Where, file: string, rev: string): Promise<string> {
  const path = etcPath(file);
  return withSession(env, where, async (session) => {
    const all = records(session);
    const found = all[findRecord(all, rev)];
    const { repo } = session.sysroot;
    const tree = commitEtcTree(repo, found?.checksum ?? repo.resolveRev(rev), '');
    if (!tree.nodes.has(path)) {
      throw new RefusedError('OSTREE_PATH_NOT_FOUND', `record ${rev} has no /etc/${path}`, {
        hint: "'opkg-ostree etc log' lists the records; files too large or too secret for it are not in them",
      });
    }
    await recordNow(session, `before '${env.command}'`);
    for (const [inner] of tree.nodes) {
      if (inner === path || inner.startsWith(`${path}/`)) restorePath(liveEtc(session), inner, tree);
    }
    return `/etc/${path}`;
  });
}

function records(session: Session): LogEntry[] {
  return etcHistory(session.sysroot.repo, session.stateroot);
}

/** The place of the record with that number, or whose checksum begins so. */
function findRecord(all: readonly LogEntry[], rev: string): number {
  const byNumber = /^\d{1,3}$/u.test(rev) ? Number(rev) : -1;
  const index =
    byNumber >= 0 ? byNumber : all.findIndex(({ checksum }) => rev.length >= 4 && checksum.startsWith(rev));
  if (index >= 0 && index < all.length) return index;
  throw new RefusedError('OSTREE_REF_NOT_FOUND', `there is no record '${rev}' of /etc`, {
    hint: "'opkg-ostree etc log' lists them",
  });
}
