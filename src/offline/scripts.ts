/** Maintainer scripts as opkg runs them (opkg.md section 8): by the host's shell, on our own streams. */
import { chmod, mkdirp, runAttached, wholeEnvironment, writeFile } from '../sys/index.ts';
import { toPath } from './messages.ts';
import type { Package } from './model.ts';
import type { PackageFile } from './package-file.ts';
import type { Run } from './run.ts';

/** What scripts are run with besides the package. */
export interface ScriptRunner {
  /** Writes what was printed so far, so that the script's own lines come after it. */
  readonly beforeScript: () => void;
  /** Further variables, as while packages are configured. */
  variables: Readonly<Record<string, string>>;
}

/** opkg's -1 for a script that a signal ended. */
const killed = -1;

/** Runs the script if the package has it; its status, 0 where it has none or scripts are not to run. */
export function runScript(
  run: Run,
  runner: ScriptRunner,
  pkg: Package,
  script: string,
  args: readonly string[],
  scratch: string | undefined,
): number {
  const { settings, messages } = run;
  if (settings.on('noaction')) return 0;
  if (settings.offlineRoot !== undefined && !settings.on('force_postinstall')) {
    messages.info('pkg_run_script', `Offline root mode: not running ${pkg.name}.${script}.\n`);
    return 0;
  }
  const path =
    pkg.isPresent || pkg.state === 'half-installed'
      ? `${pkg.destination?.infoFolder}/${pkg.name}.${script}`
      : `${scratch}/${script}`;
  messages.info('pkg_run_script', `Running script ${path}.\n`);
  if (!run.exists(path)) return 0;
  runner.beforeScript();
  const status = runShell(run, toPath(path), args, variablesFor(run, runner, pkg));
  if (status !== 0) {
    messages.error('pkg_run_script', `package "${pkg.name}" ${script} script returned status ${status}.\n`);
  }
  return status;
}

function variablesFor(run: Run, runner: ScriptRunner, pkg: Package): Record<string, string> {
  const { settings } = run;
  const environment = wholeEnvironment();
  const root = settings.offlineRoot;
  return {
    ...environment,
    // opkg leaves this to its caller. A script that does not know the root would work on the host's own.
    ...(root === undefined ? {} : { IPKG_INSTROOT: environment['IPKG_INSTROOT'] ?? toPath(root) }),
    PKG_ROOT: toPath((pkg.destination ?? settings.defaultDestination).root),
    PKG_UPGRADE: pkg.isUpgrade ? '1' : '0',
    ...runner.variables,
  };
}

/** Runs a program by the shell, which also takes a script without an interpreter line; nothing is interpolated. */
export function runShell(
  run: Run,
  program: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): number {
  const ended = runAttached('/bin/sh', ['-c', '"$0" "$@"', program, ...args], variables);
  if ('status' in ended) return ended.status;
  run.messages.error('xsystem', `/bin/sh: Child killed by signal ${ended.signal}.\n`);
  return killed;
}

/** Puts the members of the control archive into a folder of their own, for scripts of a package that is not unpacked yet. */
export function writeScratch(file: PackageFile, folder: string): void {
  mkdirp(toPath(folder));
  for (const { name, bytes, mode } of file.members) {
    const path = toPath(`${folder}/${name}`);
    writeFile(path, bytes);
    chmod(path, mode);
  }
}
