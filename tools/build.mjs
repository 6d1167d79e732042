/**
 * Builds dist/opkg-ostree.mjs: one ECMAScript file, pure JavaScript, for Node 20.18 and later. Those files of
 * `files/` that compose puts into every base travel inside it.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const owners = JSON.parse(readFileSync(join(root, 'packaging/files.json'), 'utf8'));
// What compose changes of base-files is no package of ours, but part of every base all the same.
const others = Object.entries(owners).flatMap(([name, starts]) => (name === 'base-files' ? [] : starts));

/** Every file below `dir` that no other package owns, as [path, mode, text], in path order. */
function embed(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !others.some((start) => relative(dir, path).startsWith(start)))
    .sort()
    .map((path) => [
      relative(dir, path),
      statSync(path).mode & 0o111 ? 0o755 : 0o644,
      readFileSync(path, 'utf8'),
    ]);
}

/** The files as one text: a fifth of what they are. */
function packed(files) {
  return brotliCompressSync(JSON.stringify(files)).toString('base64');
}

mkdirSync(join(root, 'dist'), { recursive: true });
const outfile = join(root, 'dist/opkg-ostree.mjs');
await build({
  entryPoints: [join(root, 'src/cli/main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20.18',
  format: 'esm',
  minify: true,
  legalComments: 'none',
  banner: {
    js: "#!/usr/bin/env node\nimport{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  define: {
    __PRODUCT_VERSION__: JSON.stringify(version),
    __PRODUCT_FILES__: JSON.stringify(packed(embed(join(root, 'files')))),
  },
});
chmodSync(outfile, 0o755);
console.log(`built dist/opkg-ostree.mjs (${Math.round(statSync(outfile).size / 1024)} KiB)`);
