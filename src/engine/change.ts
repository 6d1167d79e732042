/**
 * The one way through for everything that makes a deployment: resolve, stage, finish (docs/architecture.md). An
 * operation says which wish, base and feeds it wants; this file does the rest.
 */
import { type Checksum, checkpoint, throwIfAborted } from '../base/index.ts';
import {
  deploymentId,
  finishDeployment,
  holdStaged,
  type Origin,
  renderOrigin,
  type StagedDeployment,
  stageDeployment,
} from '../boot/index.ts';
import type { TransferOptions } from '../ipk/index.ts';
import { assemble, checkModules, type LayeredCommit } from '../layer/index.ts';
import { dictString } from '../ostree/index.ts';
import type { Environment } from './environment.ts';
import { type EtcSummary, summarizeEtc } from './etc-summary.ts';
import { etcFigures, uciWarnings } from './etc-view.ts';
import type { FeedSnapshot } from './feed-snapshot.ts';
import { readHistory, type ScriptReport } from './history.ts';
import type { TreeState } from './installed.ts';
import { downloadPackages, dropDownloads, importAll, type LocalFile, type Obtained } from './obtain.ts';
import { isEmptyPlan, type Plan } from './plan.ts';
import { recorded, recordingRefusal } from './record.ts';
import type { Rename } from './renames.ts';
import type { Resolution } from './resolve.ts';
import { changesOf, lookAhead, requirePlan, resolveTarget, wishNotes } from './resolve-target.ts';
import { tidyUp } from './retention.ts';
import { type Session, type Where, withSession } from './session.ts';
import { retentionOf } from './settings.ts';
import { requireSpace } from './space.ts';
import { findGivenUp, givenUpNotes, refuseGivenUp } from './verdicts.ts';

/** What every command that makes a deployment can be asked for. */
export interface ChangeOptions {
  /** Return the plan and change nothing. */
  readonly dryRun: boolean;
  /** Use only packages that are in the cache. */
  readonly cacheOnly?: boolean;
  /** The id of the plan that was agreed to; another one is refused. */
  readonly expectPlan?: string | undefined;
  /** Stop when the packages are in the cache. */
  readonly downloadOnly?: boolean;
  /** Make the deployment and leave the switch to `finalize`. */
  readonly lockFinalization?: boolean;
  /** Seconds that the admin has to confirm the deployment after its checks passed; else the router goes back. */
  readonly confirmSeconds?: number | undefined;
  /** GIVEN_UP_BEFORE where a deployment of the same inputs was given up; otherwise that is only noted. */
  readonly refuseGivenUp?: boolean;
}

export interface ChangeResult {
  readonly outcome: 'done' | 'unchanged' | 'planned' | 'downloaded' | 'staged';
  readonly plan: Plan;
  /** Of the deployment that was made. */
  readonly deployment: { readonly id: string; readonly checksum: Checksum; readonly path: string } | null;
  readonly notes: readonly string[];
  readonly etc: EtcSummary | null;
  readonly historyId: string | null;
}

/** What an operation wants; everything else follows from it. */
export interface Target {
  /** The next wish. */
  readonly origin: Origin;
  /** The base commit, without any layer. */
  readonly base: Checksum;
  /** The feeds to solve against; undefined where none has been fetched. */
  readonly feeds: FeedSnapshot | undefined;
  /** Package files that the wish names and that are not in the cache yet. */
  readonly files: readonly LocalFile[];
  /** Proxy and certificate settings for downloads. */
  readonly transfer: TransferOptions;
  /** Architecture to priority, for the solver. */
  readonly architectures: ReadonlyMap<string, number>;
  /** Kernel arguments where they differ from those of the merge deployment. */
  readonly kargs?: readonly string[];
  /** Names of the wish that were put right for the new base's release. */
  readonly renames?: readonly Rename[];
  readonly skipBroken?: boolean;
  /** Names that this operation asks for itself: none of them may stay suspended. */
  readonly wanted?: ReadonlySet<string>;
  readonly forceCritical?: boolean;
  /** The names that may move: what else is layered stays as it is unless that cannot be. All may where absent. */
  readonly moving?: ReadonlySet<string>;
  /** Make a deployment even where the tree would be the same. */
  readonly force?: boolean;
}

/** Runs an operation: `aim` says what is wanted, the rest is resolve, stage and finish, under the sysroot's lock. */
export function change(
  env: Environment,
  where: Where,
  options: ChangeOptions,
  aim: (session: Session) => Promise<Target> | Target,
): Promise<ChangeResult> {
  return withSession(env, where, async (session) => {
    env.onProgress({ phase: 'resolve' });
    const { repo } = session.sysroot;
    const refusing = <T>(body: () => Promise<T> | T) =>
      options.dryRun ? body() : recordingRefusal(env, session, body);
    const target = await refusing(() => aim(session));
    throwIfAborted(env.signal);
    const { resolution, base } = await refusing(() => resolveTarget(session, target));
    const looked = await lookAhead(session, target, resolution, options, env);
    const plan = options.dryRun ? { ...looked.plan, etc: etcFigures(session, target.base) } : looked.plan;
    const varDir = session.sysroot.varPath(session.stateroot);
    const givenUp = findGivenUp(session.sysroot.path, readHistory(varDir), plan.basis.inputs);
    const result = (outcome: ChangeResult['outcome']): ChangeResult => ({
      outcome,
      plan,
      deployment: null,
      notes: [
        ...wishNotes(target.origin, resolution),
        ...looked.notes,
        ...uciWarnings(session),
        ...givenUpNotes(givenUp),
      ],
      etc: null,
      historyId: null,
    });
    if (isUnchanged(session, target, resolution)) return result('unchanged');
    if (options.dryRun) return result('planned');
    requirePlan(plan, options.expectPlan);
    await refusing(() => requireSpace(repo, plan));
    if (options.refuseGivenUp === true) refuseGivenUp(givenUp);
    return recorded(env, session, plan, changesOf(session, target, resolution), async () => {
      const obtained = await downloadPackages(
        repo,
        resolution.solution,
        { ...options, transfer: target.transfer },
        env,
      );
      if (options.downloadOnly === true) {
        await repo.withTransaction(() => importAll(repo, obtained, env));
        dropDownloads(repo);
        return { result: result('downloaded'), scripts: [] };
      }
      // One transaction for the packages and the layer: one sync, and nothing stays of a layer that is refused.
      const layered = await repo.withTransaction(() =>
        layerTarget(session, resolution, { base, obtained }, env),
      );
      dropDownloads(repo);
      await checkpoint(env.signal);
      const staged = await stageTarget(
        session,
        target,
        resolution.origin,
        layered?.commit ?? base.commit,
        env,
      );
      await checkpoint(env.signal);
      const deployment = { id: deploymentId(staged), checksum: staged.checksum, path: staged.path };
      if (options.lockFinalization === true) {
        holdStaged(session.sysroot, staged);
        const notes = [...result('staged').notes, ...scriptNotes(layered)];
        return {
          result: { ...result('staged'), deployment, notes, etc: summarizeEtc(staged.etc) },
          scripts: layered?.scripts.map(scriptReport) ?? [],
        };
      }
      const made = await finishDeployment(session.sysroot, staged, env, {
        cleanup: false,
        keep: retentionOf(session),
        confirmSeconds: options.confirmSeconds,
      });
      const leftovers = await tidyUp(session.sysroot, env);
      return {
        result: {
          ...result('done'),
          deployment,
          notes: [...result('done').notes, ...scriptNotes(layered), ...made.notes, ...leftovers],
          etc: summarizeEtc(made.etc ?? staged.etc),
        },
        scripts: layered?.scripts.map(scriptReport) ?? [],
      };
    });
  });
}

/** True when the deployment that would come out is the one that boots next already. */
function isUnchanged(session: Session, target: Target, { plan, origin }: Resolution): boolean {
  const next = session.deployments[0];
  if (target.force === true || target.kargs !== undefined || next === undefined) return false;
  const wishOf = (wish: Origin) => renderOrigin({ ...wish, feeds: { snapshot: undefined }, pinned: false });
  return isEmptyPlan(plan) && next.id === session.merge?.id && wishOf(next.origin) === wishOf(origin);
}

async function layerTarget(
  session: Session,
  { origin, solution }: Resolution,
  parts: { base: TreeState; obtained: Obtained },
  env: Environment,
): Promise<LayeredCommit | undefined> {
  if (solution.install.length === 0 && solution.removed.length === 0) return undefined;
  const { repo } = session.sysroot;
  const commits = await importAll(repo, parts.obtained, env);
  const packages = solution.install.flatMap((entry, index) => {
    const commit = commits[index];
    const from = entry.package.origin;
    return commit === undefined
      ? []
      : [{ commit, reason: entry.reason, feed: from.kind === 'feed' ? from.feed : '' }];
  });
  env.onProgress({ phase: 'layer', total: packages.length, unit: 'packages' });
  const layered = await assemble(
    repo,
    {
      base: parts.base.commit,
      packages,
      remove: solution.removed,
      replace: solution.replaced.map((entry) => entry.name),
      // The snapshot is named by the origin. In the commit it would make two routers with the same packages differ.
      feeds: [],
      scriptPolicy: 'fail',
      requested: [...origin.requested, ...origin.requestedLocal.map((entry) => entry.name)].sort(),
    },
    env,
  );
  const kernel = dictString(repo.loadCommit(parts.base.commit).metadata, 'ostree.linux');
  checkModules(repo, parts.base.commit, layered.commit, kernel);
  return layered;
}

function stageTarget(
  session: Session,
  target: Target,
  origin: Origin,
  commit: Checksum,
  env: Environment,
): Promise<StagedDeployment> {
  return stageDeployment(
    session.sysroot,
    {
      commit,
      origin,
      stateroot: session.stateroot,
      mergeFrom: session.merge,
      ...(target.kargs === undefined ? {} : { kargs: target.kargs }),
    },
    env,
  );
}

function scriptNotes(layered: LayeredCommit | undefined): string[] {
  const deferred = layered?.scripts.filter((script) => script.scriptClass === 'deferred') ?? [];
  const waiting = deferred.map(
    (script) => `the ${script.script} of ${script.package} runs at the first boot`,
  );
  return [...(layered?.notes ?? []), ...waiting];
}

function scriptReport(script: LayeredCommit['scripts'][number]): ScriptReport {
  return { package: script.package, class: script.scriptClass, status: script.status, output: script.output };
}
