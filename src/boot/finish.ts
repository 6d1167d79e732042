/** Brings a staged deployment's `/etc` up to date and switches to it. */
import { join } from 'node:path/posix';
import { type OperationContext, RefusedError, throwIfAborted } from '../base/index.ts';
import { type EtcReport, readEtcTree, refuseTypeConflicts, stampEtc } from '../state/index.ts';
import {
  lstatIfExists,
  now,
  readdir,
  removeTree,
  rename,
  tempNameFor,
  unlinkIfExists,
} from '../sys/index.ts';
import { entryField } from './bls.ts';
import { readBootState } from './boot-state.ts';
import { type CleanupOptions, type CleanupReport, cleanup } from './cleanup.ts';
import { type Deployment, type DeploymentItem, deploymentId } from './deployment.ts';
import { prepareSysroot } from './early-boot.ts';
import { type PlannedEtc, planEtcOf } from './etc.ts';
import { etcOf, noteEtc } from './etc-history.ts';
import { noteEtcSeen } from './etc-seen.ts';
import { withNewDeployment } from './list.ts';
import { dropStaged, type StagedDeployment } from './staged.ts';
import { type WriteOptions, writeDeployments } from './switch.ts';
import type { Sysroot } from './sysroot.ts';
import { goodOf } from './trial.ts';
import { ensureVar, installFactory } from './var.ts';

export interface FinishOptions extends WriteOptions {
  /** Keep every old deployment. */
  readonly retain?: boolean;
  /** How many deployments of the stateroot stay; see `KeepRules`. */
  readonly keep?: number;
  /** Do not make it the default. */
  readonly notDefault?: boolean;
  /** What cleanup may drop; `false` leaves it out. */
  readonly cleanup?: CleanupOptions | false;
  /** Called before each path of `/etc` is written; what it throws ends the merge there. For tests of crashes. */
  readonly onEtcStep?: (path: string) => void;
}

export interface FinishReport {
  readonly deployment: Deployment;
  readonly etc: EtcReport | undefined;
  /** What was not carried over, and what the physical root lacks. */
  readonly notes: readonly string[];
  readonly cleanup: CleanupReport | undefined;
}

/**
 * Merges `/etc` of the deployment that it was staged from, completes `/var`, switches, and cleans up. The caller
 * holds the lock. STALE_PLAN where the merge deployment is gone; ETC_TYPE_CONFLICT for edits made since the rehearsal: then
 * nothing was switched.
 */
export async function finishDeployment(
  sysroot: Sysroot,
  staged: StagedDeployment,
  ctx: OperationContext,
  options: FinishOptions = {},
): Promise<FinishReport> {
  const current = sysroot.deployments();
  const merge = mergeSource(current, staged);
  throwIfAborted(ctx.signal);
  ctx.onProgress({ phase: 'merge-etc', message: 'merging /etc' });
  const notes: string[] = [];
  const etc = mergeEtc(sysroot, staged, merge, notes, options.onEtcStep);
  const varPath = sysroot.varPath(staged.stateroot);
  ensureVar(varPath);
  installFactory(staged.path, varPath, notes);
  if (entryField(staged.entry, 'initrd') === undefined) {
    notes.push(...prepareSysroot(sysroot.path, staged, current));
  }
  const { retain, notDefault, keep } = options;
  const list: DeploymentItem[] = withNewDeployment(current, staged, {
    merge,
    good: goodOf(readBootState(sysroot.path), current),
    keep,
    ...(retain === undefined ? {} : { retain }),
    ...(notDefault === undefined ? {} : { notDefault }),
  });
  await writeDeployments(sysroot, list, ctx, options);
  dropStaged(sysroot);
  await recordHistory(sysroot, staged, merge, notes);
  const report = options.cleanup === false ? undefined : await cleanup(sysroot, ctx, options.cleanup);
  const deployment = sysroot.deployments().find(({ id }) => id === deploymentId(staged));
  if (deployment === undefined) {
    throw new RefusedError('STALE_PLAN', `${deploymentId(staged)} vanished while it was switched to`, {
      hint: 'run the command again',
    });
  }
  return { deployment, etc, notes, cleanup: report };
}

/** The edits that were merged, and what the merge made of them. */
async function recordHistory(
  sysroot: Sysroot,
  staged: StagedDeployment,
  merge: Deployment | undefined,
  notes: string[],
): Promise<void> {
  // A sysroot that another tool made is left as that tool keeps it.
  if (sysroot.target === undefined) return;
  const id = deploymentId(staged);
  const { stateroot } = staged;
  noteEtcSeen(sysroot.path, merge, staged);
  if (merge !== undefined && merge.stateroot === stateroot) {
    const before = {
      stateroot,
      etc: etcOf(merge),
      deployment: merge.id,
      subject: `before the merge into ${id}`,
    };
    await noteEtc(sysroot.repo, before, notes);
  }
  if (lstatIfExists(etcOf(staged)) === undefined) return;
  const after = { stateroot, etc: etcOf(staged), deployment: id, subject: `merged for ${id}` };
  await noteEtc(sysroot.repo, after, notes);
}

function mergeSource(current: readonly Deployment[], staged: StagedDeployment): Deployment | undefined {
  if (staged.mergeFrom === undefined) return undefined;
  const merge = current.find(({ id }) => id === staged.mergeFrom);
  if (merge !== undefined) return merge;
  throw new RefusedError('STALE_PLAN', `${staged.mergeFrom}, which /etc was to come from, is gone`, {
    hint: 'run the command again',
  });
}

/** The merge is made in a copy beside `/etc`: what a crash leaves is a temporary folder in a deployment nobody names. */
function mergeEtc(
  sysroot: Sysroot,
  staged: StagedDeployment,
  merge: Deployment | undefined,
  notes: string[],
  onEtcStep: ((path: string) => void) | undefined,
): PlannedEtc | undefined {
  const etc = join(staged.path, 'etc');
  const defaults = join(staged.path, 'usr/etc');
  if (lstatIfExists(defaults) === undefined) return undefined;
  // What a finalize that was cut short left in a deployment that waits.
  for (const name of readdir(staged.path)) {
    if (name.startsWith('.etc.tmp-')) removeTree(join(staged.path, name));
  }
  let plan: PlannedEtc | undefined;
  if (merge !== undefined) {
    plan = refuseTypeConflicts(planEtcOf(sysroot, merge, readEtcTree(defaults), staged.path));
    const temp = tempNameFor(etc);
    try {
      notes.push(...plan.write(defaults, temp, onEtcStep));
    } catch (error) {
      removeTree(temp);
      throw error;
    }
    removeTree(etc);
    rename(temp, etc);
  }
  unlinkIfExists(join(etc, '.updated'));
  // A router with a wrong clock must not start before the commit was made.
  const made = sysroot.repo.loadCommit(staged.checksum).timestamp;
  stampEtc(etc, Math.max(Math.floor(now() / 1000), made));
  return plan;
}
