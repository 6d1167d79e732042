/**
 * Turns a stock OpenWrt into a deployment of itself, on the same file system. Nothing that it writes is looked at by the
 * stock system; until the last step the loader starts that. Each step can be repeated: a run that was cut off goes on.
 */
import { join } from 'node:path/posix';
import {
  type Checksum,
  type RefName,
  RefusedError,
  type RelPath,
  toRefName,
  UsageError,
} from '../../base/index.ts';
import {
  finishDeployment,
  type HandoverStep,
  handOver,
  initStateroot,
  isStaterootName,
  newOrigin,
  type Origin,
  readStock,
  Sysroot,
  stageDeployment,
  withFirmwareAt,
  writeStock,
} from '../../boot/index.ts';
import { composeRootfs } from '../../compose/index.ts';
import { acquireLock, exists, lstatIfExists, mkdirDurable, productVersion } from '../../sys/index.ts';
import { productFiles } from '../../sys/rare.ts';
import type { Environment } from '../environment.ts';
import { noteSuccess, recordingFailure } from '../record.ts';
import { carryEtc, carryState } from './carry.ts';
import {
  type ConversionDocument,
  type ConversionPlan,
  isRequest,
  planConversion,
  requireRoom,
} from './plan.ts';
import { destinationOf } from './rules.ts';
import { type StockSystem, type SystemRequest, withStockSystem } from './system.ts';

export interface ConvertRequest extends SystemRequest {
  readonly branch: string;
  readonly stateroot: string;
  readonly confirmSeconds?: number | undefined;
  /** Called before each step; what it throws ends the conversion there. For tests of crashes. */
  readonly onStep?: (step: ConvertStep) => void;
}

/** The steps, in order. */
export type ConvertStep =
  | 'record'
  | 'sysroot'
  | 'compose'
  | 'state'
  | 'stage'
  | 'etc'
  | 'finish'
  | HandoverStep
  | 'history';

export interface ConvertResult {
  readonly plan: ConversionDocument;
  readonly checksum: Checksum;
  readonly deployment: string;
  readonly notes: readonly string[];
}

/** How often a system that changes while it is read is read again. */
const attempts = 4;

/** What a conversion would do. */
export function convertPlan(env: Environment, request: ConvertRequest): Promise<ConversionDocument> {
  const branch = checkNames(request);
  return withStockSystem(request, async (system) => planConversion(system, branch, env).document);
}

/** Converts. NO_SPACE with the figures before anything is written; LOCK_HELD while another conversion runs. */
export function convertApply(env: Environment, request: ConvertRequest): Promise<ConvertResult> {
  const branch = checkNames(request);
  return withStockSystem(request, async (system) => {
    const plan = planConversion(system, branch, env);
    requireRoom(plan);
    refuseOther(system.root);
    mkdirDurable(join(system.root, 'ostree'));
    const lock = acquireLock(join(system.root, 'ostree/convert.lock'), {
      exclusive: true,
      kind: 'flock',
      wait: 0,
    });
    const varDir = join(system.root, 'ostree/deploy', request.stateroot, 'var');
    const run = () => recordingFailure(varDir, env, () => apply(env, { system, plan, branch, request }));
    try {
      return await (system.place === undefined ? withFirmwareAt(system.root, system.boot.path, run) : run());
    } finally {
      lock.release();
    }
  });
}

interface Conversion {
  readonly system: StockSystem;
  readonly plan: ConversionPlan;
  readonly branch: RefName;
  readonly request: ConvertRequest;
}

async function apply(
  env: Environment,
  { system, plan, branch, request }: Conversion,
): Promise<ConvertResult> {
  const { root, boot, place, target, kargs } = system;
  const { stateroot } = request;
  const step = request.onStep ?? (() => undefined);
  step('record');
  writeStock(root, { root: plan.document.root.name, config: boot.config, finishing: false });
  step('sysroot');
  const sysroot = exists(join(root, 'ostree/repo/config'))
    ? Sysroot.open(root)
    : Sysroot.init(root, { target, stateroot, stubs: place !== undefined });
  initStateroot(root, stateroot);
  return sysroot.withLock(async () => {
    const notes: string[] = [];
    step('compose');
    const { commit, warnings } = await composeRunning(env, sysroot, { system, plan, branch });
    step('state');
    carryState(root, sysroot.varPath(stateroot), env, notes);
    step('stage');
    const origin = originOf(branch, plan);
    const staged = await stageDeployment(sysroot, { commit, origin, stateroot, kargs }, env);
    step('etc');
    carryEtc(root, staged.path, ownEtc(), env, notes);
    step('finish');
    const { deployment, notes: more } = await finishDeployment(sysroot, staged, env, {
      confirmSeconds: request.confirmSeconds,
    });
    env.onProgress({ phase: 'boot', message: 'handing over to the deployment' });
    handOver(root, boot, place, step);
    step('history');
    const recorded = noteSuccess(sysroot.varPath(stateroot), env, {
      from: null,
      to: deployment.id,
      inputs: null,
      outcome: 'done',
      verdict: 'unknown',
      scripts: [],
      error: null,
    });
    env.onProgress({ phase: 'done' });
    const all = [...warnings, ...notes, ...more, ...recorded.notes];
    return { plan: plan.document, checksum: commit, deployment: deployment.id, notes: all };
  }, env);
}

/** The commit of the running system; read again where a file changed meanwhile. */
async function composeRunning(
  env: Environment,
  { repo }: Sysroot,
  { system, plan, branch }: Pick<Conversion, 'system' | 'plan' | 'branch'>,
) {
  env.onProgress({ phase: 'layer', message: `committing the running system to ${branch}` });
  const rules = {
    omit: (path: RelPath, stats: Parameters<typeof destinationOf>[1]) =>
      destinationOf(path, stats, plan.rules) !== 'commit',
    content: plan.content,
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await composeRootfs(
        repo,
        {
          source: { kind: 'directory', path: system.root, rules },
          branch,
          kernel: system.kernel,
          kernelRelease: system.kernelRelease,
          timestamp: plan.built,
          target: system.target.id,
          bootFiles: productFiles(),
          productVersion: productVersion(),
        },
        env,
      );
    } catch (error) {
      if (attempt === attempts || !isChange(error)) throw error;
      env.onProgress({ phase: 'layer', message: 'a file changed while it was read: reading again' });
    }
  }
}

function isChange(error: unknown): boolean {
  return error instanceof Error && 'details' in error && JSON.stringify(error.details).includes('"changed"');
}

/** Added packages that a feed may have are requests: the base has them now, and a later base that has not gets them layered. */
function originOf(branch: RefName, { added }: ConversionPlan): Origin {
  const names = added.filter(({ available }) => isRequest(available)).map(({ name }) => name);
  return { ...newOrigin(branch), requested: names, inactive: names };
}

/** The files of early boot below /etc, which are ours also where the running system has its own. */
function ownEtc(): ReadonlySet<RelPath> {
  const below = [...productFiles().keys()].filter((path) => path.startsWith('etc/'));
  return new Set(below.map((path) => path.slice('etc/'.length) as RelPath));
}

function checkNames({ branch, stateroot }: ConvertRequest): RefName {
  if (!isStaterootName(stateroot)) throw new UsageError('USAGE', `'${stateroot}' cannot name a stateroot`);
  const ref = toRefName(branch);
  if (ref.includes(':')) throw new UsageError('USAGE', `--branch names a local branch, not '${branch}'`);
  return ref;
}

/** A sysroot that no conversion made is somebody's. */
function refuseOther(root: string): void {
  const stock = readStock(root);
  if (stock?.finishing === true) {
    throw new RefusedError('SYSROOT_EXISTS', 'the old system is being removed: there is nothing to convert', {
      hint: "start the deployment and run 'opkg-ostree convert --finish' again",
    });
  }
  if (stock !== undefined || lstatIfExists(join(root, 'ostree/repo')) === undefined) return;
  throw new RefusedError('SYSROOT_EXISTS', `${root} holds a sysroot that no conversion made`, {
    hint: "remove its 'ostree' folder, or deploy to it with --sysroot",
  });
}
