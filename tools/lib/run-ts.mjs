import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** The repository's folder. */
export const repoRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * Imports a TypeScript module of this repository: Node 20 cannot, so it is bundled below .cache/tools first.
 * @param {string} path relative to the repository
 */
export async function importTs(path) {
  const folder = join(repoRoot, '.cache/tools');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${path.replaceAll('/', '-').replace(/\.ts$/, '')}.mjs`);
  await build({
    entryPoints: [join(repoRoot, path)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}
