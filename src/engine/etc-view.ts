/** What the admin changed in `/etc`, and what the next merge will make of it. */
import { join } from 'node:path/posix';
import { type Checksum, isOpkgOstreeError, strictTextOf } from '../base/index.ts';
import { type Deployment, planEtcOf, readConflicts } from '../boot/index.ts';
import {
  type EtcClass,
  type EtcConflict,
  type EtcTree,
  etcDifference,
  readEtcTree,
  unifiedDiff,
} from '../state/index.ts';
import { environment, lstatIfExists, readdirIfExists } from '../sys/index.ts';
import { liveEtc } from './etc-files.ts';
import { baseOf, nextDefaults } from './etc-next.ts';
import type { Plan } from './plan.ts';
import { openSession, requireDeployment, type Session, type Where } from './session.ts';

/** One path that differs; `diff` is a unified diff, null for what is no text. */
export interface EtcChange {
  readonly path: string;
  readonly change: 'added' | 'modified' | 'deleted';
  readonly diff: readonly string[] | null;
}

/** What the running (or next) deployment's `/etc` has of its own: every change to `/usr/etc`. */
export function etcDiff(where: Where): EtcChange[] {
  const session = openSession(where);
  const { path } = requireDeployment(session);
  return changesBetween(readEtcTree(join(path, 'usr/etc')), readEtcTree(liveEtc(session)));
}

/** How two trees differ, by path. */
export function changesBetween(from: EtcTree, to: EtcTree): EtcChange[] {
  const { added, modified, removed } = etcDifference(from, to);
  const named = (paths: readonly string[], change: EtcChange['change']) =>
    paths.map(
      (path): EtcChange => ({
        path: `/etc/${path}`,
        change,
        diff: diffOf(textAt(from, path), textAt(to, path)),
      }),
    );
  const all = [...named(added, 'added'), ...named(modified, 'modified'), ...named(removed, 'deleted')];
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** One path of a preview. `diff` is from today's file to the one that will be. */
export interface EtcPreviewEntry {
  readonly path: string;
  readonly class: EtcClass;
  readonly note: string | null;
  readonly diff: readonly string[] | null;
}

export interface EtcPreview {
  readonly from: string;
  readonly to: Checksum;
  readonly entries: readonly EtcPreviewEntry[];
  readonly conflicts: readonly EtcConflict[];
  readonly notes: readonly string[];
}

/**
 * The next merge of `/etc`, planned by what will do it. Without `rev` the new defaults are those of the branch that the
 * system follows; layered packages keep theirs.
 */
export function etcPreview(where: Where, rev: string | undefined): EtcPreview {
  const session = openSession(where);
  const merge = requireDeployment(session);
  const to = rev === undefined ? nextBase(session, merge) : session.sysroot.repo.resolveRev(rev);
  const live = readEtcTree(join(merge.path, 'etc'));
  const plan = planEtcOf(session.sysroot, merge, nextDefaults(session, merge, to));
  const entries = plan.entries.map((entry): EtcPreviewEntry => {
    const node = plan.after(entry.path);
    const after = node?.bytes === undefined ? linkText(node) : strictTextOf(node.bytes);
    return {
      path: `/etc/${entry.path}`,
      class: entry.class,
      note: entry.note ?? null,
      diff: diffOf(textAt(live, entry.path), after),
    };
  });
  return {
    from: merge.id,
    to,
    entries,
    conflicts: plan.conflicts,
    notes: [...plan.notes, ...uciWarnings(session)],
  };
}

/** The figures of a plan's `etc`: null where the defaults stay the same, or there is nothing to merge from. */
export function etcFigures(session: Session, base: Checksum): Plan['etc'] {
  const { merge, sysroot } = session;
  if (merge === undefined || baseOf(session, merge) === base) return null;
  const { entries } = planEtcOf(sysroot, merge, nextDefaults(session, merge, base));
  const count = (wanted: EtcClass) => entries.filter((entry) => entry.class === wanted).length;
  return { updated: count('updated'), merged: count('merged'), conflicts: count('conflict') };
}

/** How many conflicts of its `/etc` nobody has settled. */
export function countConflicts(deployment: Deployment): number {
  return readConflicts(deployment).length;
}

/** The conflicts of the running (or next) deployment. */
export function etcConflicts(where: Where): EtcConflict[] {
  return readConflicts(requireDeployment(openSession(where)));
}

/** A warning where `uci` holds changes that were not committed: a restart loses them, and no merge sees them. */
export function uciWarnings({ merge }: Session): string[] {
  const named = environment('OPKG_OSTREE_UCI_DELTAS');
  if (named === undefined && merge?.booted !== true) return [];
  const waiting = new Set((named?.split(':') ?? deltaFolders()).flatMap(waitingIn));
  if (waiting.size === 0) return [];
  return [
    `uci changes of ${[...waiting].sort().join(', ')} are not committed: 'uci commit' keeps them, a restart loses them`,
  ];
}

/** Where `uci` keeps what was not committed, and where rpcd does for each session of LuCI. */
function deltaFolders(): string[] {
  const sessions = readdirIfExists('/var/run/rpcd').filter((name) => name.startsWith('uci-'));
  return ['/tmp/.uci', ...sessions.map((name) => `/var/run/rpcd/${name}`)];
}

function waitingIn(folder: string): string[] {
  return readdirIfExists(folder).filter((name) => {
    const stats = lstatIfExists(join(folder, name));
    return stats?.isFile() === true && stats.size > 0;
  });
}

/** The commit that an upgrade would take, as far as it is here. */
function nextBase(session: Session, merge: Deployment): Checksum {
  const { refspec } = merge.origin;
  if (refspec === undefined) return baseOf(session, merge);
  try {
    return session.sysroot.repo.resolveRev(refspec);
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.code !== 'OSTREE_REF_NOT_FOUND') throw error;
    return baseOf(session, merge);
  }
}

function linkText(node: { readonly kind: string; readonly target?: string } | undefined): string | undefined {
  if (node === undefined) return '';
  return node.kind === 'symlink' ? `-> ${node.target ?? ''}\n` : undefined;
}

/** '' for what is not there; undefined for a directory, and for bytes that are no text. */
function textAt(tree: EtcTree, path: string): string | undefined {
  const node = tree.nodes.get(path);
  if (node?.kind !== 'file') return linkText(node);
  if (node.size > maxDiffBytes) return undefined;
  const text = strictTextOf(tree.read(path));
  return text?.includes('\0') === true ? undefined : text;
}

const maxDiffBytes = 1024 * 1024;

function diffOf(from: string | undefined, to: string | undefined): string[] | null {
  return from === undefined || to === undefined ? null : unifiedDiff(from, to);
}
