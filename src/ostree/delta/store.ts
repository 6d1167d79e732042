/** The deltas that a repository keeps: list, describe, delete. */
import { dirname } from 'node:path/posix';
import { RefusedError } from '../../base/index.ts';
import { exists, fsyncDirectory, lstatIfExists, readdirIfExists, removeTree } from '../../sys/index.ts';
import type { Repository } from '../repository.ts';
import { type DeltaId, deltaDirectory, deltaName, parseDeltaDirectory } from './names.ts';
import { openDeltaFiles } from './offline.ts';
import { OperationReader, op } from './operations.ts';
import { openPart } from './part.ts';
import {
  type DeltaSuperblock,
  inlinePart,
  objectRecordLength,
  objectsOf,
  parseSuperblock,
} from './superblock.ts';

/** The repository's deltas, by name. */
export function listDeltas(repo: Repository): DeltaId[] {
  const found: DeltaId[] = [];
  for (const prefix of readdirIfExists(`${repo.path}/deltas`)) {
    for (const rest of readdirIfExists(`${repo.path}/deltas/${prefix}`)) {
      const id = parseDeltaDirectory(prefix, rest);
      if (id !== undefined && exists(`${repo.path}/deltas/${prefix}/${rest}/superblock`)) found.push(id);
    }
  }
  return found.sort((a, b) => (deltaName(a) < deltaName(b) ? -1 : 1));
}

/** True when the repository has the delta. */
export function hasDelta(repo: Repository, id: DeltaId): boolean {
  return exists(`${repo.path}/${deltaDirectory(id)}/superblock`);
}

/** Removes the delta, its superblock first; RefusedError DELTA_NOT_FOUND. */
export function deleteDelta(repo: Repository, id: DeltaId): void {
  const path = `${repo.path}/${deltaDirectory(id)}`;
  if (lstatIfExists(path) === undefined)
    throw new RefusedError('DELTA_NOT_FOUND', `there is no static delta ${deltaName(id)}`);
  removeTree(`${path}/superblock`);
  removeTree(path);
  fsyncDirectory(dirname(path));
}

/** What a part holds and how often each operation occurs in it. */
export interface PartDescription {
  readonly objects: number;
  readonly size: number;
  readonly uncompressedSize: number;
  readonly modes: number;
  readonly xattrs: number;
  readonly blobSize: number;
  readonly operationsSize: number;
  readonly operations: Readonly<Record<keyof typeof op, number>>;
}

export interface DeltaDescription {
  readonly superblock: DeltaSuperblock;
  readonly parts: readonly PartDescription[];
}

/** What is in a delta of the repository (`id`) or in one on disk (a path); as `openDeltaFiles` and `openPart`. */
export async function describeDelta(repo: Repository, delta: DeltaId | string): Promise<DeltaDescription> {
  const path = typeof delta === 'string' ? delta : `${repo.path}/${deltaDirectory(delta)}`;
  const source = openDeltaFiles(path);
  const superblock = parseSuperblock(source.superblock);
  const parts: PartDescription[] = [];
  for (const [index, header] of superblock.parts.entries()) {
    const inline = inlinePart(superblock, index);
    const file = inline === undefined ? await source.readPart(index, header) : undefined;
    const part = openPart(
      inline?.compression ?? file?.[0] ?? 0,
      inline?.payload ?? file?.subarray(1) ?? new Uint8Array(0),
      maxPart,
    );
    parts.push({
      objects: header.objects.length / objectRecordLength,
      size: header.size,
      uncompressedSize: header.uncompressedSize,
      modes: part.modes.length,
      xattrs: part.xattrs.length,
      blobSize: part.blob.length,
      operationsSize: part.operations.length,
      operations: countOperations(
        part.operations,
        [...objectsOf(header)].map(({ type }) => type === 'file'),
      ),
    });
  }
  return { superblock, parts };
}

const maxPart = 256 << 20;

function countOperations(bytes: Uint8Array, isFile: readonly boolean[]): PartDescription['operations'] {
  const counts = { splice: 0, open: 0, write: 0, setSource: 0, unsetSource: 0, close: 0, patch: 0 };
  const reader = new OperationReader(bytes);
  let object = 0;
  while (!reader.done) {
    const opcode = reader.opcode();
    const kind = kinds.get(opcode);
    if (kind === undefined) break;
    counts[kind] += 1;
    const numbers = kind === 'splice' ? (isFile[object] === true ? 4 : 2) : argumentCounts[kind];
    for (let i = 0; i < numbers; i++) reader.number();
    if (kind === 'splice' || kind === 'close') object += 1;
  }
  return counts;
}

const argumentCounts = { splice: 2, open: 3, write: 2, setSource: 1, unsetSource: 0, close: 0, patch: 2 };
const kinds = new Map<number, keyof typeof op>([
  [op.splice, 'splice'],
  [op.open, 'open'],
  [op.write, 'write'],
  [op.setSource, 'setSource'],
  [op.unsetSource, 'unsetSource'],
  [op.close, 'close'],
  [op.patch, 'patch'],
]);
