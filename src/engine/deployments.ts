/** Operations on the list of deployments: rollback, set-default, pin, undeploy, cleanup. */
import { checkpoint, RefusedError } from '../base/index.ts';
import {
  cleanup,
  type DeploymentItem,
  finishDeployment,
  readStaged,
  rollbackIndex,
  stageDeployment,
  withDefault,
  withoutDeployment,
  writeDeployments,
} from '../boot/index.ts';
import type { StatusDocument } from './documents.ts';
import type { Environment } from './environment.ts';
import { noteSuccess, plainEntry } from './record.ts';
import { retention, tidyUp } from './retention.ts';
import { openSession, type Session, type Where, withSession } from './session.ts';
import { retentionOf } from './settings.ts';
import { statusOf } from './status.ts';

/** The list as it stands afterwards. */
export interface DeploymentsResult {
  readonly status: StatusDocument;
  readonly notes: readonly string[];
}

/** Makes the previous deployment boot next; with `keepEtc` a new deployment of its tree that takes today's `/etc`. */
export function rollback(
  env: Environment,
  where: Where,
  options: { readonly keepEtc: boolean },
): Promise<DeploymentsResult> {
  return changeList(env, where, async (session) => {
    const index = rollbackIndex(session.deployments);
    if (!options.keepEtc) return switchTo(session, withDefault(session.deployments, index), env);
    const goal = session.sysroot.deploymentAt(index);
    const staged = await stageDeployment(
      session.sysroot,
      {
        commit: goal.checksum,
        origin: goal.origin,
        stateroot: goal.stateroot,
        kargs: goal.kargs,
        mergeFrom: session.merge,
      },
      env,
    );
    await checkpoint(env.signal);
    const made = await finishDeployment(session.sysroot, staged, env, {
      cleanup: false,
      keep: retentionOf(session),
    });
    return [...made.notes, ...(await tidyUp(session.sysroot, env))];
  });
}

/**
 * Switches to the deployment that was made with `lockFinalization`: edits to `/etc` since then go along.
 * DEPLOYMENT_NOT_FOUND where none waits.
 */
export function finalize(
  env: Environment,
  where: Where,
  options: { readonly confirmSeconds?: number | undefined },
): Promise<DeploymentsResult> {
  return changeList(env, where, async (session) => {
    const { sysroot } = session;
    const staged = readStaged(sysroot);
    if (staged === undefined) {
      throw new RefusedError('DEPLOYMENT_NOT_FOUND', 'no deployment waits to be finalized', {
        hint: "'opkg-ostree upgrade --lock-finalization' makes one; any later change replaces it",
      });
    }
    const made = await finishDeployment(sysroot, staged, env, {
      cleanup: false,
      keep: retentionOf(session),
      confirmSeconds: options.confirmSeconds,
    });
    return [...made.notes, ...(await tidyUp(sysroot, env))];
  });
}

/** Makes deployment `index` boot next. */
export function setDefault(env: Environment, where: Where, index: number): Promise<DeploymentsResult> {
  return changeList(env, where, (session) => switchTo(session, withDefault(session.deployments, index), env));
}

/** Keeps a deployment at every cleanup, or no longer. */
export function setPinned(
  env: Environment,
  where: Where,
  index: number,
  pinned: boolean,
): Promise<DeploymentsResult> {
  return changeList(env, where, (session) => {
    const deployment = session.sysroot.deploymentAt(index);
    session.sysroot.setPinned(deployment, pinned);
    return [`${deployment.id} is ${pinned ? 'pinned' : 'no longer pinned'}`];
  });
}

/** Drops deployment `index`; DEPLOYMENT_BOOTED for the running one. */
export function undeploy(env: Environment, where: Where, index: number): Promise<DeploymentsResult> {
  return changeList(env, where, async (session) => {
    await switchTo(session, withoutDeployment(session.deployments, index), env);
    return tidyUp(session.sysroot, env);
  });
}

export interface CleanupResult {
  readonly freedBytes: number;
  readonly freedObjects: number;
  readonly removed: readonly string[];
}

/** Removes what no deployment needs: leftovers of interrupted runs, unused packages, unreachable objects. */
export function cleanupSysroot(env: Environment, where: Where): Promise<CleanupResult> {
  return withSession(env, where, async ({ sysroot, stateroot, deployments }) => {
    const report = await cleanup(sysroot, env, retention(sysroot));
    noteSuccess(sysroot.varPath(stateroot), env, plainEntry(deployments[0]?.id ?? null));
    return {
      freedBytes: report.pruned?.bytes ?? 0,
      freedObjects: report.pruned?.pruned ?? 0,
      removed: report.removed,
    };
  });
}

async function switchTo(
  session: Session,
  list: readonly DeploymentItem[],
  env: Environment,
): Promise<string[]> {
  const written = await writeDeployments(session.sysroot, list, env);
  return written ? [] : ['nothing to do: the boot order is this one already'];
}

/** Runs an operation on the list of deployments under the lock, and records it. */
export function changeList(
  env: Environment,
  where: Where,
  body: (session: Session) => Promise<readonly string[]> | readonly string[],
): Promise<DeploymentsResult> {
  return withSession(env, where, async (session) => {
    const from = session.deployments[0]?.id ?? null;
    const notes = await body(session);
    const after = openSession(where);
    const recorded = noteSuccess(session.sysroot.varPath(session.stateroot), env, {
      from,
      to: after.deployments[0]?.id ?? null,
      inputs: null,
      outcome: 'done',
      verdict: 'unknown',
      scripts: [],
      error: null,
    });
    return { status: statusOf(after), notes: [...notes, ...recorded.notes] };
  });
}
