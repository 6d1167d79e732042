/**
 * Pull from a static web server. The order on disk, so that a cut at any moment leaves a clean repository that the next
 * pull goes on from: the marker `state/<commit>.commitpartial`, then the commits and, batch by batch, their objects, then the
 * markers go, then the refs change.
 */
import {
  type Checksum,
  ConfigError,
  isChecksum,
  type OperationContext,
  silentContext,
  textOf,
  toRefName,
} from '../../base/index.ts';
import { exists, unlinkDurable, writeFileDurable } from '../../sys/index.ts';
import { parseKeyFile } from '../keyfile.ts';
import type { Repository } from '../repository.ts';
import { SpaceBudget } from '../space.ts';
import { summaryDeltas, summaryMode } from '../summary.ts';
import { type CheckedCommit, type CommitChecks, fetchHistory } from './fetch-commits.ts';
import { ObjectFetcher, type Subpaths } from './fetch-objects.ts';
import { type FetchedSummary, fetchSummary } from './fetch-summary.ts';
import { pullFromFolder } from './from-folder.ts';
import type { PulledRef, PullOptions, RemotePullReport } from './options.ts';
import { PullProgress } from './progress.ts';
import { type RemoteConfig, readRemote } from './remote-config.ts';
import { resolveTips, type Tip, wantedNames } from './resolve-refs.ts';
import { ScratchFolder } from './scratch.ts';
import { commitSizes } from './sizes.ts';
import { openSource, type Source } from './source.ts';
import { Trust } from './trust.ts';
import { tryDelta } from './try-delta.ts';

const maxConfig = 1 << 20;
const blockSize = 4096;

/**
 * Takes branches or commits of a remote with all that they need; refs become `remote:branch`, or local ones with
 * `mirror`. What arrived before a failure stays and is not fetched again. ConfigError CONFIG_INVALID for a remote that
 * cannot be used; RefusedError OSTREE_REF_NOT_FOUND; VerificationError SIGNATURE_*, OSTREE_REF_BINDING, DOWNGRADE_REFUSED;
 * ParseError OSTREE_OBJECT_CORRUPT; NoSpaceError; NetworkError.
 */
export async function pull(
  repo: Repository,
  remoteName: string,
  options: PullOptions = {},
  ctx: OperationContext = silentContext,
): Promise<RemotePullReport> {
  const remote = readRemote(repo, remoteName, options.url);
  if (remote.url.startsWith('file:')) return pullFromFolder(repo, remote, options, ctx);
  const source = await openSource(remote, options, ctx.signal);
  try {
    // A first transaction sweeps what killed processes left; the lock that follows would prevent that.
    await repo.withTransaction(() => undefined, { signal: ctx.signal });
    // Between batches nothing refers to what came so far, so nobody may prune meanwhile.
    const lock = await repo.lock(false, ctx.signal);
    try {
      return await new Pull(repo, remote, source, options, ctx).run();
    } finally {
      lock?.release();
    }
  } finally {
    source.close();
  }
}

class Pull {
  readonly #repo: Repository;
  readonly #remote: RemoteConfig;
  readonly #source: Source;
  readonly #options: PullOptions;
  readonly #ctx: OperationContext;
  readonly #trust: Trust;
  #deltas = 0;

  constructor(
    repo: Repository,
    remote: RemoteConfig,
    source: Source,
    options: PullOptions,
    ctx: OperationContext,
  ) {
    this.#repo = repo;
    this.#remote = remote;
    this.#source = source;
    this.#options = options;
    this.#ctx = ctx;
    this.#trust = new Trust(repo, remote, options.keysRoot, ctx.signal);
  }

  async run(): Promise<RemotePullReport> {
    const { name } = this.#remote;
    this.#ctx.onProgress({ phase: 'resolve', message: name });
    const summary = this.#needsSummary()
      ? await fetchSummary(this.#repo, name, this.#source, this.#trust)
      : undefined;
    const names = wantedNames(this.#remote, this.#options, summary);
    const tips = await resolveTips(this.#source, this.#remote, names, summary);
    const checks: CommitChecks = {
      repo: this.#repo,
      source: this.#source,
      remote: this.#remote,
      trust: this.#trust,
      options: this.#options,
    };
    const commits = new Map<Checksum, CheckedCommit>();
    for (const tip of tips) {
      for (const one of await fetchHistory(checks, tip, this.#currentOf(tip))) commits.set(one.checksum, one);
    }
    const objects = await this.#take(await this.#byDelta(tips, commits, summary), summary);
    const refs = await this.#setRefs(tips);
    this.#keepSummary(summary);
    return {
      refs,
      commits: [...commits.values()].filter(({ whole }) => !whole).length,
      objects,
      bytes: this.#source.received,
      requests: this.#source.requests,
      deltas: this.#deltas,
    };
  }

  /** Explicit commits are found without one. */
  #needsSummary(): boolean {
    const { refs } = this.#options;
    return refs === undefined || refs.length === 0 || !refs.every(isChecksum);
  }

  #currentOf({ branch }: Tip): Checksum | undefined {
    const commit = branch === undefined ? undefined : this.#repo.readRef(this.#refHere(branch));
    return commit !== undefined && this.#repo.hasObject('commit', commit) ? commit : undefined;
  }

  #refHere(branch: string) {
    return toRefName(this.#options.mirror === true ? branch : `${this.#remote.name}:${branch}`);
  }

  /** The commits with those marked whole that a static delta has brought. Mirrors are for others: they take objects. */
  async #byDelta(
    tips: readonly Tip[],
    commits: ReadonlyMap<Checksum, CheckedCommit>,
    summary: FetchedSummary | undefined,
  ): Promise<CheckedCommit[]> {
    const { disableStaticDeltas, mirror, commitMetadataOnly, subpaths } = this.#options;
    const all = [...commits.values()];
    const partly = mirror === true || commitMetadataOnly === true || subpaths !== undefined;
    if (summary === undefined || disableStaticDeltas === true || partly) return all;
    const deltas = summaryDeltas(summary.summary.metadata);
    const brought = new Set<Checksum>();
    const scratch = new ScratchFolder(this.#repo);
    try {
      for (const tip of deltas.size === 0 ? [] : tips) {
        if (commits.get(tip.commit)?.whole !== false || brought.has(tip.commit)) continue;
        const attempt = {
          repo: this.#repo,
          source: this.#source,
          target: this.#targetOf(scratch),
          deltas,
          from: this.#currentOf(tip),
          to: tip.commit,
        };
        if (await tryDelta(attempt, this.#ctx)) brought.add(tip.commit);
      }
    } finally {
      scratch.remove();
    }
    this.#deltas = brought.size;
    for (const commit of brought) unlinkDurable(`${this.#repo.path}/state/${commit}.commitpartial`);
    return all.map((one) => (brought.has(one.checksum) ? { ...one, whole: true } : one));
  }

  #targetOf(scratch: ScratchFolder) {
    return { archive: this.#repo.mode === 'archive', scratchPath: () => scratch.next() };
  }

  /** How many objects came. */
  async #take(commits: readonly CheckedCommit[], summary: FetchedSummary | undefined): Promise<number> {
    const missing = commits.filter(({ whole }) => !whole);
    const changed = commits.filter(({ detached }) => detached !== undefined);
    if (missing.length === 0 && changed.length === 0) return 0;
    if (missing.length > 0) await this.#checkMode(summary);
    const total = this.#checkSpace(missing);
    for (const { checksum } of missing) this.#markPartial(checksum);
    const scratch = new ScratchFolder(this.#repo);
    try {
      const fetcher = new ObjectFetcher(
        this.#repo,
        this.#source,
        this.#targetOf(scratch),
        new PullProgress(this.#ctx, total),
        this.#ctx,
      );
      const below = subpathsOf(this.#options.subpaths);
      if (this.#options.commitMetadataOnly !== true)
        for (const { commit } of missing) fetcher.add(commit, below);
      await fetcher.run((txn) => {
        for (const { checksum, detached } of changed)
          if (detached !== undefined) txn.writeDetachedMetadata(checksum, detached);
        for (const { checksum, bytes } of missing) txn.writeMetadata('commit', bytes, checksum);
      });
      if (this.#options.commitMetadataOnly !== true && below === undefined)
        for (const { checksum } of missing)
          unlinkDurable(`${this.#repo.path}/state/${checksum}.commitpartial`);
      return fetcher.count + missing.length;
    } finally {
      scratch.remove();
    }
  }

  /** Only an archive has its files as single compressed objects. */
  async #checkMode(summary: FetchedSummary | undefined): Promise<void> {
    const told = summary === undefined ? undefined : summaryMode(summary.summary);
    const mode = told ?? (await this.#readMode());
    if (mode === 'archive-z2' || mode === 'archive') return;
    throw new ConfigError('OSTREE_MODE_UNSUPPORTED', `'${this.#remote.name}' has the mode ${mode}`, {
      hint: 'only a repository of mode archive can be pulled from over http',
    });
  }

  async #readMode(): Promise<string> {
    const config = await this.#source.read('repo', 'config', maxConfig);
    return parseKeyFile(textOf(config)).get('core', 'mode') ?? 'bare';
  }

  /** Bytes to come, where all commits tell; NoSpaceError where they would not fit. */
  #checkSpace(missing: readonly CheckedCommit[]): number | undefined {
    if (this.#options.commitMetadataOnly === true || this.#options.subpaths !== undefined) return undefined;
    let toCome = 0;
    let toStore = 0;
    const seen = new Set<Checksum>();
    for (const { commit } of missing) {
      const sizes = commitSizes(commit.metadata);
      if (sizes === undefined) return undefined;
      for (const { checksum, archived, unpacked, type } of sizes) {
        if (seen.has(checksum)) continue;
        seen.add(checksum);
        if (this.#repo.hasObject(typeName(type), checksum)) continue;
        toCome += archived;
        const stored = this.#repo.mode === 'archive' ? archived : unpacked;
        if (typeName(type) === 'file') toStore += Math.ceil(stored / blockSize) * blockSize;
      }
    }
    new SpaceBudget(this.#repo.path, this.#repo.settings.minFree).charge(toStore);
    return toCome;
  }

  #markPartial(commit: Checksum): void {
    const path = `${this.#repo.path}/state/${commit}.commitpartial`;
    if (!exists(path)) writeFileDurable(path, '');
  }

  async #setRefs(tips: readonly Tip[]): Promise<PulledRef[]> {
    const refs = tips.flatMap(({ branch, commit }) => {
      if (branch === undefined) return [];
      const ref = this.#refHere(branch);
      return [{ ref, commit, previous: this.#repo.readRef(ref) }];
    });
    const changed = refs.filter(({ commit, previous }) => commit !== previous);
    if (changed.length > 0) {
      await this.#repo.withTransaction((txn) => {
        for (const { ref, commit } of changed) txn.setRef(ref, commit);
      });
    }
    return refs;
  }

  /** A mirror of everything has the same summary, and so the same signature. */
  #keepSummary(fetched: FetchedSummary | undefined): void {
    const { mirror, refs } = this.#options;
    const everything = (refs === undefined || refs.length === 0) && this.#remote.branches.length === 0;
    if (mirror !== true || fetched === undefined || !everything || this.#repo.mode !== 'archive') return;
    unlinkDurable(`${this.#repo.path}/summary.sig`);
    writeFileDurable(`${this.#repo.path}/summary`, fetched.bytes);
    if (fetched.signature !== undefined)
      writeFileDurable(`${this.#repo.path}/summary.sig`, fetched.signature);
  }
}

const typeNames = ['file', 'dirtree', 'dirmeta', 'commit'] as const;

function typeName(type: number | undefined) {
  return typeNames[(type ?? 1) - 1] ?? 'file';
}

function subpathsOf(paths: readonly string[] | undefined): Subpaths {
  const lists = paths?.map((path) => path.split('/').filter((name) => name !== ''));
  return lists === undefined || lists.some((list) => list.length === 0) ? undefined : lists;
}
