import { type Checksum, hexOf, type OperationContext, RefusedError, sha256 } from '../../base/index.ts';
import { Pace } from '../pace.ts';
import type { Repository } from '../repository.ts';
import type { Transaction } from '../transaction.ts';
import { checkComplete } from './complete.ts';
import { invalidDelta } from './errors.ts';
import { PartExecutor } from './execute.ts';
import { openPart } from './part.ts';
import {
  type DeltaFallback,
  type DeltaPartHeader,
  type DeltaSuperblock,
  inlinePart,
  objectsOf,
  parseSuperblock,
} from './superblock.ts';

/** A delta's bytes, wherever they come from. */
export interface DeltaSource {
  readonly superblock: Uint8Array;
  /** The part's file, of which `header.size` bytes are to be expected. Asked for one part after the other. */
  readPart(index: number, header: DeltaPartHeader): Uint8Array | Promise<Uint8Array>;
}

export interface ApplyOptions {
  /** Decides, before anything is written, whether the delta is trusted; throws where it is not. */
  verify?(superblock: DeltaSuperblock): void | Promise<void>;
  /** Brings an object that the delta leaves out; without it such a delta is DELTA_NEEDS_FALLBACK. */
  fetchFallback?(object: DeltaFallback, txn: Transaction): void | Promise<void>;
  /** Bytes of a part in memory, decompressed; 256 MiB where absent. */
  readonly maxPart?: number;
  /** Bytes of an object of an archive that may be held to copy from; 128 MiB where absent. */
  readonly maxSource?: number;
}

export interface AppliedDelta {
  readonly commit: Checksum;
  readonly from: Checksum | undefined;
  /** Parts that were run; those whose objects were all here are not. */
  readonly parts: number;
  /** Bytes of those parts. */
  readonly bytes: number;
}

const defaultMaxPart = 256 << 20;
const defaultMaxSource = 128 << 20;

/**
 * Makes the objects of the delta's commit out of its parts and, where it has one, of the commit that it starts from,
 * in one transaction: all of them or none. Part after part is held in memory. No ref is set.
 * ParseError DELTA_INVALID, XZ_INVALID; RefusedError OSTREE_OBJECT_MISSING for the starting commit, DELTA_NEEDS_FALLBACK.
 */
export async function applyDelta(
  repo: Repository,
  source: DeltaSource,
  ctx: OperationContext,
  options: ApplyOptions = {},
): Promise<AppliedDelta> {
  const superblock = parseSuperblock(source.superblock);
  await options.verify?.(superblock);
  checkStart(repo, superblock);
  return repo.withTransaction(
    async (txn) => {
      const known = repo.hasObject('commit', superblock.to) && !repo.isPartial(superblock.to);
      await bringFallbacks(repo, txn, superblock, options);
      let parts = 0;
      let bytes = 0;
      const pace = new Pace(ctx, 'unpack', superblock.parts.length);
      for (const [index, header] of superblock.parts.entries()) {
        if (!hasAll(repo, header)) {
          const part = await loadPart(superblock, index, header, source, options);
          const target = { repo, txn, to: superblock.to, maxSource: options.maxSource ?? defaultMaxSource };
          await runPart(new PartExecutor(target, header, part), pace);
          parts += 1;
          bytes += header.size;
        }
        pace.step();
        await pace.rest();
      }
      if (!known && superblock.detached !== undefined)
        txn.writeDetachedMetadata(superblock.to, superblock.detached);
      txn.writeMetadata('commit', superblock.commit, superblock.to);
      checkComplete(repo, superblock);
      return { commit: superblock.to, from: superblock.from, parts, bytes };
    },
    { signal: ctx.signal },
  );
}

/** True when every object that the part makes is here. */
export function hasAll(repo: Repository, header: DeltaPartHeader): boolean {
  for (const { type, checksum } of objectsOf(header)) if (!repo.hasObject(type, checksum)) return false;
  return true;
}

function checkStart(repo: Repository, { from }: DeltaSuperblock): void {
  if (from !== undefined && !repo.hasObject('commit', from)) {
    throw new RefusedError(
      'OSTREE_OBJECT_MISSING',
      `the delta starts from the commit ${from}, which is not here`,
      { details: { commit: from } },
    );
  }
}

async function bringFallbacks(
  repo: Repository,
  txn: Transaction,
  superblock: DeltaSuperblock,
  options: ApplyOptions,
): Promise<void> {
  const missing = superblock.fallbacks.filter(({ type, checksum }) => !repo.hasObject(type, checksum));
  if (missing.length > 0 && options.fetchFallback === undefined) {
    throw new RefusedError(
      'DELTA_NEEDS_FALLBACK',
      `the delta leaves out ${missing.length} objects that must be fetched one by one`,
      { hint: 'pull from its repository, or generate it with a minimum fallback size of 0' },
    );
  }
  for (const object of missing) {
    await options.fetchFallback?.(object, txn);
    if (!repo.hasObject(object.type, object.checksum))
      throw invalidDelta(`the object ${object.checksum} was not brought`);
  }
}

async function loadPart(
  superblock: DeltaSuperblock,
  index: number,
  header: DeltaPartHeader,
  source: DeltaSource,
  options: ApplyOptions,
) {
  const limit = options.maxPart ?? defaultMaxPart;
  const inline = inlinePart(superblock, index);
  if (inline !== undefined) {
    checkHash(index, header, [Uint8Array.of(inline.compression), inline.payload]);
    return openPart(inline.compression, inline.payload, limit);
  }
  const file = await source.readPart(index, header);
  checkHash(index, header, [file]);
  return openPart(file[0] ?? 0, file.subarray(1), limit);
}

function checkHash(index: number, header: DeltaPartHeader, pieces: readonly Uint8Array[]): void {
  const hash = sha256();
  for (const piece of pieces) hash.update(piece);
  const actual = hexOf(hash.digest());
  if (actual !== header.checksum) throw invalidDelta(`part ${index} is ${actual}, not ${header.checksum}`);
}

async function runPart(executor: PartExecutor, pace: Pace): Promise<void> {
  const opsBetweenRests = 512;
  try {
    for (let count = 1; executor.step(); count++) if (count % opsBetweenRests === 0) await pace.rest();
  } finally {
    executor.close();
  }
}
