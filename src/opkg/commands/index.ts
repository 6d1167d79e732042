/** opkg's commands: their names, what they need, what runs. */
import { clean, configure, download, flag, install, remove, update, upgrade } from './change.ts';
import type { CommandBody } from './command.ts';
import { compareVersionsCommand, info, printArchitecture } from './facts.ts';
import { files, list, listChangedConffiles, listInstalled, listUpgradable, search } from './list.ts';
import { depends, whatNames, whatNeeds } from './relations.ts';

/** What is loaded before the command runs. */
type Load = 'nothing' | 'database' | 'all';

export interface Command {
  readonly needsArguments: boolean;
  readonly load: Load;
  /** Fields that it leaves out of what it prints. */
  readonly skip: ReadonlySet<string>;
  /** True for a command that changes the system. */
  readonly writes: boolean;
  readonly body: CommandBody;
}

const both: ReadonlySet<string> = new Set(['Description', 'Source']);
const source: ReadonlySet<string> = new Set(['Source']);
const none: ReadonlySet<string> = new Set();

function reading(
  body: CommandBody,
  load: Load,
  options: { readonly skip?: ReadonlySet<string>; readonly needsArguments?: boolean } = {},
): Command {
  return {
    body,
    load,
    skip: options.skip ?? both,
    needsArguments: options.needsArguments ?? false,
    writes: false,
  };
}

function writing(body: CommandBody, load: Load, needsArguments = true): Command {
  return { body, load, skip: both, needsArguments, writes: true };
}

const withArguments = { needsArguments: true };
const withDescriptions = { skip: source };

const table: Readonly<Partial<Record<string, Command>>> = {
  update: writing(update, 'database', false),
  install: writing(install, 'nothing'),
  upgrade: writing(upgrade, 'all'),
  remove: writing(remove, 'database'),
  configure: writing(configure, 'database', false),
  flag: writing(flag, 'database'),
  clean: reading(clean, 'nothing'),
  download: reading(download, 'all', withArguments),
  list: reading((call) => list(call, false), 'database', withDescriptions),
  find: reading((call) => list(call, true), 'all', { ...withDescriptions, needsArguments: true }),
  'list-installed': reading(listInstalled, 'database', withDescriptions),
  'list-upgradable': reading(listUpgradable, 'all', withDescriptions),
  'list-changed-conffiles': reading(listChangedConffiles, 'database', withDescriptions),
  info: reading((call) => info(call, false), 'all', { skip: none }),
  status: reading((call) => info(call, true), 'database'),
  files: reading(files, 'database', withArguments),
  search: reading(search, 'database', withArguments),
  'compare-versions': reading(compareVersionsCommand, 'nothing', withArguments),
  'print-architecture': reading(printArchitecture, 'nothing'),
  'print-installation-architecture': reading(printArchitecture, 'nothing'),
  depends: reading(depends, 'all', withArguments),
  whatdepends: reading((call) => whatNeeds(call, 'depend', false), 'all', withArguments),
  whatdependsrec: reading((call) => whatNeeds(call, 'depend', true), 'all', withArguments),
  whatrecommends: reading((call) => whatNeeds(call, 'recommend', false), 'all', withArguments),
  whatsuggests: reading((call) => whatNeeds(call, 'suggest', false), 'all', withArguments),
  whatconflicts: reading((call) => whatNeeds(call, 'conflict', false), 'all', withArguments),
  whatprovides: reading((call) => whatNames(call, 'provides'), 'all', withArguments),
  whatreplaces: reading((call) => whatNames(call, 'replaces'), 'all', withArguments),
};

/** Names with a dash that are also known with an underscore. */
const underscored = /^(?:list|compare|print)_/u;

/** The command of that name; undefined for one that opkg does not know. */
export function findCommand(name: string): Command | undefined {
  const dashed = underscored.test(name) ? name.replaceAll('_', '-') : name;
  return Object.hasOwn(table, dashed) ? table[dashed] : undefined;
}
