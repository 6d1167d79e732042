/** `info`, `status`, `compare-versions`, `print-architecture`. */
import { compareVersions } from '../../ipk/index.ts';
import { renderInfo } from '../../offline/index.ts';
import { type CommandCall, failed } from './command.ts';
import { fits } from './list.ts';

/** `info`: every known package that fits; `status`: those that are installed. */
export function info({ run, console, args }: CommandCall, installedOnly: boolean): number {
  const [pattern] = args;
  for (const pkg of installedOnly ? run.universe.installed() : run.universe.available()) {
    if (pattern !== undefined && !fits(run, pattern, pkg.name)) continue;
    console.print(renderInfo(pkg));
    if (run.messages.verbosity < 1) continue;
    for (const conffile of pkg.conffiles ?? []) {
      const modified = Number(run.isModified(conffile));
      if (conffile.digest === undefined) continue;
      run.messages.info(
        'opkg_info_status_cmd',
        `conffile=${conffile.path} md5sum=${conffile.digest} modified=${modified}.\n`,
      );
    }
  }
  return 0;
}

/** `compare-versions A OP B`: 0 for true, 1 for false and for an unknown operator. */
export function compareVersionsCommand({ run, args }: CommandCall): number {
  const [a, operator, b] = args;
  if (a === undefined || operator === undefined || b === undefined || args.length > 3) {
    run.messages.error(
      'opkg_compare_versions_cmd',
      'opkg compare_versions <v1> <op> <v2>\n<op> is one of <= >= << >> =\n',
    );
    return failed;
  }
  const order = compareVersions(a, b);
  switch (operator) {
    case '<=':
    case '<':
      return Number(order > 0);
    case '>=':
    case '>':
      return Number(order < 0);
    case '<<':
      return Number(order >= 0);
    case '>>':
      return Number(order <= 0);
    case '=':
      return Number(order !== 0);
    default:
      run.messages.error('pkg_version_satisfied', `Unknown operator: ${operator}.\n`);
      return 1;
  }
}

/** `print-architecture`. */
export function printArchitecture({ run, console }: CommandCall): number {
  for (const [name, priority] of run.settings.architectureLines) console.print(`arch ${name} ${priority}\n`);
  return 0;
}
