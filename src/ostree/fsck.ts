import { type Checksum, type OperationContext, silentContext } from '../base/index.ts';
import { errnoOf, mkdirp, unlinkIfExists, writeFileDurable } from '../sys/index.ts';
import { dictStrings } from './gvariant.ts';
import { listObjects } from './object-list.ts';
import type { ObjectType } from './objects.ts';
import { Pace } from './pace.ts';
import type { Repository } from './repository.ts';
import { FileLoader, isObjectFault, objectKey, walkTree } from './traverse.ts';
import { verifyFile, verifyMetadata } from './verify.ts';

export interface FsckOptions {
  /** Only what commits reach; otherwise every object that is stored. */
  readonly reachableOnly?: boolean;
  /** Removes corrupt objects and marks the commits that need them as partial. */
  readonly delete?: boolean;
  /** Checks that every ref is listed in its commit's `ostree.ref-binding`, where there is one. */
  readonly verifyBindings?: boolean;
}

/** One thing that is wrong. */
export interface FsckFault {
  readonly kind: 'missing' | 'corrupt' | 'ref-missing' | 'ref-binding';
  readonly type: ObjectType | 'ref';
  /** The object's checksum, or the one that the ref holds. */
  readonly checksum: string;
  readonly ref?: string;
  readonly message: string;
}

export interface FsckReport {
  readonly commits: number;
  readonly objects: number;
  /** Commits that a marker declares incomplete; what they need is not checked. */
  readonly partial: readonly Checksum[];
  readonly faults: readonly FsckFault[];
  /** Corrupt objects that were removed, where that was asked for. */
  readonly deleted: number;
}

/** Re-hashes the objects, checks their structure and that commits and refs are whole. Damage is data, not an error. */
export async function fsck(
  repo: Repository,
  options: FsckOptions = {},
  ctx: OperationContext = silentContext,
): Promise<FsckReport> {
  const lock = await repo.lock(options.delete === true, ctx.signal);
  try {
    const run = new Fsck(repo, options, ctx);
    run.refs();
    const commits = repo.listCommits();
    const partial = commits.filter((commit) => repo.isPartial(commit));
    const whole = commits.filter((commit) => !repo.isPartial(commit));
    for (const commit of whole) run.commit(commit);
    await run.objects();
    const deleted = options.delete === true ? run.deleteCorrupt(whole) : 0;
    return { commits: whole.length, objects: run.checked, partial, faults: run.faults, deleted };
  } finally {
    lock?.release();
  }
}

/** Refs that keep the commits of deployments and of their bases, whichever branches those are bound to (docs/formats/boot.md). */
const keeper = /^(?:ostree\/[01]\/[01]|opkg-ostree\/base)\/\d+$/u;

class Fsck {
  readonly faults: FsckFault[] = [];
  checked = 0;
  readonly #repo: Repository;
  readonly #options: FsckOptions;
  readonly #reachable = new Set<string>();
  readonly #bad = new Set<string>();
  readonly #pace: Pace;

  constructor(repo: Repository, options: FsckOptions, ctx: OperationContext) {
    this.#repo = repo;
    this.#options = options;
    this.#pace = new Pace(ctx, 'verify');
  }

  /** Every ref must lead to a commit. */
  refs(): void {
    for (const [ref, checksum] of this.#repo.listRefs()) {
      if (!this.#repo.hasObject('commit', checksum)) {
        const message = `the ref '${ref}' leads to ${checksum}, which is not here`;
        this.faults.push({ kind: 'ref-missing', type: 'ref', ref, checksum, message });
      } else if (this.#options.verifyBindings === true) this.#binding(ref, checksum);
    }
  }

  /** Everything that the commit names must be here. */
  commit(checksum: Checksum): void {
    this.#reachable.add(objectKey('commit', checksum));
    const commit = this.#catching('commit', checksum, () => this.#repo.loadCommit(checksum));
    if (commit === undefined) return;
    const walk = walkTree(this.#repo, commit, this.#reachable, true);
    for (;;) {
      // A listing that cannot be read ends this walk; the object is reported by its own check.
      const next = attempt(() => walk.next());
      if (next === undefined || next.done === true) return;
      const { type, checksum: object } = next.value;
      if (!this.#repo.hasObject(type, object)) {
        this.#fault('missing', type, object, `the ${type} object ${object} of commit ${checksum} is missing`);
      }
    }
  }

  /** Re-hashes. */
  async objects(): Promise<void> {
    const repo = this.#repo;
    const loader = new FileLoader(repo, this.#filesToCheck());
    for (const { type, checksum } of listObjects(repo)) {
      if (!this.#wanted(type, checksum)) continue;
      this.checked += 1;
      try {
        const pending =
          type === 'file' ? verifyFile(repo, loader.load(checksum)) : verifyMetadata(repo, type, checksum);
        if (pending instanceof Promise) await pending;
      } catch (error) {
        // Whatever else keeps us from reading, missing rights for instance, says nothing about the object.
        if (!isObjectFault(error) && errnoOf(error) !== 'EIO') throw error;
        this.#fault('corrupt', type, checksum, error instanceof Error ? error.message : String(error));
      }
      if (this.#pace.step()) await this.#pace.rest();
    }
    this.#pace.report();
  }

  /** Removes corrupt objects and marks commits that lack something; how many objects went. */
  deleteCorrupt(commits: readonly Checksum[]): number {
    let deleted = 0;
    for (const { kind, type, checksum } of this.faults) {
      if (kind !== 'corrupt' || type === 'ref') continue;
      unlinkIfExists(this.#repo.objectPath(type, checksum as Checksum));
      deleted += 1;
    }
    if (this.#bad.size === 0) return deleted;
    mkdirp(`${this.#repo.path}/state`);
    for (const commit of commits) {
      // libostree's mark of a commit in which fsck found damage.
      if (this.#isDamaged(commit)) writeFileDurable(`${this.#repo.path}/state/${commit}.commitpartial`, 'f');
    }
    return deleted;
  }

  #isDamaged(commit: Checksum): boolean {
    if (this.#bad.has(objectKey('commit', commit))) return false;
    const seen = new Set<string>();
    for (const { type, checksum } of walkTree(this.#repo, this.#repo.loadCommit(commit), seen, true)) {
      if (this.#bad.has(objectKey(type, checksum))) return true;
    }
    return false;
  }

  *#filesToCheck(): Generator<Checksum> {
    for (const { type, checksum } of listObjects(this.#repo)) {
      if (type === 'file' && this.#wanted(type, checksum)) yield checksum;
    }
  }

  #wanted(type: ObjectType, checksum: Checksum): boolean {
    return this.#options.reachableOnly !== true || this.#reachable.has(objectKey(type, checksum));
  }

  #binding(ref: string, checksum: Checksum): void {
    if (keeper.test(ref)) return;
    const commit = this.#catching('commit', checksum, () => this.#repo.loadCommit(checksum));
    const bound = commit === undefined ? undefined : dictStrings(commit.metadata, 'ostree.ref-binding');
    const name = ref.slice(ref.indexOf(':') + 1);
    if (bound === undefined || bound.includes(name)) return;
    const message = `the ref '${ref}' leads to ${checksum}, which is bound to ${bound.join(', ')}`;
    this.faults.push({ kind: 'ref-binding', type: 'ref', ref, checksum, message });
  }

  #fault(kind: 'missing' | 'corrupt', type: ObjectType, checksum: Checksum, message: string): void {
    this.#bad.add(objectKey(type, checksum));
    this.faults.push({ kind, type, checksum, message });
  }

  #catching<T>(type: ObjectType, checksum: Checksum, load: () => T): T | undefined {
    const loaded = attempt(load);
    // What cannot be loaded is reported once, by the check of all objects, unless that leaves it out.
    if (loaded === undefined) this.#bad.add(objectKey(type, checksum));
    return loaded;
  }
}

/** What `step` returns, or undefined when it meets a corrupt or missing object. */
function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (isObjectFault(error) || errnoOf(error) === 'EIO') return undefined;
    throw error;
  }
}
