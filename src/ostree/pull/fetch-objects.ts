/**
 * Fetches what trees need and the repository lacks: many at once, each verified before it gets its name, stored in
 * batches, so that a pull that is cut, or killed, has lost no more than the last seconds.
 */
import {
  type Checksum,
  InterruptedError,
  isOpkgOstreeError,
  type OperationContext,
  ParseError,
  sha256Hex,
} from '../../base/index.ts';
import { type Dirtree, decodeDirmeta, decodeDirtree, maxMetadataSize, maxTreeDepth } from '../objects.ts';
import type { Repository } from '../repository.ts';
import { objectName } from '../staging.ts';
import type { Transaction } from '../transaction.ts';
import { objectKey } from '../traverse.ts';
import { type ImportTarget, importFile } from './import-file.ts';
import type { PullProgress } from './progress.ts';
import { collect, type Fetched, type Source } from './source.ts';

type MetadataType = 'dirtree' | 'dirmeta';

/** Paths below a directory, as lists of names, to which a pull is limited; undefined for all of it. */
export type Subpaths = readonly (readonly string[])[] | undefined;

type Job =
  | { readonly type: 'file' | 'dirmeta'; readonly checksum: Checksum }
  | {
      readonly type: 'dirtree';
      readonly checksum: Checksum;
      readonly below: Subpaths;
      readonly depth: number;
    };

const batchObjects = 8192;
const batchBytes = 128 << 20;
const batchTime = 10_000;
/** Known objects that are looked at before other events are served. */
const stepsPerTurn = 512;
const maxFileSize = Number.MAX_SAFE_INTEGER;

/** One pull's objects. Call `add` for each tree, then `run`. */
export class ObjectFetcher {
  readonly #repo: Repository;
  readonly #source: Source;
  readonly #target: ImportTarget;
  readonly #progress: PullProgress;
  readonly #ctx: OperationContext;
  readonly #metadata: Job[] = [];
  readonly #files: Checksum[] = [];
  readonly #seen = new Set<string>();
  #failure: { error: unknown } | undefined;
  /** The one large metadata object that is held in memory. */
  #large: Promise<unknown> = Promise.resolve();
  /** Objects that came and were stored. */
  count = 0;

  constructor(
    repo: Repository,
    source: Source,
    target: ImportTarget,
    progress: PullProgress,
    ctx: OperationContext,
  ) {
    this.#repo = repo;
    this.#source = source;
    this.#target = target;
    this.#progress = progress;
    this.#ctx = ctx;
  }

  add(root: { readonly tree: Checksum; readonly meta: Checksum }, below: Subpaths): void {
    this.#want({ type: 'dirmeta', checksum: root.meta });
    this.#want({ type: 'dirtree', checksum: root.tree, below, depth: 0 });
  }

  /**
   * Fetches and stores all that was added; `first` runs in the first transaction. What came before a failure is stored.
   * NetworkError, ParseError OSTREE_OBJECT_CORRUPT, NoSpaceError, InterruptedError.
   */
  async run(first: (txn: Transaction) => void): Promise<void> {
    let begin: ((txn: Transaction) => void) | undefined = first;
    do {
      await this.#repo.withTransaction(
        (txn) => {
          begin?.(txn);
          begin = undefined;
          return this.#batch(txn);
        },
        { signal: this.#ctx.signal },
      );
      if (this.#failure !== undefined) throw this.#failure.error;
    } while (this.#metadata.length > 0 || this.#files.length > 0);
    this.#progress.finish();
  }

  /** Resolves, never rejects, when nothing is under way and the batch is full, all is done, or something failed. */
  #batch(txn: Transaction): Promise<void> {
    const start = { count: this.count, bytes: this.#source.received, time: performance.now() };
    const full = () =>
      this.#failure !== undefined ||
      this.count - start.count >= batchObjects ||
      this.#source.received - start.bytes >= batchBytes ||
      performance.now() - start.time >= batchTime;
    const capacity = Math.max(1, this.#source.capacity);
    let active = 0;
    return new Promise((resolve) => {
      const pump = () => {
        let steps = stepsPerTurn;
        while (active < capacity && !full()) {
          const job = this.#next();
          if (job === undefined) break;
          if (this.#known(job)) {
            steps -= 1;
            if (steps > 0) continue;
            setImmediate(pump);
            return;
          }
          active += 1;
          void this.#fetch(txn, job)
            .catch((error: unknown) => this.#fail(job, error))
            .finally(() => {
              active -= 1;
              pump();
            });
        }
        if (active === 0) resolve();
      };
      pump();
    });
  }

  #fail(job: Job, error: unknown): void {
    // To be asked for again, should the caller go on.
    if (job.type === 'file') this.#files.push(job.checksum);
    else this.#metadata.push(job);
    // The first failure is the cause; that others were cut short with it is not of interest.
    if (this.#failure === undefined || this.#failure.error instanceof InterruptedError)
      this.#failure = { error };
  }

  /** Listings come first: they tell what there is to do. */
  #next(): Job | undefined {
    const job = this.#metadata.pop();
    if (job !== undefined) return job;
    const checksum = this.#files.pop();
    return checksum === undefined ? undefined : { type: 'file', checksum };
  }

  /** True when the object is here already; what a listing names is then wanted. */
  #known(job: Job): boolean {
    try {
      if (this.#ctx.signal?.aborted === true) throw new InterruptedError();
      if (!this.#repo.hasObject(job.type, job.checksum)) return false;
      if (job.type === 'dirtree') this.#scan(job, this.#repo.loadDirtree(job.checksum));
    } catch (error) {
      this.#fail(job, error);
    }
    return true;
  }

  async #fetch(txn: Transaction, job: Job): Promise<void> {
    try {
      await this.#take(txn, job);
    } catch (error) {
      if (!isWrong(error)) throw error;
      // Pipelined answers that something on the way has mixed up look like this: once more, one by one.
      this.#source.transport.stopPipelining();
      await this.#take(txn, job);
    }
    this.count += 1;
    this.#progress.object();
  }

  async #take(txn: Transaction, job: Job): Promise<void> {
    const path = `objects/${objectName(job.type, job.checksum, 'archive')}`;
    if (job.type === 'file') {
      const fetched = await this.#source.fetch('content', path, maxFileSize);
      this.#progress.bytes(await importFile(txn, this.#target, job.checksum, fetched));
      return;
    }
    const bytes = await this.#whole(await this.#source.fetch('content', path, maxMetadataSize));
    const actual = sha256Hex(bytes);
    if (actual !== job.checksum) throw wrong(job.type, job.checksum, actual);
    this.#progress.bytes(bytes.byteLength);
    if (job.type === 'dirmeta') decodeDirmeta(bytes);
    const tree = job.type === 'dirtree' ? decodeDirtree(bytes) : undefined;
    txn.writeMetadata(job.type, bytes, job.checksum);
    if (job.type === 'dirtree' && tree !== undefined) this.#scan(job, tree);
  }

  /** Large listings are taken one after the other, so that a server cannot fill the memory with several. */
  async #whole(fetched: Fetched): Promise<Uint8Array> {
    if (fetched instanceof Uint8Array) return fetched;
    const turn = this.#large.then(() => collect(fetched));
    this.#large = turn.catch(() => undefined);
    return turn;
  }

  #scan(job: Extract<Job, { type: 'dirtree' }>, tree: Dirtree): void {
    if (job.depth > maxTreeDepth)
      throw new ParseError('OSTREE_OBJECT_CORRUPT', 'a tree of the remote is nested too deep');
    for (const { name, checksum } of tree.files) {
      if (selects(job.below, name)) this.#want({ type: 'file', checksum });
    }
    for (const { name, tree: checksum, meta } of tree.dirs) {
      if (!selects(job.below, name)) continue;
      this.#want({ type: 'dirmeta', checksum: meta });
      this.#want({ type: 'dirtree', checksum, below: narrowed(job.below, name), depth: job.depth + 1 });
    }
  }

  #want(job: Job): void {
    const limits = job.type === 'dirtree' && job.below !== undefined ? `/${JSON.stringify(job.below)}` : '';
    const key = `${objectKey(job.type, job.checksum)}${limits}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (job.type === 'file') this.#files.push(job.checksum);
    else this.#metadata.push(job);
  }
}

function selects(below: Subpaths, name: string): boolean {
  return below === undefined || below.some(([first]) => first === name);
}

/** The limits within the directory of that name. */
function narrowed(below: Subpaths, name: string): Subpaths {
  const rest = below?.filter(([first]) => first === name).map(([, ...more]) => more);
  return rest === undefined || rest.some((path) => path.length === 0) ? undefined : rest;
}

function isWrong(error: unknown): boolean {
  return isOpkgOstreeError(error) && error.code === 'OSTREE_OBJECT_CORRUPT';
}

/** OSTREE_OBJECT_CORRUPT of a metadata object that a remote sent. */
export function wrong(type: MetadataType | 'commit', checksum: Checksum, actual: Checksum): ParseError {
  return new ParseError(
    'OSTREE_OBJECT_CORRUPT',
    `the ${type} object ${checksum} of the remote is wrong: it has the content of ${actual}`,
    { hint: 'use another mirror', details: { type, checksum, actual } },
  );
}
