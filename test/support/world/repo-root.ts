import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder: the nearest one above this module (or its bundle) that holds package.json. */
export const repoRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Where what can be made again is kept; git-ignored. */
export const cacheFolder: string = join(repoRoot, '.cache');

/** The fixture files. */
export const fixturesFolder: string = join(repoRoot, 'test/fixtures');

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('there is no package.json above the test support');
  return findRoot(parent);
}
