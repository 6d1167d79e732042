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
import { basename, join, relative } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';
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
process.once('exit', () => rmSync(cache, { recursive: true, force: true }));
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
 * The program and what it loads when asked, cut at the dynamic import: what runs, what is loaded, and the chunk that both use.
 * esbuild cuts by files, so what is loaded has doors of its own, `rare.ts` beside a room's `index.ts`.
 */
async function cut() {
  const { metafile } = await build({
    ...common,
    minify: false,
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    outdir: cache,
    splitting: true,
    packages: 'external',
    metafile: true,
  });
  const outputs = Object.entries(metafile.outputs);
  const entry = (end) => outputs.find(([, { entryPoint }]) => entryPoint === end)?.[0] ?? '';
  const [main, loaded] = [entry('src/cli/main.ts'), entry('src/cli/rare/index.ts')];
  const shared = outputs.map(([path]) => path).filter((path) => path !== main && path !== loaded);
  if (shared.length !== 1)
    throw new Error(`expected one shared chunk, not: ${outputs.map(([path]) => path)}`);
  return { main: basename(main), loaded: basename(loaded), shared: basename(shared[0]) };
}

/** Lets imports of one file be those of another that is there when the program runs. */
const elsewhere = (from, to) => ({
  name: 'elsewhere',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\// }, ({ path }) =>
      path === `./${from}` ? { path: `./${to}`, external: true } : undefined,
    ),
});

/** The names that the file imports from the shared chunk. */
function importedNames({ loaded, shared }) {
  const text = readFileSync(join(cache, loaded), 'utf8');
  const found = text.matchAll(/^import \{([^}]*)\} from "\.\/([^"]*)";$/gmu);
  return [...found]
    .filter(([, , from]) => from === shared)
    .flatMap(([, names]) => names.split(',').map((name) => name.trim().split(' as ')[0]));
}

function announce(path) {
  console.log(`built ${relative(root, path)} (${Math.round(statSync(path).size / 1024)} KiB)`);
}

mkdirSync(dist, { recursive: true });
const parts = await cut();
await build({
  ...common,
  stdin: {
    contents: `import './${parts.main}'; export { ${importedNames(parts).join(', ')} } from './${parts.shared}';`,
    resolveDir: cache,
  },
  outfile: join(cache, program),
  plugins: [elsewhere(parts.loaded, rare)],
  banner: {
    js: "#!/usr/bin/env node\nimport{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});
chmodSync(join(cache, program), 0o755);
await build({
  ...common,
  entryPoints: [join(cache, parts.loaded)],
  outfile: join(cache, rare),
  plugins: [elsewhere(parts.shared, program)],
});
// Together, for each fits the other of its own build alone.
renameSync(join(cache, rare), join(dist, rare));
renameSync(join(cache, program), join(dist, program));
announce(join(dist, program));
announce(join(dist, rare));

const screens = join(root, 'dist/opkg-ostree-tui.mjs');
await buildTui(root, screens, {
  __PRODUCT_VERSION__: JSON.stringify(version),
  __PRODUCT_FILES__: JSON.stringify(packed(embed(join(root, 'files')))),
});
announce(screens);
