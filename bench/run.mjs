/**
 * Runs benchmarks: `npm run bench -- NAME...`, all without a name. bench/NAME.ts is bundled as the product is, and runs in a
 * process of its own; results go to bench/results.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { answers } from '../tools/lib/build-tui.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const all = readdirSync(join(root, 'bench'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -3));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${all.join(', ')}`);
  process.exit(2);
}
mkdirSync(join(root, '.cache/bench'), { recursive: true });
for (const name of asked.length === 0 ? all : asked) {
  const outfile = join(root, '.cache/bench', `${name}.mjs`);
  await build({
    entryPoints: [join(root, 'bench', `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.18',
    format: 'esm',
    logLevel: 'warning',
    jsx: 'automatic',
    plugins: [answers],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    define: {
      __PRODUCT_VERSION__: '"bench"',
      __PRODUCT_FILES__: '[]',
      'process.env.NODE_ENV': '"production"',
      'process.env.DEV': '"false"',
    },
  });
  const { status } = spawnSync(process.execPath, [outfile], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
