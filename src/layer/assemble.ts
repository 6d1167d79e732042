/**
 * Base commit + packages -> layered commit, on the Merkle tree: only folders on the way to what changes are loaded
 * and written again. A pure function of its spec; the order of the spec's lists, the clock and the machine are no
 * part of it (docs/formats/layer.md).
 */
import {
  type Checksum,
  compareBytes,
  type OperationContext,
  type PackageName,
  RefusedError,
  throwIfAborted,
} from '../base/index.ts';
import { type Commit, MutableTree, type Repository, type Transaction } from '../ostree/index.ts';
import { addAccounts } from './accounts.ts';
import { updateAlternatives } from './alternatives.ts';
import { BaseDatabase, writeDatabase } from './database.ts';
import { queueDeferred } from './deferred.ts';
import { encodeLayerMetadata, inputsDigest, layerMembers, layerVersion, unique } from './layer-metadata.ts';
import { dependencyOrder } from './order.ts';
import { FilePlacer } from './place-files.ts';
import { removePackages } from './remove-packages.ts';
import { runScripts, type ScriptJob } from './run-scripts.ts';
import { classifyScripts } from './script-class.ts';
import { enableService, servicesOf } from './services.ts';
import type { LayeredCommit, LayerPackage, LayerSpec, ScriptRun } from './spec.ts';

const defaultTimeout = 60_000;

/** What the file step leaves for the scripts and the commit. */
interface Prepared {
  readonly tree: Checksum;
  readonly meta: Checksum;
  readonly removed: readonly PackageName[];
  readonly replaced: readonly PackageName[];
  readonly jobs: readonly ScriptJob[];
  readonly deferred: readonly ScriptRun[];
  /** Services to switch on without a shell, sorted. */
  readonly services: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Builds the layered commit and leaves it in the repository without a ref. RefusedError FILE_CONFLICT (every conflict
 * in `details.conflicts`), USER_ID_CONFLICT, LAYER_FORBIDDEN_PATH, SCRIPT_FAILED, SCRIPT_SANDBOX_UNAVAILABLE.
 */
export async function assemble(
  repo: Repository,
  spec: LayerSpec,
  ctx: OperationContext,
): Promise<LayeredCommit> {
  const base = repo.loadCommit(spec.base);
  const packages = orderedPackages(spec);
  if (packages.length + spec.remove.length + spec.replace.length === 0) return unchanged(spec.base);
  const timestamp = Math.max(base.timestamp, ...packages.map((p) => p.commit.timestamp));
  const finish = (txn: Transaction, prepared: Prepared) =>
    complete(repo, txn, base, spec, prepared, timestamp, ctx);
  const first = await repo.withTransaction(async (txn) => {
    const prepared = prepare(repo, txn, base, packages, spec, timestamp, ctx);
    return prepared.jobs.length === 0 ? finish(txn, prepared) : prepared;
  });
  // Scripts get a checkout of the tree, so its objects have to be in the repository by then.
  return 'commit' in first ? first : repo.withTransaction((txn) => finish(txn, first));
}

/** Scripts, service links, the commit. */
async function complete(
  repo: Repository,
  txn: Transaction,
  base: Commit,
  spec: LayerSpec,
  prepared: Prepared,
  timestamp: number,
  ctx: OperationContext,
): Promise<LayeredCommit> {
  const options = { policy: spec.scriptPolicy, timestamp, timeout: spec.scriptTimeout ?? defaultTimeout };
  const scripts = await runScripts(repo, txn, prepared, prepared.jobs, options, ctx);
  // After the scripts, as in an image build: there rc.common enables every service once more at the end.
  for (const service of prepared.services) enableService(repo, txn, scripts.tree, service);
  const runs = [...prepared.deferred, ...scripts.runs];
  const root = scripts.tree.write(txn);
  const commit = txn.writeCommit(describeCommit(spec, base, prepared, runs, { timestamp, ...root }));
  const { notes, services } = prepared;
  return { commit, layered: true, scripts: runs, notes, services };
}

function unchanged(commit: Checksum): LayeredCommit {
  return { commit, layered: false, scripts: [], notes: [], services: [] };
}

function orderedPackages(spec: LayerSpec): LayerPackage[] {
  const names = spec.packages.map((p) => p.commit.record.name);
  if (new Set(names).size < names.length) {
    throw new RefusedError('UNSATISFIABLE', 'a layer cannot hold two versions of one package', {
      details: { packages: names },
      hint: 'request one of them',
    });
  }
  return dependencyOrder(spec.packages, (p) => p.commit.record);
}

/** Everything that needs no shell, except the links of services, which come after the scripts. */
function prepare(
  repo: Repository,
  txn: Transaction,
  base: Commit,
  packages: readonly LayerPackage[],
  spec: LayerSpec,
  timestamp: number,
  ctx: OperationContext,
): Prepared {
  const tree = MutableTree.open(repo, base.tree, base.meta);
  const database = new BaseDatabase(repo, MutableTree.open(repo, base.tree, base.meta));
  const present = (name: PackageName) => database.entries.has(name);
  const layered = new Set(packages.map((p) => p.commit.record.name));
  const replaced = unique([...spec.replace, ...layered].filter(present));
  const removed = unique(spec.remove.filter((name) => present(name) && !replaced.includes(name)));
  const gone = new Set([...removed, ...replaced].sort(compareBytes));
  const removal = removePackages(repo, txn, tree, database, [...gone]);
  const placer = new FilePlacer(repo, tree, database, gone);
  for (const [done, item] of packages.entries()) {
    throwIfAborted(ctx.signal);
    const name = item.commit.record.name;
    ctx.onProgress({
      phase: 'layer',
      message: name,
      package: name,
      done,
      total: packages.length,
      unit: 'packages',
    });
    placer.place(item);
  }
  placer.throwConflicts();
  const links = updateAlternatives(repo, txn, tree, { base: database, gone, packages });
  const accounts = addAccounts(repo, txn, tree, database, packages);
  writeDatabase(repo, txn, tree, database, { packages, gone: [...gone], lost: placer.lost, timestamp });
  const scripts = sortScripts(txn, tree, packages, gone);
  const services = sortServices(repo, packages, removal.disabled);
  const notes = [...removal.notes, ...placer.notes, ...links, ...accounts];
  const jobs = [...scripts.jobs, ...services.jobs];
  return {
    ...tree.write(txn),
    removed,
    replaced,
    jobs,
    deferred: scripts.deferred,
    services: services.native,
    notes,
  };
}

/** Init scripts whose links we make, and those that a shell has to be asked about. */
function sortServices(
  repo: Repository,
  packages: readonly LayerPackage[],
  disabled: ReadonlySet<string>,
): { native: string[]; jobs: ScriptJob[] } {
  const native: string[] = [];
  const jobs: ScriptJob[] = [];
  for (const { commit } of packages) {
    for (const { name, computed } of servicesOf(repo, commit)) {
      if (disabled.has(name)) continue;
      if (!computed) native.push(name);
      else {
        const rest = { service: name, upgrade: false, bytes: new Uint8Array(0) } as const;
        jobs.push({ package: commit.record.name, action: 'enable', ...rest });
      }
    }
  }
  return { native: native.sort(compareBytes), jobs };
}

/** Scripts that run now as jobs, scripts that have to wait into the tree. */
function sortScripts(
  txn: Transaction,
  tree: MutableTree,
  packages: readonly LayerPackage[],
  gone: ReadonlySet<PackageName>,
): { jobs: ScriptJob[]; deferred: ScriptRun[] } {
  const jobs: ScriptJob[] = [];
  const deferred: ScriptRun[] = [];
  for (const { commit } of packages) {
    const name = commit.record.name;
    for (const { member, scriptClass, reason } of classifyScripts(commit.scripts).scripts) {
      const bytes = commit.scripts.get(member) ?? new Uint8Array(0);
      if (scriptClass === 'sandboxed') {
        jobs.push({ package: name, action: member, service: '', upgrade: gone.has(name), bytes });
        continue;
      }
      queueDeferred(txn, tree, { package: name, member, bytes });
      deferred.push({
        ...{ package: name, script: member, scriptClass, outcome: 'deferred', status: 0, output: '' },
        ...{ changed: [], reason },
      });
    }
  }
  return { jobs, deferred };
}

function describeCommit(
  spec: LayerSpec,
  base: Commit,
  prepared: Prepared,
  runs: readonly ScriptRun[],
  rest: Pick<Commit, 'timestamp' | 'tree' | 'meta'>,
): Commit {
  const failed = runs.filter((run) => run.outcome === 'failed' || run.outcome === 'timeout');
  const packages = layerMembers(spec);
  return {
    metadata: encodeLayerMetadata(base.metadata, {
      version: layerVersion,
      base: spec.base,
      packages,
      removed: prepared.removed,
      replaced: prepared.replaced,
      feeds: spec.feeds,
      inputs: inputsDigest(spec),
      requested: unique(spec.requested),
      scriptWarnings: failed.map((run) => `${run.package} ${run.script}: ${run.reason}`),
    }),
    parent: spec.base,
    subject: subjectOf(packages.map((p) => p.name)),
    body: '',
    ...rest,
  };
}

function subjectOf(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return `Layer: ${shown}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`;
}
