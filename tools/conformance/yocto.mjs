/**
 * Runs the cases of the test suite of Yocto's opkg, and prints what became of each as a table in Markdown:
 *
 *   node tools/conformance/yocto.mjs SUITE [--opkg COMMAND] [--beside COMMAND]
 *
 * SUITE is the folder `tests` of a checkout of opkg. COMMAND is run by a shell, with opkg's arguments after it; without
 * --opkg it is `opkg-ostree opkg` of dist/. --beside names another opkg, whose outcomes stand beside ours: those of
 * OpenWrt's own opkg say which cases are about it at all. It refuses packages that are `ar` archives, so both then get
 * gzipped tar archives with OpenWrt's names of members.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const bundle = fileURLToPath(new URL('../../dist/opkg-ostree.mjs', import.meta.url));
const folders = ['core', 'regress', 'misc'];
/** Milliseconds for one case. */
const limit = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { opkg: { type: 'string' }, beside: { type: 'string' }, only: { type: 'string' } },
});
const suite = positionals[0];
if (suite === undefined) {
  console.error(
    'usage: node tools/conformance/yocto.mjs SUITE [--opkg COMMAND] [--beside COMMAND] [--only TEXT]',
  );
  process.exit(2);
}
const ours = values.opkg ?? `'${process.execPath}' '${bundle}' opkg`;
const commands = [ours, ...(values.beside === undefined ? [] : [values.beside])];
const cases = folders.flatMap((folder) =>
  readdirSync(join(suite, folder))
    .filter((name) => name.endsWith('.py'))
    .sort()
    .map((name) => `${folder}/${name}`)
    .filter((name) => values.only === undefined || name.includes(values.only)),
);

const word = ({ passed }) => (passed ? 'passed' : 'failed');
const beside = commands.length > 1;
const rows = [];
console.log(
  `| case | ours |${beside ? ' beside |' : ''} ours, last line |\n|---|---|${beside ? '---|' : ''}---|`,
);
for (const name of cases) {
  const outcomes = await Promise.all(commands.map((command) => runCase(suite, name, command)));
  rows.push([name, ...outcomes]);
  console.log(`| ${[name, ...outcomes.map(word), outcomes[0].note].join(' | ')} |`);
}
summarize();

/** What became of one case: `passed`, or `failed` with the last line that it printed. */
async function runCase(suite, name, command) {
  const work = mkdtempSync(join(tmpdir(), 'yocto-opkg-'));
  try {
    cpSync(suite, join(work, 'tests'), { recursive: true });
    if (beside) useTar(join(work, 'tests/opk.py'));
    const roots = { opkdir: join(work, 'opk'), offline_root: join(work, 'root') };
    for (const folder of Object.values(roots)) mkdirSync(folder);
    const wrapper = join(work, 'opkg-command');
    // The suite wants one executable, and knows nothing of the folder in which OpenWrt's opkg puts its lock.
    writeFileSync(wrapper, `#!/bin/sh\nmkdir -p '${roots.offline_root}/var/lock'\nexec ${command} "$@"\n`, {
      mode: 0o755,
    });
    const lines = [...Object.entries(roots), ['opkgcl', wrapper]].map(
      ([key, value]) => `${key} = ${JSON.stringify(value)}\n`,
    );
    writeFileSync(join(work, 'tests/cfg.py'), lines.join(''));
    const { code, output } = await run('python3', [join(work, 'tests', name)], {
      cwd: work,
      // OpenWrt's database lies in /usr/lib/opkg.
      env: {
        ...process.env,
        VARDIR: '/usr',
        SYSCONFDIR: '/etc',
        PYTHONPATH: join(work, 'tests'),
        PYTHONDONTWRITEBYTECODE: '1',
      },
    });
    if (code === 0) return { passed: true, note: '' };
    const last = output.trim().split('\n').at(-1) ?? '';
    return { passed: false, note: last.replaceAll(work, '').replaceAll('|', '\\|').slice(0, 140) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Makes the suite's builder of packages write tar archives as OpenWrt's builder does: `./NAME`, debian-binary first. */
function useTar(path) {
  const text = readFileSync(path, 'utf8');
  const changed = text
    .replaceAll('tar_not_ar=False', 'tar_not_ar=True')
    .replaceAll(', tar_mode) as', ', tar_mode, format=tarfile.GNU_FORMAT) as')
    .replace(/^( *)(tar\.add\(control_file)\)/mu, "$1tar.add('debian-binary', './debian-binary')\n$1$2)")
    .replaceAll(/tar\.add\((control_file|data_file)\)/gu, "tar.add($1, './' + $1)")
    .replaceAll(/tar\.add\('(\w+)'\)/gu, "tar.add('$1', './$1')");
  if (changed === text) throw new Error(`${path} is not the builder that this runner knows`);
  writeFileSync(path, changed);
}

function run(program, args, options) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limit,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

function summarize() {
  const count = (at) => rows.filter((row) => row[at].passed).length;
  console.log(`\n${rows.length} cases: ours passes ${count(1)}${beside ? `, beside ${count(2)}` : ''}.`);
  if (!beside) return;
  const lost = rows.filter(([, own, other]) => other.passed && !own.passed).map(([name]) => name);
  console.log(`Passed beside and not by ours: ${lost.length === 0 ? 'none' : lost.join(', ')}.`);
}
