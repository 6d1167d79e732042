/** What the faces of the terminal ask of the engine: plans, jobs, settling. */
import { InternalError, isOpkgOstreeError, type OpkgOstreeError } from '../base/index.ts';
import * as engine from '../engine/index.ts';
import { type Change, changeWords, commandLine, jobKind } from './model/change.ts';
import type { Failure } from './model/state.ts';

/** Which router, for whom. */
export interface Context {
  readonly env: engine.Environment;
  readonly where: engine.Where;
}

/** A plan with what is to be said of it. */
export interface Planned {
  readonly plan: engine.Plan;
  readonly notes: readonly string[];
}

/** What a change would do, by the engine's own dry run. */
export async function planChange({ env, where }: Context, change: Change): Promise<Planned> {
  const quiet = { ...env, command: commandLine(change), onProgress: () => undefined };
  const result = await dryRun(quiet, where, change);
  return { plan: result.plan, notes: result.notes };
}

function dryRun(env: engine.Environment, where: engine.Where, change: Change): Promise<engine.ChangeResult> {
  const dry = { dryRun: true };
  switch (change.kind) {
    case 'wish': {
      const { install, remove } = change;
      if (install.length === 0) return engine.remove(env, where, { ...dry, names: remove, idempotent: true });
      const request = {
        ...dry,
        // Nothing is brought before it is agreed to: what scripts a package has may show only then.
        cacheOnly: true,
        requests: install,
        uninstall: remove,
        idempotent: true,
        allowUnsigned: false,
      };
      return engine.install(env, where, request);
    }
    case 'hide':
      return engine.overrideRemove(env, where, { ...dry, names: change.names, forceCritical: false });
    case 'show':
      return engine.overrideReset(env, where, { ...dry, names: change.names, all: false });
    case 'upgrade': {
      const { packagesOnly } = change;
      return engine.upgrade(env, where, { ...dry, packagesOnly, allowDowngrade: false, skipBroken: false });
    }
    case 'undo':
      return undoPlan(env, where, change.id);
    default:
      throw new InternalError(`'${change.kind}' has no plan`);
  }
}

async function undoPlan(
  env: engine.Environment,
  where: engine.Where,
  id: string,
): Promise<engine.ChangeResult> {
  const undone = await engine.undo(env, where, { dryRun: true, id });
  if (undone.kind === 'change') return undone.result;
  throw new InternalError('a change of the boot order has no plan');
}

/** Starts a change as a job of its own process; `planId` is the plan that was agreed to. */
export function startChange(
  { env, where }: Context,
  change: Change,
  planId: string | undefined,
): Promise<engine.JobDocument> {
  const stateroot = where.stateroot === undefined ? [] : ['--stateroot', where.stateroot];
  return engine.startJob(
    { ...env, command: commandLine(change) },
    {
      kind: jobKind(change),
      where,
      words: [
        '--json',
        '--progress=none',
        '--sysroot',
        where.sysroot,
        ...stateroot,
        ...jobWords(change, planId),
      ],
    },
  );
}

/** The words of the job: those that are shown, and what makes sure that nothing else is done. */
function jobWords(change: Change, planId: string | undefined): string[] {
  const words = changeWords(change);
  if (planId === undefined) return words;
  // A name cannot become an option: names of packages do not begin with a dash.
  return [...words, '--expect-plan', planId, ...(change.kind === 'wish' ? ['--idempotent'] : [])];
}

/** Any thrown value as it is shown; what is not ours is a bug of ours. */
export function failureOf(thrown: unknown): Failure {
  const error = asError(thrown);
  return { message: error.message, hint: error.hint };
}

/** Any thrown value as one of our errors. */
function asError(thrown: unknown): OpkgOstreeError {
  if (isOpkgOstreeError(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new InternalError(`unexpected: ${message}`, {
    cause: thrown,
    hint: 'this is a bug: run the command again with --debug and report what it prints',
  });
}
