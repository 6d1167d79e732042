/** Builds the interface for terminals, which `opkg-ostree tui` loads from beside the program: one ECMAScript file with Ink in it. */
import { join } from 'node:path/posix';
import { build } from 'esbuild';

/** What Ink would ask of its surroundings, answered here: no development tools, and a terminal that was chosen for it. */
export const answers = {
  name: 'answers',
  setup(bundler) {
    const asked = /^(?:react-devtools-core|is-in-ci)$/;
    bundler.onResolve({ filter: asked }, ({ path }) => ({ path, namespace: 'answer' }));
    bundler.onLoad({ filter: asked, namespace: 'answer' }, () => ({ contents: 'export default false;' }));
  },
};

/** Bundles src/tui of the repository at `root` into `outfile`; `define` are the constants of the build. */
export async function buildTui(root, outfile, define) {
  await build({
    entryPoints: [join(root, 'src/tui/index.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.18',
    format: 'esm',
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    plugins: [answers],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    define: { ...define, 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  });
}
