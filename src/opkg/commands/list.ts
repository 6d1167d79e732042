/** The commands that list packages, a line each. */
import { compareVersions } from '../../ipk/index.ts';
import { compareText, matchesGlob, type Package, type Run } from '../../offline/index.ts';
import type { CommandCall } from './command.ts';

interface Item {
  readonly name: string;
  readonly version: string;
  readonly size: number;
  readonly description: string | undefined;
}

/** `list` and, with descriptions searched too, `find`: every version of the feeds, then what only the database has. */
export function list({ run, console, args }: CommandCall, withDescription: boolean): number {
  const items: Item[] = [];
  const names = new Set<string>();
  const [pattern] = args;
  const add = (pkg: Package, unlessKnown: boolean) => {
    const description = pkg.texts.get('Description');
    const found =
      pattern === undefined ||
      fits(run, pattern, pkg.name) ||
      (withDescription && description !== undefined && fits(run, pattern, description));
    if (!found || (unlessKnown && names.has(pkg.name))) return;
    const name = shownName(run, pkg);
    names.add(name);
    items.push({ name, version: pkg.version ?? '', size: pkg.size, description });
  };
  run.loadFeeds((pkg) => add(pkg, false));
  run.loadDatabase((pkg) => add(pkg, true));
  items.sort((a, b) => compareText(a.name, b.name));
  for (const item of items) console.print(line(run, item));
  return 0;
}

/** `list-installed`. */
export function listInstalled({ run, console, args }: CommandCall): number {
  const [pattern] = args;
  for (const pkg of installedByName(run)) {
    if (pattern === undefined || fits(run, pattern, pkg.name)) console.print(packageLine(run, pkg));
  }
  return 0;
}

/** `list-upgradable`: the installed, and the best that the feeds have. */
export function listUpgradable({ run, console }: CommandCall): number {
  run.noteOwners();
  const newer = run.universe.installed().filter((pkg) => {
    const candidate = run.chooser.byName(pkg.name);
    return candidate !== undefined && compareVersions(pkg.version ?? '', candidate.version ?? '') < 0;
  });
  for (const pkg of newer) {
    const candidate = run.chooser.byName(pkg.name);
    if (candidate !== undefined) console.print(`${pkg.name} - ${pkg.version} - ${candidate.version}\n`);
  }
  return 0;
}

/** `list-changed-conffiles`. */
export function listChangedConffiles({ run, console, args }: CommandCall): number {
  const [pattern] = args;
  for (const pkg of installedByName(run)) {
    if (pattern !== undefined && !fits(run, pattern, pkg.name)) continue;
    for (const conffile of pkg.conffiles ?? []) {
      if (conffile.digest !== undefined && run.isModified(conffile)) console.print(`${conffile.path}\n`);
    }
  }
  return 0;
}

/** `search`: the packages that have a file which fits, a line for each file. */
export function search({ run, console, args }: CommandCall): number {
  const [pattern = ''] = args;
  for (const pkg of installedByName(run)) {
    for (const file of run.filesOf(pkg)) if (fits(run, pattern, file)) console.print(packageLine(run, pkg));
  }
  return 0;
}

/** `files`. */
export function files({ run, console, args }: CommandCall): number {
  const [name = ''] = args;
  const pkg = run.universe.installedByName(name);
  if (pkg === undefined) {
    run.messages.error('opkg_files_cmd', `Package ${name} not installed.\n`);
    return 0;
  }
  const paths = run.filesOf(pkg);
  console.print(
    `Package ${pkg.name} (${pkg.version}) is installed on ${pkg.destination?.name} and has the following files:\n`,
  );
  for (const path of paths) console.print(`${path}\n`);
  return 0;
}

/** Whether the text fits the pattern, `--nocase` heeded. */
export function fits(run: Run, pattern: string, text: string): boolean {
  return matchesGlob(pattern, text, run.settings.on('nocase'));
}

function installedByName(run: Run): Package[] {
  return run.universe.installed().sort((a, b) => compareText(a.name, b.name));
}

function packageLine(run: Run, pkg: Package): string {
  return line(run, {
    name: shownName(run, pkg),
    version: pkg.version ?? '',
    size: pkg.size,
    description: pkg.texts.get('Description'),
  });
}

function line(run: Run, { name, version, size, description }: Item): string {
  const sizePart = run.settings.on('size') ? ` - ${size}` : '';
  return `${name} - ${version}${sizePart}${description === undefined ? '' : ` - ${description}`}\n`;
}

/** `--strip-abi`: the name without the ABI version at its end. */
function shownName(run: Run, pkg: Package): string {
  const abi = pkg.texts.get('ABIVersion');
  if (!run.settings.on('strip_abi') || abi === undefined || pkg.name.length <= abi.length) return pkg.name;
  return pkg.name.endsWith(abi) ? pkg.name.slice(0, -abi.length) : pkg.name;
}
