/** Draws docs/luci-software.png and docs/luci-deployments.png: LuCI's pages in a real browser, on a fixture. Needs root and chromium. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { status } = spawnSync(
  join(root, 'node_modules/.bin/vitest'),
  ['run', '--project', 'main', 'test/main/luci-pictures.test.ts'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, LUCI_PICTURES: join(root, 'docs') } },
);
process.exitCode = status ?? 1;
