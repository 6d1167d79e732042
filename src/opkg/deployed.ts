/** opkg's changing commands on a deployment: the engine makes the next one, opkg's lines tell of it. */
import { join } from 'node:path/posix';
import { isOpkgOstreeError, printable } from '../base/index.ts';
import * as engine from '../engine/index.ts';
import { compareVersions } from '../ipk/index.ts';
import {
  flags,
  type Package,
  Run,
  type Settings,
  simulateRemoval,
  toByteText,
  toPath,
} from '../offline/index.ts';
import { environment, now } from '../sys/index.ts';
import { type CommandCall, failed } from './commands/command.ts';
import { fits } from './commands/list.ts';
import { tell, tellIgnored } from './deployed-lines.ts';

/** Where the engine works and what it is told. */
export interface DeployedContext {
  readonly where: engine.Where;
  readonly system: engine.DeployedSystem;
  readonly argv: readonly string[];
}

type DeployedBody = (call: CommandCall, context: DeployedContext) => Promise<number>;

/** What stands in for the commands that change a plain root. */
export const deployedCommands: Readonly<Partial<Record<string, DeployedBody>>> = {
  update,
  install,
  upgrade,
  remove,
  flag,
  configure: async ({ run }) => {
    run.messages.notice('Packages are configured while their deployment is made; there is nothing to do.\n');
    return 0;
  },
};

function environmentOf({ run, signal }: CommandCall, { argv }: DeployedContext): engine.Environment {
  let last = '';
  return {
    signal,
    now,
    command: printable(['opkg', ...argv].join(' ')).replaceAll('\n', ' '),
    by: environment('SUDO_USER') ?? environment('USER') ?? 'root',
    onProgress: ({ phase, package: name }) => {
      if (phase !== 'download' || name === undefined || name === last) return;
      last = name;
      run.messages.notice(`Downloading ${toByteText(name)}\n`);
    },
  };
}

/** Runs an operation as a job; errors become opkg's collected ones. */
async function operate<T>(
  call: CommandCall,
  context: DeployedContext,
  kind: string,
  body: (env: engine.Environment) => Promise<T>,
): Promise<T | undefined> {
  const env = environmentOf(call, context);
  try {
    return await engine.runJob(env, { kind, where: context.where }, body, () => null);
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.kind === 'interrupted' || error.kind === 'internal') throw error;
    const hint = error.hint === undefined ? '' : `\t${error.hint}\n`;
    call.run.messages.error(`opkg_${kind}_cmd`, toByteText(`${error.message}.\n${hint}`));
    return undefined;
  }
}

async function update(call: CommandCall, context: DeployedContext): Promise<number> {
  const { run } = call;
  const { messages, settings } = run;
  const document = await operate(call, context, 'update', (env) =>
    engine.updateFeeds(env, context.where, { allowOlder: false }),
  );
  if (document === undefined) {
    messages.notice('*** Failed to download the package list; the lists stay as they are\n\n');
    return 1;
  }
  const folder = settings.listsFolder;
  engine.exportLists(context.where, toPath(folder));
  for (const { name, url, 'signed-by': key } of document.feeds) {
    const source = settings.sources.find((one) => one.name === toByteText(name));
    messages.notice(
      `Downloading ${toByteText(url)}/${source?.gzip === false ? 'Packages' : 'Packages.gz'}\n`,
    );
    messages.notice(`Updated list of available packages in ${folder}/${toByteText(name)}\n`);
    if (key === null) continue;
    messages.notice(`Downloading ${toByteText(url)}/Packages.sig\n`);
    messages.notice('Signature check passed.\n');
  }
  for (const warning of document.warnings) messages.info('opkg_update_cmd', `${toByteText(warning)}\n`);
  return 0;
}

async function install(call: CommandCall, context: DeployedContext): Promise<number> {
  const { run, args } = call;
  const files = args.filter(isFile);
  const names = args.filter((arg) => !isFile(arg));
  for (const name of names) run.universe.ensure(name).flags |= flags.needDetail;
  run.loadRelated();
  run.loadDatabase();
  const known = names.filter((name) => isWanted(run, name));
  const unknown = names.filter((name) => isUnknown(run, name));
  for (const name of unknown) {
    run.messages.notice(`Unknown package '${name}'.\n`);
    run.messages.error('opkg_install_cmd', `Cannot install package ${name}.\n`);
  }
  if (known.length + files.length === 0) return unknown.length > 0 ? failed : 0;
  const status = await change(call, context, 'install', { install: [...files, ...known], remove: [] });
  if (status !== 0) {
    for (const name of [...files, ...known])
      run.messages.error('opkg_install_cmd', `Cannot install package ${name}.\n`);
  }
  return unknown.length > 0 ? failed : status;
}

function isFile(arg: string): boolean {
  return /^(?:https?|ftps?):\/\//u.test(arg) || /\.(?:ipk|opk|deb)$/u.test(arg);
}

function isUnknown(run: Run, name: string): boolean {
  return run.universe.installedByName(name) === undefined && run.chooser.byName(name) === undefined;
}

/** Whether there is anything to ask for: not for an unknown name, and not for what is here as new as the lists have it. */
function isWanted(run: Run, name: string): boolean {
  const installed = run.universe.installedByName(name);
  const chosen = run.chooser.byName(name);
  if (installed?.name !== name) return chosen !== undefined || installed !== undefined;
  const order = compareVersions(installed.version ?? '', (chosen ?? installed).version ?? '');
  if (order < 0) return true;
  if (order > 0)
    run.messages.notice(
      `Not downgrading package ${name} on root from ${installed.version} to ${chosen?.version}.\n`,
    );
  else run.messages.notice(`Package ${name} (${installed.version}) installed in root is up to date.\n`);
  return false;
}

async function upgrade(call: CommandCall, context: DeployedContext): Promise<number> {
  const { run, args } = call;
  const wanted = args.filter((name) => {
    const installed = run.universe.installedByName(name);
    if (installed === undefined) return !isUnknown(run, name) || unknownName(run, name);
    if (!installed.has(flags.hold)) return isWanted(run, name);
    run.messages.notice(
      `Not upgrading package ${name} which is marked hold (flags=0x${installed.flags.toString(16)}).\n`,
    );
    return false;
  });
  const unknown = args.some((name) => !isFile(name) && isUnknown(run, name));
  const status =
    wanted.length === 0 ? 0 : await change(call, context, 'upgrade', { install: wanted, remove: [] });
  return unknown ? failed : status;
}

function unknownName(run: Run, name: string): boolean {
  if (isFile(name)) return true;
  run.messages.notice(`Unknown package '${name}'.\n`);
  return false;
}

async function remove(call: CommandCall, context: DeployedContext): Promise<number> {
  const { run, args, console } = call;
  const { settings } = run;
  const looking = new Run(noaction(settings), console, {
    skip: new Set(),
    words: args,
    keepLineBreaks: false,
  });
  looking.loadDatabase();
  looking.noteOwners();
  const removed: Package[] = [];
  let fine = true;
  for (const pattern of args) {
    for (const pkg of looking.universe.installed()) {
      if (!fits(looking, pattern, pkg.name)) continue;
      const gone = simulateRemoval(looking, pkg);
      if (gone === undefined) fine = false;
      else removed.push(...gone);
    }
  }
  if (removed.length === 0) {
    run.messages.notice('No packages removed.\n');
    return fine ? 0 : failed;
  }
  const status = await change(call, context, 'remove', {
    install: [],
    remove: removed.map(({ name }) => name),
  });
  return fine ? status : failed;
}

/** The settings of a run that only looks. */
function noaction(settings: Settings): Settings {
  return { ...settings, on: (name) => name === 'noaction' || settings.on(name) };
}

async function change(
  call: CommandCall,
  context: DeployedContext,
  kind: 'install' | 'upgrade' | 'remove',
  words: { readonly install: readonly string[]; readonly remove: readonly string[] },
): Promise<number> {
  const { run } = call;
  const { settings, messages } = run;
  if (settings.restricted && settings.defaultDestination.name !== 'root') {
    messages.error(
      `opkg_${kind}_cmd`,
      `A deployment has one destination, root; '${settings.defaultDestination.name}' needs -o DIR.\n`,
    );
    return failed;
  }
  tellIgnored(call);
  const result = await operate(call, context, kind, (env) =>
    engine.opkgChange(env, context.where, {
      dryRun: settings.on('noaction'),
      downloadOnly: settings.on('download_only'),
      install: words.install.map(toPath),
      remove: words.remove,
      forceCritical: settings.on('force_removal_of_essential_packages'),
    }),
  );
  if (result === undefined) return failed;
  tell(call, result, new Set(words.remove));
  return 0;
}

/** `flag`: holding is a wish of its own; the other flags have no meaning for a tree that is built anew. */
async function flag(call: CommandCall, context: DeployedContext): Promise<number> {
  const { run, args } = call;
  const [word = '', ...names] = args;
  const installed = names.filter((name) => {
    if (run.universe.installedByName(name) !== undefined) return true;
    run.messages.error('opkg_flag_cmd', `Package ${name} is not installed.\n`);
    return false;
  });
  if (installed.length === 0) return 0;
  if (word !== 'hold' && word !== 'ok' && word !== 'user') {
    run.messages.error('opkg_flag_cmd', `The flag '${word}' has no meaning on a deployment.\n`);
    return failed;
  }
  const request = { dryRun: run.settings.on('noaction'), names: installed };
  const held = installed.filter((name) => run.universe.installedByName(name)?.has(flags.hold) === true);
  const result = await operate(call, context, 'flag', async (env) => {
    if (word === 'hold') return engine.overrideHold(env, context.where, { ...request, forceCritical: true });
    return held.length === 0
      ? null
      : engine.overrideReset(env, context.where, { ...request, names: held, all: false });
  });
  if (result === undefined) return failed;
  for (const name of installed) run.messages.notice(`Setting flags for package ${name} to ${word}.\n`);
  return 0;
}

/** The lists' folder of a system. The configured one is on a tmpfs by way of /var, which only a booted system has. */
export function listsFolderOf(settings: Settings, system: engine.DeployedSystem): string {
  return system.booted
    ? settings.listsFolder
    : toByteText(join(system.varPath, 'lib/opkg-ostree/opkg-lists'));
}
