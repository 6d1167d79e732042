import { dirname, join } from 'node:path/posix';
import type { OperationContext } from '../../base/index.ts';
import { RefusedError } from '../../base/index.ts';
import { readFile, stat, statIfExists } from '../../sys/index.ts';
import type { Repository } from '../repository.ts';
import { type AppliedDelta, type ApplyOptions, applyDelta, type DeltaSource } from './apply.ts';
import { invalidDelta } from './errors.ts';

const maxSuperblock = 256 << 20;
const maxPartFile = 256 << 20;

/**
 * Applies a delta that lies on a disk: the folder of its files, or its superblock, with the parts beside it or
 * inline. As `applyDelta`; RefusedError DELTA_NOT_FOUND where there is nothing.
 */
export async function applyOffline(
  repo: Repository,
  path: string,
  ctx: OperationContext,
  options: ApplyOptions = {},
): Promise<AppliedDelta> {
  return applyDelta(repo, openDeltaFiles(path), ctx, options);
}

/** The delta in a folder, or of a superblock's path; RefusedError DELTA_NOT_FOUND, ParseError DELTA_INVALID. */
export function openDeltaFiles(path: string): DeltaSource {
  const found = statIfExists(path);
  const file = found?.isDirectory() === true ? join(path, 'superblock') : path;
  if (statIfExists(file)?.isFile() !== true)
    throw new RefusedError('DELTA_NOT_FOUND', `there is no static delta at ${path}`);
  const folder = dirname(file);
  return {
    superblock: readBounded(file, maxSuperblock),
    readPart: (index) => {
      const part = join(folder, String(index));
      if (statIfExists(part)?.isFile() !== true) throw invalidDelta(`its part ${index} is missing`);
      return readBounded(part, maxPartFile);
    },
  };
}

function readBounded(path: string, limit: number): Uint8Array {
  const { size } = stat(path);
  if (size > limit) throw invalidDelta(`${path} has ${size} bytes, more than ${limit}`);
  return readFile(path);
}
