import {
  type Checksum,
  isChecksum,
  type OperationContext,
  ParseError,
  RefusedError,
  SystemError,
  silentContext,
  toRefName,
  VerificationError,
} from '../base/index.ts';
import { unlinkDurable } from '../sys/index.ts';
import type { FileObject } from './file-object.ts';
import { dictStrings } from './gvariant.ts';
import { Pace } from './pace.ts';
import type { Repository } from './repository.ts';
import type { Transaction } from './transaction.ts';
import { FileLoader, walkHistory, walkTree } from './traverse.ts';

export interface PullLocalOptions {
  /** Refs are written as this remote's; otherwise as local ones. */
  readonly remote?: string;
  /** How many parents come along; 0, the default, none, -1 all that are there. */
  readonly depth?: number;
  /** The source's owner is not trusted: every object is read and hashed, nothing is linked. */
  readonly untrusted?: boolean;
}

export interface PullReport {
  readonly commits: number;
  /** Objects that were not here before. */
  readonly objects: number;
  /** How many of them are hard links of the source's. */
  readonly linked: number;
}

/**
 * Takes commits with all that they need from another repository on this machine. Objects are hard links where both
 * have the same mode and the system allows it, and are written anew otherwise. An empty list means all local refs.
 */
export async function pullLocal(
  dest: Repository,
  src: Repository,
  refsOrCommits: readonly string[],
  options: PullLocalOptions = {},
  ctx: OperationContext = silentContext,
): Promise<PullReport> {
  const wanted = refsOrCommits.length > 0 ? refsOrCommits : localRefs(src);
  const tips = wanted.map((name) => {
    const commit = isChecksum(name) ? name : src.readRef(name);
    if (commit !== undefined && src.hasObject('commit', commit)) return { name, commit };
    throw new RefusedError('OSTREE_REF_NOT_FOUND', `${src.path} has no ref or commit '${name}'`);
  });
  const completed: Checksum[] = [];
  const report = await dest.withTransaction(
    async (txn) => {
      const pull = new Pull(dest, src, txn, options, ctx);
      for (const { name, commit } of tips) {
        if (!isChecksum(name)) checkBinding(src, name, commit);
        for (const one of walkHistory(src, commit, options.depth ?? 0)) {
          if (await pull.commit(one)) completed.push(one);
        }
        if (!isChecksum(name)) txn.setRef(refAtDestination(name, options.remote), commit);
      }
      return pull.report();
    },
    { signal: ctx.signal },
  );
  for (const commit of completed) unlinkDurable(`${dest.path}/state/${commit}.commitpartial`);
  return report;
}

class Pull {
  readonly #dest: Repository;
  readonly #src: Repository;
  readonly #txn: Transaction;
  readonly #mayLink: boolean;
  readonly #pace: Pace;
  readonly #seen = new Set<string>();
  #commits = 0;
  #objects = 0;
  #linked = 0;

  constructor(
    dest: Repository,
    src: Repository,
    txn: Transaction,
    options: PullLocalOptions,
    ctx: OperationContext,
  ) {
    this.#dest = dest;
    this.#src = src;
    this.#txn = txn;
    this.#mayLink = options.untrusted !== true && src.mode === dest.mode;
    this.#pace = new Pace(ctx, 'download');
  }

  report(): PullReport {
    this.#pace.report();
    return { commits: this.#commits, objects: this.#objects, linked: this.#linked };
  }

  /** Takes the commit; false where the source has it only in part and it stays so. */
  async commit(checksum: Checksum): Promise<boolean> {
    const detached = this.#src.loadDetachedMetadata(checksum);
    if (detached.length > 0) this.#txn.writeDetachedMetadata(checksum, detached);
    if (this.#dest.hasObject('commit', checksum) && !this.#dest.isPartial(checksum)) return true;
    if (this.#src.isPartial(checksum)) {
      throw new SystemError(
        'OSTREE_OBJECT_MISSING',
        `${this.#src.path} has the commit ${checksum} only in part`,
      );
    }
    const commit = this.#src.loadCommit(checksum);
    const loader = new FileLoader(this.#src, this.#missingFiles(commit));
    for (const { type, checksum: object } of walkTree(this.#src, commit, this.#seen)) {
      if (this.#dest.hasObject(type, object)) continue;
      this.#objects += 1;
      if (type === 'dirtree' || type === 'dirmeta') this.#metadata(type, object);
      else if (!this.#link(object)) await this.#copy(loader.load(object));
      if (this.#pace.step()) await this.#pace.rest();
    }
    this.#txn.writeMetadata('commit', this.#src.loadCommitBytes(checksum), checksum);
    this.#commits += 1;
    return true;
  }

  /** The files to come, in the order of the walk, whose attributes the loader may read ahead. */
  *#missingFiles(root: { tree: Checksum; meta: Checksum }): Generator<Checksum> {
    for (const { type, checksum } of walkTree(this.#src, root, new Set())) {
      if (type === 'file' && !this.#dest.hasObject(type, checksum)) yield checksum;
    }
  }

  #metadata(type: 'dirtree' | 'dirmeta', checksum: Checksum): void {
    this.#txn.writeMetadata(type, this.#src.loadMetadata(type, checksum), checksum);
  }

  #link(checksum: Checksum): boolean {
    const path = this.#mayLink ? this.#src.linkSource(checksum) : undefined;
    if (path === undefined || !this.#txn.linkObject('file', checksum, path)) return false;
    this.#linked += 1;
    return true;
  }

  async #copy(object: FileObject): Promise<void> {
    const actual =
      object.target === undefined
        ? await this.#copyContent(object)
        : this.#txn.writeSymlink(object.attributes, object.target);
    if (actual === object.checksum) return;
    throw new ParseError('OSTREE_OBJECT_CORRUPT', `file ${object.checksum} has the content of ${actual}`, {
      details: { type: 'file', checksum: object.checksum, actual },
    });
  }

  async #copyContent(object: FileObject): Promise<Checksum> {
    const writer = this.#txn.openFileWriter(object.attributes, object.size);
    try {
      for await (const chunk of object.stream()) if (chunk instanceof Uint8Array) writer.write(chunk);
      return writer.finish();
    } catch (error) {
      writer.abort();
      throw error;
    }
  }
}

function localRefs(repo: Repository): string[] {
  return [...repo.listRefs().keys()].filter((name) => !name.includes(':'));
}

function refAtDestination(name: string, remote: string | undefined) {
  const local = name.slice(name.indexOf(':') + 1);
  return toRefName(remote === undefined ? local : `${remote}:${local}`);
}

/** A commit that says which refs it belongs to must not arrive under another name. */
function checkBinding(src: Repository, name: string, commit: Checksum): void {
  const bound = dictStrings(src.loadCommit(commit).metadata, 'ostree.ref-binding');
  const ref = name.slice(name.indexOf(':') + 1);
  if (bound === undefined || bound.includes(ref)) return;
  throw new VerificationError('OSTREE_REF_BINDING', `the commit ${commit} is not bound to the ref '${ref}'`, {
    details: { ref, commit, bound },
  });
}
