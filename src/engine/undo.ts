/** The inverse of one history entry, as a change of its own: undoing that one does it again. */
import { isChecksum } from '../base/index.ts';
import { carryOrigin, type Origin, withDefault, writeDeployments } from '../boot/index.ts';
import { type Aim, aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change, type Target } from './change.ts';
import { changeList, type DeploymentsResult } from './deployments.ts';
import type { Environment } from './environment.ts';
import { type HistoryRecord, readHistory } from './history.ts';
import { readTreeState } from './installed.ts';
import { openSession, requireDeployment, type Session, type Where } from './session.ts';
import { needsFeeds } from './wish.ts';
import {
  isEmptyChange,
  readWishChange,
  undoImpossible,
  type WishChange,
  withoutChange,
} from './wish-change.ts';

export interface UndoRequest extends ChangeOptions {
  /** The id of a history record. */
  readonly id: string;
}

/** What came of an undo: a new deployment of the old wish, or the old boot order. */
export type UndoResult =
  | { readonly kind: 'change'; readonly result: ChangeResult }
  | { readonly kind: 'order'; readonly result: DeploymentsResult };

/**
 * Takes a history entry back: requests, overrides, holds, branch, base and kernel arguments as they were, everything else as it is
 * now. A change of the boot order is switched back. UNDO_IMPOSSIBLE where there is no inverse, and why.
 */
export async function undo(env: Environment, where: Where, request: UndoRequest): Promise<UndoResult> {
  const record = findRecord(openSession(where), request.id);
  const changed = readWishChange(record.changes);
  if (changed === undefined) return { kind: 'order', result: await undoOrder(env, where, record, request) };
  if (isEmptyChange(changed)) throw undoImpossible(`entry ${record.id} left the wish as it was`);
  const result = await change(env, where, request, (session) => inverse(session, changed, request, env));
  return { kind: 'change', result };
}

function findRecord({ sysroot, stateroot }: Session, id: string): HistoryRecord {
  const record = readHistory(sysroot.varPath(stateroot)).find((entry) => entry.id === id);
  if (record === undefined) throw undoImpossible(`the history has no entry '${id}'`);
  if (record.outcome !== 'done') {
    throw undoImpossible(`entry ${id} (${record.command}) ${record.outcome}: it changed nothing`);
  }
  return record;
}

async function inverse(
  session: Session,
  changed: WishChange,
  request: UndoRequest,
  env: Environment,
): Promise<Target> {
  const deployment = requireDeployment(session);
  const lists = withoutChange(carryOrigin(deployment.origin), changed);
  const origin: Origin = {
    ...lists,
    ...(changed.branch === undefined ? {} : { refspec: branchBefore(lists, changed.branch) }),
    ...(changed.feeds === undefined ? {} : { feeds: { snapshot: changed.feeds } }),
  };
  const base = changed.base === undefined ? {} : { base: baseBefore(session, changed.base) };
  const fetch = request.cacheOnly !== true && needsFeeds(origin);
  const aim: Aim = { origin, ...base, feeds: 'pinned', fetch, keepNames: true };
  const target = await aimAt(session, aim, env);
  if (changed.kargs === undefined) return target;
  if (changed.kargs.to.join(' ') !== deployment.kargs.join(' '))
    throw undoImpossible('the kernel arguments have been changed since');
  return { ...target, kargs: changed.kargs.from };
}

function branchBefore(origin: Origin, { from, to }: NonNullable<WishChange['branch']>): string | undefined {
  if ((origin.refspec ?? null) !== to) throw undoImpossible('another branch is followed by now');
  return from ?? undefined;
}

function baseBefore(session: Session, { from, to }: NonNullable<WishChange['base']>) {
  const { repo } = session.sysroot;
  const present = readTreeState(repo, requireDeployment(session).checksum).base;
  if (present !== to) throw undoImpossible('the base has been changed since');
  if (from === null || !isChecksum(from)) throw undoImpossible('there was no base before');
  if (repo.hasObject('commit', from)) return from;
  throw undoImpossible(`the base ${from.slice(0, 12)} is no longer in the repository: no deployment kept it`);
}

/** A rollback, a new default or a finalize: the deployment that was first before becomes first again. */
async function undoOrder(
  env: Environment,
  where: Where,
  { id, from, to, command }: HistoryRecord,
  request: UndoRequest,
): Promise<DeploymentsResult> {
  const { deployments } = openSession(where);
  if (from === null || to === null || from === to)
    throw undoImpossible(`entry ${id} (${command}) has no inverse`);
  if (deployments[0]?.id !== to) throw undoImpossible(`${to} is not what boots next any more`);
  const before = deployments.find((deployment) => deployment.id === from);
  if (before === undefined) throw undoImpossible(`the deployment ${from} is gone`);
  if (request.dryRun) throw undoImpossible(`a dry run of it shows nothing: it makes ${from} boot next again`);
  return changeList(env, where, async (session) => {
    const list = withDefault(session.deployments, before.index);
    await writeDeployments(session.sysroot, list, env);
    return [`${from} boots next again`];
  });
}
