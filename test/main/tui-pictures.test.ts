/** Draws docs/tui-*.svg from the interface in a real terminal; only where TUI_PICTURES names a folder (tools/picture.mjs does). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { terminalSvg } from '../support/terminal-svg.ts';
import { startScene } from '../support/world/index.ts';
import { hasTmux, Pane } from './tui-support.ts';

const folder = process.env['TUI_PICTURES'] ?? '';
const size = { columns: 100, rows: 26 };

describe.skipIf(folder === '' || !hasTmux || process.getuid?.() !== 0)(
  'pictures of the interface (needs TUI_PICTURES, tmux and root)',
  () => {
    it('draws deployments and software', async () => {
      const scene = await startScene();
      try {
        await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
        await scene.compose(0);
        await scene.cli.ok('deploy', scene.branch);
        await scene.cli.ok('update');
        await scene.cli.ok('install', 'jq', 'tmux');
        await scene.compose(1);
        await scene.cli.ok('upgrade');
        const pane = Pane.open(scene, size);
        const draw = (name: string, label: string) => {
          const svg = terminalSvg(pane.colours(), size.columns, label);
          expect(svg.length).toBeGreaterThan(2_000);
          writeFileSync(join(folder, `tui-${name}.svg`), svg);
        };
        try {
          await pane.sees('jq');
          draw('deployments', 'The deployments of a router');
          pane.press('2');
          await pane.sees('dnsmasq-full');
          pane.press('Down', 'Down', 'Space', 'Down', 'Space', 'Down');
          await pane.sees('[+]');
          draw('software', 'Software of a router, two packages marked');
        } finally {
          pane.close();
        }
      } finally {
        await scene.end();
      }
    });
  },
);
