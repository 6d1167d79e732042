import { basename, join } from 'node:path/posix';
import type { Command } from 'commander';
import { ConfigError, isOpkgOstreeError, strictTextOf, textOf } from '../../base/index.ts';
import { readdirTyped, readFile, writeAll, writeError } from '../../sys/index.ts';
import {
  bytesOf,
  displayText,
  exportUci,
  findSection,
  isUciPackageWord,
  mergeUci,
  parseUci,
  showPart,
  showUci,
  type UciConflict,
  type UciPackage,
} from '../../uci/index.ts';
import type { CommandResult } from '../output.ts';
import { addCommand, type Call, newCommand, type RunContext } from '../program.ts';

/** uci show, uci export, uci merge. */
export function uciCommands(program: Command, run: RunContext): void {
  const uci = newCommand('uci', 'Read and merge the configuration files of /etc/config');
  const folder = ['-c, --config-dir <dir>', 'where the files are', '/etc/config'] as const;
  addCommand(
    uci,
    run,
    'show [package]',
    'Print options as uci does; PACKAGE, PACKAGE.SECTION or PACKAGE.SECTION.OPTION',
    (command) => command.option(...folder).option('-X, --generated', 'print generated names, not @type[n]'),
    show,
  );
  addCommand(
    uci,
    run,
    'export [package]',
    "Print files in uci's own form",
    (command) =>
      command.option(...folder).option('-n, --names', 'print generated names as if they were given'),
    exportFiles,
  );
  addCommand(
    uci,
    run,
    'merge <base> <ours> <theirs>',
    'Print OURS with what THEIRS changed since BASE (- for none); conflicts go to standard error',
    (command) =>
      command.option('--package <name>', "whose rules hold (default: the name of OURS up to a '.')"),
    merge,
  );
  program.addCommand(uci);
}

interface Loaded {
  readonly name: string;
  readonly content: UciPackage;
}

function show({ args, options }: Call): CommandResult {
  const folder = options.text('configDir') ?? '/etc/config';
  const [packageName = '', ...path] = splitPath(args[0]);
  const loaded = args[0] === undefined ? loadAll(folder) : [load(folder, packageName)];
  const generated = options.flag('generated');
  const json = options.flag('json');
  const [only] = loaded;
  if (path.length > 0 && only !== undefined) return printed(showPath(only, path), loaded, json);
  return printed(
    loaded.map(({ name, content }) => showUci(content, name, { generated })).join(''),
    loaded,
    json,
  );
}

function exportFiles({ args, options }: Call): CommandResult {
  const folder = options.text('configDir') ?? '/etc/config';
  const loaded = args[0] === undefined ? loadAll(folder) : [load(folder, splitPath(args[0])[0] ?? '')];
  const names = options.flag('names');
  return printed(
    loaded.map(({ name, content }) => exportUci(content, { package: name, names })).join(''),
    loaded,
    options.flag('json'),
  );
}

function merge({ args, options }: Call): CommandResult {
  const [base = '-', ours = '', theirs = ''] = args;
  const packageName = options.text('package') ?? basename(ours).replace(/\..*$/u, '');
  const merged = mergeUci(base === '-' ? undefined : readFile(base), readFile(ours), readFile(theirs), {
    package: packageName,
  });
  const json = { merged: textOf(merged.bytes), changed: merged.changed, conflicts: merged.conflicts };
  if (!options.flag('json') && !options.flag('quiet'))
    for (const conflict of merged.conflicts) writeError(`${conflictLine(conflict)}\n`);
  return bytesResult(merged.bytes, json, options.flag('json'));
}

function conflictLine({ path, kind, ours, theirs }: UciConflict): string {
  return `conflict: ${path} (${kind}): kept ${JSON.stringify(ours)}, not ${JSON.stringify(theirs)}`;
}

function showPath({ name, content }: Loaded, [section = '', option, ...more]: readonly string[]): string {
  const index = findSection(content, section);
  const found = index === undefined ? undefined : content.sections[index];
  const text = found === undefined || more.length > 0 ? undefined : showPart(found, name, option);
  if (text !== undefined) return text;
  throw new ConfigError('CONFIG_INVALID', `${name} has no ${[section, option].filter(Boolean).join('.')}`);
}

/** `package.section.option`; an absolute path stands for a package and may hold dots. */
function splitPath(argument: string | undefined): string[] {
  if (argument === undefined) return [];
  return argument.startsWith('/') ? [argument] : argument.split('.');
}

function load(folder: string, name: string): Loaded {
  const path = name.startsWith('/') ? name : join(folder, name);
  const { package: content } = parseUci(readFile(path), { name: path });
  return { name: basename(name), content };
}

/** Every package of the folder; as with uci, one that cannot be read is reported and passed over. */
function loadAll(folder: string): Loaded[] {
  const names = readdirTyped(folder)
    .filter((entry) => !entry.isDirectory() && isUciPackageWord(entry.name))
    .map((entry) => entry.name)
    .sort();
  return names.flatMap((name) => {
    try {
      return [load(folder, name)];
    } catch (error) {
      if (!isOpkgOstreeError(error) || error.code !== 'UCI_INVALID') throw error;
      writeError(`error: ${error.message}\n`);
      return [];
    }
  });
}

function printed(text: string, loaded: readonly Loaded[], wantsJson: boolean): CommandResult {
  return bytesResult(bytesOf(text), loaded.map(documentOf), wantsJson);
}

/** Text goes the common way; bytes that are no UTF-8 would not survive it and are written as they are. */
function bytesResult(bytes: Uint8Array, json: unknown, wantsJson: boolean): CommandResult {
  const text = strictTextOf(bytes);
  if (text !== undefined) return { json, text: [text], raw: true };
  if (!wantsJson) writeAll(1, bytes);
  return { json, text: [], raw: true };
}

function documentOf({ name, content }: Loaded): unknown {
  return {
    package: name,
    sections: content.sections.map((section) => ({
      name: section.name,
      type: section.type,
      anonymous: section.anonymous,
      options: Object.fromEntries(
        section.options.map((option) => [
          option.name,
          option.kind === 'option' ? displayText(option.value) : option.values.map(displayText),
        ]),
      ),
    })),
  };
}
