/** The methods that start work: each becomes a job whose words are those of the command line. */
import { RefusedError, UsageError } from '../base/index.ts';
import * as engine from '../engine/index.ts';
import { rebootSoon } from '../sys/index.ts';
import type { RpcCall, RpcMethod, RpcReply } from './method.ts';
import { requireSerial } from './serial.ts';

/** Seconds between the answer to `reboot` and the restart. */
const rebootDelay = 2;

const expected = { expect_serial: 'digest' } as const;

export const changingMethods: Readonly<Record<string, RpcMethod>> = {
  update: write({}, (call) => start(call, 'update', [])),
  install: write(
    { packages: 'packages', uploads: 'digests', remove: 'packages', plan_id: 'digest', ...expected },
    install,
  ),
  remove: write({ packages: 'packages', plan_id: 'digest', ...expected }, remove),
  upgrade: write({ packages_only: 'flag', skip_broken: 'flag', plan_id: 'digest', ...expected }, upgrade),
  preview: write({ packages_only: 'flag', skip_broken: 'flag' }, (call) =>
    start(call, 'upgrade', ['--preview', ...choices(call)]),
  ),
  deploy: write({ ref: 'ref', ...expected }, ({ args, ...call }) =>
    start({ ...call, args }, 'deploy', ['--', args.required('ref')]),
  ),
  rollback: write({ target: 'deployment', ...expected }, rollback),
  pin: write({ id: 'deployment', pinned: 'flag', ...expected }, pin),
  cleanup: write({}, (call) => start(call, 'cleanup', [])),
  cancel: write({ id: 'job' }, ({ env, args }) => ({
    job: engine.cancelJob(args.required('id'), env.now()),
  })),
  etc_settle: write({ path: 'path', decision: 'text' }, settle),
  upload: write({}, () => ({ ...engine.prepareUpload() })),
  upload_take: write({}, async () => ({ package: await engine.takeUpload() })),
  reboot: write(expected, reboot),
};

function write(takes: RpcMethod['takes'], run: (call: RpcCall) => Promise<RpcReply> | RpcReply): RpcMethod {
  return {
    access: 'write',
    takes,
    run: (call) => {
      requireSerial(call.where, call.args.text('expect_serial'));
      return run(call);
    },
  };
}

/** Starts a command as a job; a job that found the lock held is an error, and leaves no record. */
async function start({ env, where }: RpcCall, kind: string, words: readonly string[]): Promise<RpcReply> {
  const command = `opkg-ostree ${[kind, ...shown(words)].join(' ')}`;
  const stateroot = where.stateroot === undefined ? [] : ['--stateroot', where.stateroot];
  const job = await engine.startJob(
    { ...env, command },
    {
      kind,
      where,
      words: ['--json', '--progress=none', '--sysroot', where.sysroot, ...stateroot, kind, ...words],
    },
  );
  return { job: job.id, state: job.state, error: job.error };
}

/** The words that a person would have typed. */
function shown(words: readonly string[]): string[] {
  const plan = words.indexOf('--expect-plan');
  return words.filter(
    (word, index) => !['--', '--idempotent'].includes(word) && (plan < 0 || index < plan || index > plan + 1),
  );
}

function planned({ args }: RpcCall): string[] {
  const id = args.text('plan_id');
  return id === undefined ? [] : ['--expect-plan', id];
}

function names(call: RpcCall, argument: string): string[] {
  const found = call.args.list(argument);
  if (found.length === 0) throw new UsageError('USAGE', `argument '${argument}': it names no package`);
  return found;
}

function install(call: RpcCall): Promise<RpcReply> {
  const files = call.args.list('uploads').map(engine.uploadedFile);
  if (call.args.list('packages').length + files.length === 0) return removeNamed(call, names(call, 'remove'));
  const dropped = call.args.list('remove').flatMap((name) => ['--uninstall', name]);
  const wanted = [...call.args.list('packages'), ...files];
  return start(call, 'install', ['--idempotent', ...planned(call), ...dropped, '--', ...wanted]);
}

function remove(call: RpcCall): Promise<RpcReply> {
  return removeNamed(call, names(call, 'packages'));
}

function removeNamed(call: RpcCall, dropped: readonly string[]): Promise<RpcReply> {
  return start(call, 'remove', ['--idempotent', ...planned(call), '--', ...dropped]);
}

function upgrade(call: RpcCall): Promise<RpcReply> {
  return start(call, 'upgrade', [...planned(call), ...choices(call)]);
}

function choices({ args }: RpcCall): string[] {
  return [
    ...(args.flag('packages_only') ? ['--packages-only'] : []),
    ...(args.flag('skip_broken') ? ['--skip-broken'] : []),
  ];
}

/** To the previous deployment, or to the one that is named. */
function rollback(call: RpcCall): Promise<RpcReply> {
  const target = call.args.text('target');
  if (target === undefined) return start(call, 'rollback', []);
  return start(call, 'set-default', [String(indexOf(call, target))]);
}

async function pin(call: RpcCall): Promise<RpcReply> {
  const { env, where, args } = call;
  const index = indexOf(call, args.required('id'));
  await engine.setPinned({ ...env, command: 'opkg-ostree pin' }, where, index, args.flag('pinned'));
  return { ok: true };
}

function indexOf({ where }: RpcCall, id: string): number {
  const found = engine.readStatus(where).deployments.find((one) => one.id === id);
  if (found !== undefined) return found.index;
  throw new RefusedError('DEPLOYMENT_NOT_FOUND', `there is no deployment ${id}`, {
    hint: 'look at the deployments again',
  });
}

const decisions: readonly engine.EtcDecision[] = ['accept', 'keep', 'merge'];

async function settle({ env, where, args }: RpcCall): Promise<RpcReply> {
  const decision = decisions.find((known) => known === args.required('decision'));
  if (decision === undefined) {
    throw new UsageError('USAGE', `argument 'decision': it is not one of ${decisions.join(', ')}`);
  }
  const path = args.required('path');
  const settled = await engine.settleEtc(
    { ...env, command: `opkg-ostree etc ${decision} ${path}` },
    where,
    decision,
    path,
  );
  return { ok: true, settled };
}

/** Answers first: the caller must hear that it was heard. */
function reboot({ env, where }: RpcCall): RpcReply {
  const job = engine.currentJob(where, env.now());
  if (job !== null) {
    throw new RefusedError('LOCK_HELD', `another operation is at work: ${engine.describeJob(job)}`, {
      hint: 'let it end, or cancel it, before the restart',
      details: { job: job.id },
    });
  }
  rebootSoon(rebootDelay);
  return { ok: true, next: engine.readStatus(where).next };
}
