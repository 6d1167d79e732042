/**
 * Builds dist/opkg-ostree.mjs, one ECMAScript file, pure JavaScript, for Node 20.18 and later; and beside it
 * dist/opkg-ostree-more.mjs, which it loads for what is done rarely (docs/adr/0015-two-files.md). Those files of `files/` that
 * compose puts into every base travel inside.
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, relative } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
import { build as bundleModules } from 'vite';
import { buildTui } from './lib/build-tui.mjs';

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

const dist = join(root, 'dist');
mkdirSync(join(root, '.cache'), { recursive: true });
// Of this run alone: others may build at the same time. Below the root, for the dependencies are looked up from there.
const cache = mkdtempSync(join(root, '.cache/build-'));
const program = 'opkg-ostree.mjs';
const rare = 'opkg-ostree-more.mjs';
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.18',
  format: 'esm',
  minify: true,
  legalComments: 'none',
  define: {
    __PRODUCT_VERSION__: JSON.stringify(version),
    __PRODUCT_FILES__: JSON.stringify(packed(embed(join(root, 'files')))),
  },
};

/**
 * The program and what it loads when asked, as one file each: the second imports what both use from the first. Vite's bundler
 * follows each name to where it is defined, where esbuild would take a whole room for one name of its index.
 */
async function cut() {
  const { output } = await bundleModules({
    configFile: false,
    root,
    logLevel: 'warn',
    build: {
      ssr: true,
      target: 'node20',
      minify: false,
      write: true,
      outDir: cache,
      emptyOutDir: false,
      copyPublicDir: false,
      rollupOptions: {
        input: join(root, 'src/cli/main.ts'),
        treeshake: { moduleSideEffects: (id) => id.endsWith('src/cli/main.ts') },
        output: {
          entryFileNames: 'main.mjs',
          chunkFileNames: '[name].mjs',
          hoistTransitiveImports: false,
        },
      },
    },
  });
  const names = output.map(({ fileName }) => fileName).sort();
  if (names.join() !== 'main.mjs,rare.mjs') throw new Error(`expected main.mjs and rare.mjs, not ${names}`);
}

/** Lets imports of one file be those of another that is there when the program runs. */
const elsewhere = (from, to) => ({
  name: 'elsewhere',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\// }, ({ path }) =>
      path === `./${from}` ? { path: `./${to}`, external: true } : undefined,
    ),
});

function announce(path) {
  console.log(`built ${relative(root, path)} (${Math.round(statSync(path).size / 1024)} KiB)`);
}

mkdirSync(dist, { recursive: true });
await cut();
await build({
  ...common,
  entryPoints: [join(cache, 'main.mjs')],
  outfile: join(cache, program),
  plugins: [elsewhere('rare.mjs', rare)],
  banner: {
    js: "#!/usr/bin/env node\nimport{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});
chmodSync(join(cache, program), 0o755);
await build({
  ...common,
  entryPoints: [join(cache, 'rare.mjs')],
  outfile: join(cache, rare),
  plugins: [elsewhere('main.mjs', program)],
});
// Together, for each fits the other of its own build alone.
renameSync(join(cache, rare), join(dist, rare));
renameSync(join(cache, program), join(dist, program));
rmSync(cache, { recursive: true });
announce(join(dist, program));
announce(join(dist, rare));

const screens = join(root, 'dist/opkg-ostree-tui.mjs');
await buildTui(root, screens, {
  __PRODUCT_VERSION__: JSON.stringify(version),
  __PRODUCT_FILES__: JSON.stringify(packed(embed(join(root, 'files')))),
});
announce(screens);
