/** A commit by static delta, where the remote's summary lists one that fits what is here. */
import { type Checksum, isOpkgOstreeError, type OperationContext, sha256Hex } from '../../base/index.ts';
import { applyDelta, type DeltaFallback, type DeltaId, deltaDirectory, deltaName } from '../delta/index.ts';
import type { Repository } from '../repository.ts';
import { objectName } from '../staging.ts';
import type { Transaction } from '../transaction.ts';
import { type ImportTarget, importFile } from './import-file.ts';
import { collect, isNotFound, type Source } from './source.ts';

const maxSuperblock = 16 << 20;

export interface DeltaAttempt {
  readonly repo: Repository;
  readonly source: Source;
  readonly target: ImportTarget;
  /** What the summary lists, with the superblocks' digests. */
  readonly deltas: ReadonlyMap<string, Checksum>;
  /** What the ref is here; undefined where there is none. */
  readonly from: Checksum | undefined;
  /** The commit that is wanted; it has been checked already. */
  readonly to: Checksum;
}

/**
 * True when a delta brought the whole commit. False where none fits or it is unusable: then the objects are fetched one
 * by one. Errors of the network, the disk and the user's interruption are thrown.
 */
export async function tryDelta(attempt: DeltaAttempt, ctx: OperationContext): Promise<boolean> {
  const { repo, source, deltas, from, to } = attempt;
  const whole = from !== undefined && !repo.isPartial(from);
  const candidates: DeltaId[] = whole ? [{ from, to }] : from === undefined ? [{ to }] : [];
  const id = candidates.find((candidate) => deltas.has(deltaName(candidate)));
  const digest = id === undefined ? undefined : deltas.get(deltaName(id));
  if (id === undefined || digest === undefined) return false;
  const folder = deltaDirectory(id);
  try {
    const superblock = await source.read('content', `${folder}/superblock`, maxSuperblock);
    if (sha256Hex(superblock) !== digest) return false;
    const applied = await applyDelta(
      repo,
      {
        superblock,
        readPart: (index, header) => source.read('content', `${folder}/${index}`, header.size),
      },
      ctx,
      { fetchFallback: (object, txn) => fetchFallback(attempt, object, txn) },
    );
    return applied.commit === to;
  } catch (error) {
    if (isUnusable(error)) return false;
    throw error;
  }
}

async function fetchFallback(
  { source, target, repo }: DeltaAttempt,
  { type, checksum }: DeltaFallback,
  txn: Transaction,
): Promise<void> {
  if (repo.hasObject(type, checksum)) return;
  const path = `objects/${objectName(type, checksum, 'archive')}`;
  const fetched = await source.fetch('content', path, Number.MAX_SAFE_INTEGER);
  if (type === 'file') await importFile(txn, target, checksum, fetched);
  else if (type === 'dirtree' || type === 'dirmeta')
    txn.writeMetadata(type, await collect(fetched), checksum);
}

/** A delta that is missing, malformed or for another start is no loss: the objects are there too. */
function isUnusable(error: unknown): boolean {
  if (isNotFound(error)) return true;
  return (
    isOpkgOstreeError(error) && /^(?:DELTA_|XZ_|GVARIANT_|OSTREE_OBJECT_|NETWORK_TOO_LARGE)/u.test(error.code)
  );
}
