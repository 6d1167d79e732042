/** Draws the README's docs/demo.svg from the transcript of the last ./tools/demo, and docs/tui-*.svg from the interface in tmux. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const transcript = readFileSync(join(root, 'demo-out/transcript.txt'), 'utf8').split('\n');
/** The commands that are shown, each with at most so many lines of its output. */
const shown = [
  ['opkg-ostree install jq tmux', 12],
  ['opkg-ostree upgrade', 12],
  ['opkg-ostree rollback', 12],
];
const columns = 104;

function outputOf(command, most) {
  const at = transcript.findIndex((line) => line.trim().startsWith(`$ ${command}`));
  if (at < 0) throw new Error(`the transcript has no '${command}': run ./tools/demo first`);
  const lines = [];
  for (const line of transcript.slice(at + 1)) {
    if (!line.startsWith('      ')) break;
    lines.push(line.slice(6));
  }
  const cut = lines.length > most ? [...lines.slice(0, most), '...'] : lines;
  return [transcript[at].trim(), ...cut, ''];
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const lines = shown.flatMap(([command, most]) => outputOf(command, most)).slice(0, -1);
const height = lines.length * 17 + 32;
const rows = lines.map((line, index) => {
  const style = line.startsWith('$ ') ? 'class="c"' : line.startsWith('  +') ? 'class="p"' : '';
  return `<text x="16" y="${index * 17 + 28}" ${style}>${escaped(line.slice(0, columns))}</text>`;
});
writeFileSync(
  join(root, 'docs/demo.svg'),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * 7.9 + 32} ${height}" role="img" aria-label="A terminal: install, upgrade, rollback">
<style>rect{fill:#14181d}text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#c9d1d9;white-space:pre}.c{fill:#79c0ff;font-weight:bold}.p{fill:#7ee787}</style>
<rect width="100%" height="100%" rx="8"/>
${rows.join('\n')}
</svg>
`,
);
const { status } = spawnSync(
  join(root, 'node_modules/.bin/vitest'),
  ['run', '--project', 'main', 'test/main/tui-pictures.test.ts'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, TUI_PICTURES: join(root, 'docs') } },
);
process.exitCode = status ?? 1;
