/** Runs the scripts of a layer that are neither native nor deferred, and judges what they did. */
import {
  type Checksum,
  type OperationContext,
  RefusedError,
  type RelPath,
  throwIfAborted,
  toRelPath,
} from '../base/index.ts';
import { MutableTree, type Repository, type Transaction } from '../ostree/index.ts';
import { readFile, wait } from '../sys/index.ts';
import { queueDeferred } from './deferred.ts';
import { accountPaths, forbiddenReason } from './forbidden.ts';
import { applyChanges, describeChange, type TreeChange } from './script-changes.ts';
import { type ScriptCommand, ScriptSession, type SessionRun } from './script-session.ts';
import type { ScriptRun } from './spec.ts';
import { readTreeText } from './tree-files.ts';

/** A script to run, with what it takes to defer it instead. */
export interface ScriptJob extends ScriptCommand {
  /** The script's text; empty for the enabling of a service. */
  readonly bytes: Uint8Array;
}

export interface RunOptions {
  readonly policy: 'fail' | 'warn';
  readonly timestamp: number;
  readonly timeout: number;
}

/** Two runs are this far apart, in milliseconds, so that a script that writes the time into a file is seen to do so. */
const runDistance = 1100;

/**
 * Runs the jobs in order on the tree, each seeing what those before it did, and returns the tree with their changes.
 * RefusedError SCRIPT_FAILED where one fails and the policy is `fail`, SCRIPT_SANDBOX_UNAVAILABLE.
 */
export async function runScripts(
  repo: Repository,
  txn: Transaction,
  root: { readonly tree: Checksum; readonly meta: Checksum },
  jobs: readonly ScriptJob[],
  options: RunOptions,
  ctx: OperationContext,
): Promise<{ tree: MutableTree; runs: ScriptRun[] }> {
  const tree = MutableTree.open(repo, root.tree, root.meta);
  const runs: ScriptRun[] = [];
  if (jobs.length === 0) return { tree, runs };
  const session = await ScriptSession.open(repo, root, options, ctx);
  try {
    for (const [done, job] of jobs.entries()) {
      throwIfAborted(ctx.signal);
      ctx.onProgress({
        phase: 'scripts',
        message: nameOf(job),
        done,
        total: jobs.length,
        package: job.package,
      });
      const run = await runJob(repo, txn, tree, session, job);
      if (run.outcome !== 'ok' && run.outcome !== 'deferred' && options.policy === 'fail')
        throw scriptFailed(run);
      runs.push(run);
    }
  } finally {
    session.close();
  }
  return { tree, runs };
}

async function runJob(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  session: ScriptSession,
  job: ScriptJob,
): Promise<ScriptRun> {
  const first = await session.run(tree, job);
  const changes = first.result.value ?? [];
  const failure = failureOf(repo, tree, job, first);
  if (failure !== undefined) return describe(job, first, failure);
  if (changes.length === 0) return describe(job, first, { outcome: 'ok', reason: '' });
  await wait(runDistance);
  const second = await session.run(tree, job);
  const unstable = differences(changes, second.result.value ?? []);
  session.drop(second.name);
  if (unstable.length === 0 && second.result.kind === 'exited') {
    applyChanges(txn, tree, changes);
    session.accept(first.name);
    return describe(job, first, { outcome: 'ok', reason: '' });
  }
  session.drop(first.name);
  return unstableRun(txn, tree, job, first, unstable);
}

/**
 * A result that differs from run to run cannot be part of a commit that is the same everywhere. What only concerns
 * /etc (a key, a random port) is made on the machine itself at its first boot; the rest is refused.
 */
function unstableRun(
  txn: Transaction,
  tree: MutableTree,
  job: ScriptJob,
  run: SessionRun,
  unstable: readonly string[],
): ScriptRun {
  const paths = unstable.map((path) => `/${path}`).join(', ');
  const movable = job.action === 'postinst' || job.action === 'postinst-pkg';
  const onlyEtc = (run.result.value ?? []).every((change) => change.path.startsWith('usr/etc/'));
  if (movable && onlyEtc) {
    queueDeferred(txn, tree, {
      package: job.package,
      member: job.action,
      bytes: job.bytes,
    });
    return {
      ...describe(job, run, { outcome: 'deferred', reason: `gives another ${paths} each time` }),
      changed: [],
    };
  }
  return describe(job, run, { outcome: 'failed', reason: `two runs of it gave different results: ${paths}` });
}

interface Verdict {
  readonly outcome: ScriptRun['outcome'];
  readonly reason: string;
}

function failureOf(
  repo: Repository,
  tree: MutableTree,
  job: ScriptJob,
  run: SessionRun,
): Verdict | undefined {
  const { kind, status, value = [] } = run.result;
  if (kind === 'timeout') return { outcome: 'timeout', reason: 'did not end in time and was killed' };
  // rc.common reports 1 for a script that has neither START nor STOP.
  if (status !== 0 && job.action !== 'enable')
    return { outcome: 'failed', reason: `ended with status ${status}` };
  for (const change of value) {
    const reason = changeRefusal(repo, tree, change);
    if (reason !== undefined) return { outcome: 'failed', reason };
  }
  return undefined;
}

function changeRefusal(repo: Repository, tree: MutableTree, change: TreeChange): string | undefined {
  const { path } = change;
  if (change.kind === 'special') return `left a pipe, socket or device at /${path}`;
  if (path !== 'usr' && !path.startsWith('usr/')) return `changed /${path}, which is outside /usr and /etc`;
  if (accountPaths.includes(path))
    return onlyAdds(repo, tree, change) ? undefined : `changed lines of /${path}`;
  const reason = forbiddenReason(path);
  return reason === undefined ? undefined : `changed /${path}, which ${reason}`;
}

function onlyAdds(repo: Repository, tree: MutableTree, change: TreeChange): boolean {
  if (change.kind !== 'file') return false;
  const before = readTreeText(repo, tree, change.path);
  if (before === undefined) return true;
  const after = Buffer.from(readFile(change.source)).toString('latin1').split('\n');
  // A group's line may gain members: its first three fields stay.
  const head = (line: string) =>
    change.path === 'usr/etc/group' ? line.split(':').slice(0, 3).join(':') : line;
  const heads = new Set(after.map(head));
  return before.split('\n').every((line) => line === '' || heads.has(head(line)));
}

function differences(a: readonly TreeChange[], b: readonly TreeChange[]): RelPath[] {
  const inA = new Map(a.map((change) => [describeChange(change), change.path]));
  const inB = new Map(b.map((change) => [describeChange(change), change.path]));
  const only = (x: ReadonlyMap<string, RelPath>, y: ReadonlyMap<string, RelPath>) =>
    [...x].filter(([text]) => !y.has(text)).map(([, path]) => path);
  return [...new Set([...only(inA, inB), ...only(inB, inA)])].sort().map(toRelPath);
}

function describe(job: ScriptJob, run: SessionRun, verdict: Verdict): ScriptRun {
  return {
    package: job.package,
    script: nameOf(job),
    scriptClass: verdict.outcome === 'deferred' ? 'deferred' : 'sandboxed',
    outcome: verdict.outcome,
    status: run.result.status,
    output: run.result.output,
    changed: verdict.outcome === 'ok' ? [...new Set((run.result.value ?? []).map((c) => c.path))].sort() : [],
    reason: verdict.reason,
  };
}

function nameOf(job: ScriptCommand): string {
  return job.action === 'enable' ? `enable ${job.service}` : job.action;
}

function scriptFailed(run: ScriptRun): RefusedError {
  const last = run.output.trim().split('\n').slice(-3).join(' / ').slice(0, 300);
  return new RefusedError(
    'SCRIPT_FAILED',
    `the script ${run.script} of package ${run.package} ${run.reason}${last === '' ? '' : `: ${last}`}`,
    {
      details: { package: run.package, script: run.script, status: run.status, output: run.output },
      hint: `leave out ${run.package}, or let it pass with --scripts=warn`,
    },
  );
}
