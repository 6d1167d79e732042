import type { Checksum } from '../../base/index.ts';
import type { FileObject } from '../file-object.ts';
import type { Repository } from '../repository.ts';
import { makePatch } from './bsdiff.ts';
import { openContent, readWhole } from './content.ts';
import { matchBlocks } from './match-blocks.ts';
import type { Recipe } from './part-builder.ts';
import type { ReadSource } from './read-source.ts';

/** How files may be made of old ones. */
export interface RecipeOptions {
  readonly bsdiff: boolean;
  /** Bytes of old and new file together up to which a patch is made. */
  readonly maxBsdiffSize: number;
  /** A folder for large files of archives. */
  readonly folder: string;
}

const othersMayRead = 0o004;
/** What has to be new in a patched or copied file for it to be sent whole instead. */
const worthless = 0.9;

/**
 * How to make the file of the old one, or undefined where it is not worth it. Old files that not everybody may read are
 * not used: a client that may not either could not apply the delta.
 */
export async function findRecipe(
  repo: Repository,
  file: FileObject,
  from: Checksum,
  options: RecipeOptions,
): Promise<Recipe | undefined> {
  const old = repo.loadFile(from);
  if (old.target !== undefined || (old.attributes.mode & othersMayRead) === 0) return undefined;
  const sources: ReadSource[] = [];
  try {
    const oldSource = await openContent(old, options.folder);
    sources.push(oldSource);
    const nextSource = await openContent(file, options.folder);
    sources.push(nextSource);
    if (options.bsdiff && old.size + file.size <= options.maxBsdiffSize)
      return patchRecipe(oldSource, nextSource);
    return copyRecipe(oldSource, nextSource);
  } finally {
    for (const source of sources) source.close();
  }
}

function patchRecipe(old: ReadSource, next: ReadSource): Recipe | undefined {
  const patch = makePatch(readWhole(old), readWhole(next));
  if (patch.novel > next.size * worthless) return undefined;
  return { kind: 'patch', from: old.checksum, patch: patch.bytes };
}

function copyRecipe(old: ReadSource, next: ReadSource): Recipe | undefined {
  const segments = matchBlocks(old, next);
  let own = 0;
  for (const segment of segments) if (segment.kind === 'own') own += segment.length;
  if (own > next.size * worthless) return undefined;
  const pieces = new Map<number, Uint8Array>();
  for (const { kind, offset, length } of segments)
    if (kind === 'own') pieces.set(offset, Uint8Array.from(next.read(offset, length)));
  return {
    kind: 'copies',
    from: old.checksum,
    segments,
    read: (offset) => pieces.get(offset) ?? new Uint8Array(0),
  };
}
