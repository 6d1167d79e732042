/**
 * The one way through for everything that makes a deployment: resolve, stage, finish (docs/architecture.md). An
 * operation says which wish, base and feeds it wants; this file does the rest.
 */
import { type Checksum, checkpoint, RefusedError, throwIfAborted } from '../base/index.ts';
import {
  bootChecksum,
  bootSpaceFor,
  commitTree,
  deploymentId,
  findKernel,
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
import { readTreeState, type TreeState } from './installed.ts';
import {
  downloadPackages,
  dropDownloads,
  importAll,
  knownPackage,
  type LocalFile,
  localPackages,
  type Obtained,
} from './obtain.ts';
import { isEmptyPlan, type Plan } from './plan.ts';
import { recorded, recordingRefusal } from './record.ts';
import { type Resolution, resolve } from './resolve.ts';
import { tidyUp } from './retention.ts';
import { type Session, type Where, withSession } from './session.ts';
import { findGivenUp, givenUpNotes, refuseGivenUp } from './verdicts.ts';
import { listChanges, type WishChange } from './wish-change.ts';

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
  readonly skipBroken?: boolean;
  /** Names that this operation asks for itself: none of them may stay suspended. */
  readonly wanted?: ReadonlySet<string>;
  readonly forceCritical?: boolean;
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
    const plan = options.dryRun
      ? { ...resolution.plan, etc: etcFigures(session, target.base) }
      : resolution.plan;
    const varDir = session.sysroot.varPath(session.stateroot);
    const givenUp = findGivenUp(session.sysroot.path, readHistory(varDir), plan.basis.inputs);
    const result = (outcome: ChangeResult['outcome']): ChangeResult => ({
      outcome,
      plan,
      deployment: null,
      notes: [...wishNotes(target.origin, resolution), ...uciWarnings(session), ...givenUpNotes(givenUp)],
      etc: null,
      historyId: null,
    });
    if (isUnchanged(session, target, resolution)) return result('unchanged');
    if (options.dryRun) return result('planned');
    requirePlan(plan, options.expectPlan);
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

/** What the history remembers of the change, for `undo`. */
function changesOf({ merge }: Session, target: Target, { origin, plan }: Resolution): WishChange {
  const before = merge?.origin;
  const [from, to] = [before?.refspec ?? null, origin.refspec ?? null];
  const snapshot = before?.feeds.snapshot;
  return {
    lists: listChanges(before, origin),
    ...(from === to ? {} : { branch: { from, to } }),
    ...(plan.base.from === plan.base.to ? {} : { base: { from: plan.base.from, to: plan.base.to } }),
    ...(snapshot === undefined || snapshot === origin.feeds.snapshot ? {} : { feeds: snapshot }),
    ...(target.kargs === undefined ? {} : { kargs: { from: merge?.kargs ?? [], to: target.kargs } }),
  };
}

/** STALE_PLAN where another plan was agreed to. */
function requirePlan(plan: Plan, expected: string | undefined): void {
  if (expected === undefined || plan.id === expected) return;
  throw new RefusedError('STALE_PLAN', 'the plan is no longer the one that was agreed to', {
    hint: 'the feeds or the deployments have changed: look at the plan again',
    details: { expected, found: plan.id },
  });
}

function resolveTarget(session: Session, target: Target): { resolution: Resolution; base: TreeState } {
  const { repo } = session.sysroot;
  const base = readTreeState(repo, target.base);
  if (base.layer !== undefined) {
    throw new RefusedError('NOT_BOOTABLE', `${target.base.slice(0, 12)} is a layered commit, not a base`, {
      hint: `its base is ${base.base}`,
    });
  }
  const { merge } = session;
  const resolution = resolve({
    origin: target.origin,
    base,
    baseVersion: versionOf(session, target.base),
    current:
      merge === undefined
        ? undefined
        : { id: merge.id, tree: readTreeState(repo, merge.checksum), origin: merge.origin },
    feeds: target.feeds,
    local: localPackages(repo, base, target.origin, target.files),
    architectures: target.architectures,
    known: (candidate) => knownPackage(repo, candidate),
    bootBytes: bootBytes(session, target.base),
    skipBroken: target.skipBroken ?? false,
    wanted: target.wanted ?? new Set(),
    forceCritical: target.forceCritical ?? false,
  });
  return { resolution, base };
}

/** The bytes of a base's kernel that /boot lacks; NOT_BOOTABLE for a commit without one. */
function bootBytes({ sysroot, stateroot }: Session, base: Checksum): number {
  const tree = commitTree(sysroot.repo, base);
  const layout = findKernel(tree);
  return bootSpaceFor(sysroot.path, stateroot, bootChecksum(tree, layout), layout).needed;
}

function versionOf(session: Session, commit: Checksum): string | undefined {
  return dictString(session.sysroot.repo.loadCommit(commit).metadata, 'version');
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

function wishNotes(before: Origin, { solution, suspended, origin }: Resolution): string[] {
  const back = before.suspended.filter((name) => !origin.suspended.includes(name));
  const asked = new Set([...origin.requested, ...origin.requestedLocal.map(({ name }) => name)]);
  return [
    ...suspended.map(({ name, text }) => `${name} is set aside until it can be had: ${text}`),
    ...back.filter((name) => asked.has(name)).map((name) => `${name} can be had again`),
    ...solution.inactive
      .filter((name) => !before.inactive.includes(name))
      .map((name) => `${name} is in the base already: the request waits in case a later base drops it`),
    ...solution.inactiveOverrides.map((name) => `the base has no ${name}: its override waits`),
    ...solution.unmetRecommends.map(({ by, wanted }) => `${by} recommends ${wanted}, which cannot be had`),
  ];
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
