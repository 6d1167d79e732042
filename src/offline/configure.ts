/** Configuring what was unpacked, dependencies first. */
import { chmod, lstatIfExists, mkdirp, readdirIfExists, wholeEnvironment } from '../sys/index.ts';
import { updateAlternatives } from './alternatives.ts';
import { matchesGlob } from './glob.ts';
import { toPath } from './messages.ts';
import { flags, type Package } from './model.ts';
import { runScript, runShell } from './scripts.ts';
import type { Transaction } from './transaction.ts';

const interceptFolder = '/usr/share/opkg/intercept';
const defaultPath = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Configures every unpacked package that fits the pattern; false where a script fails, and that package stays unpacked. */
export function configurePackages(transaction: Transaction, pattern: string | undefined): boolean {
  const { run, runner } = transaction;
  run.messages.info('opkg_configure_packages', 'Configuring unpacked packages.\n');
  run.messages.info('opkg_configure_packages', 'Reordering packages before configuring them...\n');
  const ordered = inDependencyOrder(transaction);
  const scripts = toPath(transaction.scratch('intercept'));
  const { PATH } = wholeEnvironment();
  runner.variables = { OPKG_INTERCEPT_DIR: scripts, PATH: `${interceptFolder}:${PATH ?? defaultPath}` };
  let fine = true;
  for (const pkg of ordered) {
    if (pattern !== undefined && !matchesGlob(pattern, pkg.name, run.settings.on('nocase'))) continue;
    if (pkg.state !== 'unpacked') continue;
    mkdirp(scripts);
    if (!configure(transaction, pkg)) fine = false;
  }
  runner.variables = {};
  runIntercepted(transaction, scripts);
  return fine;
}

function configure(transaction: Transaction, pkg: Package): boolean {
  const { run, runner } = transaction;
  run.messages.notice(`Configuring ${pkg.name}.\n`);
  const status = runScript(run, runner, pkg, 'postinst', ['configure'], undefined);
  if (status !== 0) {
    run.messages.error('opkg_configure', `${pkg.name}.postinst returned ${status}.\n`);
    return false;
  }
  updateAlternatives(transaction, pkg);
  pkg.state = 'installed';
  if (pkg.parent !== undefined) pkg.parent.state = 'installed';
  pkg.flags &= ~flags.prefer;
  run.changed = true;
  return true;
}

/** What scripts left to be done once for all of them. */
function runIntercepted(transaction: Transaction, folder: string): void {
  for (const name of readdirIfExists(folder).sort()) {
    if (name.startsWith('.')) continue;
    const path = `${folder}/${name}`;
    if (((lstatIfExists(path)?.mode ?? 0) & 0o111) === 0) continue;
    chmod(path, 0o755);
    transaction.runner.beforeScript();
    runShell(transaction.run, path, [], wholeEnvironment());
  }
}

/** Every package that is on disk, each after those that it depends on; a circle is cut where it is entered again. */
function inDependencyOrder({ run }: Transaction): Package[] {
  const all = run.universe.available().filter(({ state }) => state !== 'not-installed');
  const byName = new Map<string, Package>();
  for (const pkg of all) if (!byName.has(pkg.name)) byName.set(pkg.name, pkg);
  const visited = new Set<string>();
  const ordered: Package[] = [];
  const visit = (pkg: Package) => {
    if (visited.has(pkg.name)) return;
    visited.add(pkg.name);
    for (const { possibilities } of pkg.requirements ?? []) {
      for (const { target } of possibilities) {
        const dependency = target.providedBy
          .map(({ name }) => byName.get(name))
          .find((one) => one !== undefined);
        if (dependency !== undefined) visit(dependency);
      }
    }
    ordered.push(pkg);
  };
  for (const pkg of all) visit(pkg);
  return ordered;
}
