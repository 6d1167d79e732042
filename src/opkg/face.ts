/** opkg's name and command line over this product: parses, loads what the command needs, runs it, prints. */
import { resolve } from 'node:path/posix';
import { isOpkgOstreeError } from '../base/index.ts';
import { type DeployedSystem, deployedSystem, exportLists, type Where } from '../engine/index.ts';
import {
  type CommandOptions,
  hasParent,
  loadSettings,
  Run,
  type Settings,
  takeBackUnfinished,
  toByteText,
  toPath,
} from '../offline/index.ts';
import { effectiveUser, environment, exists, productVersion, realpath } from '../sys/index.ts';
import { parseArguments } from './arguments.ts';
import { failed } from './commands/command.ts';
import { type Command, findCommand } from './commands/index.ts';
import { Console } from './console.ts';
import { type DeployedContext, deployedCommands, listsFolderOf } from './deployed.ts';
import { usage } from './usage.ts';

/** One call of the face. */
export interface FaceCall {
  /** The words after the name `opkg`. */
  readonly argv: readonly string[];
  /** The physical root of the system that is meant; the running system's where absent. */
  readonly sysroot?: string | undefined;
  readonly signal: AbortSignal;
}

/** opkg's status for misuse. */
const misuse = 1;

/** Runs one opkg command line and returns its exit status: 0, 255 for a failure, 1 for misuse. */
export async function runOpkg(call: FaceCall): Promise<number> {
  const console = new Console();
  try {
    return await runWords(call, console);
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    console.error(undefined, `${error.message}\n${error.hint === undefined ? '' : `\t${error.hint}\n`}`);
    return failed;
  } finally {
    console.finish();
  }
}

async function runWords(call: FaceCall, console: Console): Promise<number> {
  const { options, words, complaints, remarks, version } = parseArguments(call.argv);
  for (const remark of remarks) console.print(remark);
  for (const complaint of complaints) console.complain(complaint);
  if (version) {
    console.print(`opkg version ${productVersion()} (opkg-ostree)\n`);
    return 0;
  }
  const [name, ...args] = words;
  if (name === undefined || complaints.length > 0)
    return misused(console, 'opkg must have one sub-command argument\n');
  const command = findCommand(name);
  if (command === undefined) return misused(console, `opkg: unknown sub-command ${name}\n`);
  console.verbosity = options.verbosity;
  const where = { sysroot: sysrootOf(call), stateroot: undefined };
  const system = findSystem(options, where);
  const settings = loadSettings(
    options,
    {
      OFFLINE_ROOT: system === undefined ? environment('OFFLINE_ROOT') : undefined,
      OPKG_CONF_DIR: environment('OPKG_CONF_DIR'),
    },
    console,
  );
  console.verbosity = options.verbosity;
  if (settings === undefined || (system === undefined && !canLock(settings, console))) return failed;
  if (command.needsArguments && args.length === 0)
    return misused(console, `opkg: the \`\`${name}'' command requires at least one argument\n`);
  const commandCall = { name, command, args, call, console };
  return system === undefined
    ? runCommand(commandCall, settings)
    : runDeployed(commandCall, settings, { where, system, argv: call.argv });
}

/** A command that is ready to run. */
interface ReadyCommand {
  readonly name: string;
  readonly command: Command;
  readonly args: readonly string[];
  readonly call: FaceCall;
  readonly console: Console;
}

function runCommand({ command, args, call, console }: ReadyCommand, settings: Settings) {
  if (command.writes && !settings.on('noaction') && takeBackUnfinished(settings))
    console.complain('opkg: an earlier run was cut; what it had begun has been taken back\n');
  return command.body({ run: load(command, args, settings, console), console, args, signal: call.signal });
}

/** Reading needs the lists, which a reboot may have taken; changing is the engine's. */
async function runDeployed(
  { name, command, args, call, console }: ReadyCommand,
  given: Settings,
  context: DeployedContext,
): Promise<number> {
  const settings = { ...given, listsFolder: listsFolderOf(given, context.system) };
  const needsLists = command.load === 'all' || name === 'list' || name === 'install';
  if (needsLists && effectiveUser() === 0) exportLists(context.where, toPath(settings.listsFolder));
  const run = load(command, args, settings, console);
  const commandCall = { run, console, args, signal: call.signal };
  const body = deployedCommands[name];
  return command.writes && body !== undefined ? body(commandCall, context) : command.body(commandCall);
}

function load(command: Command, args: readonly string[], settings: Settings, console: Console): Run {
  const run = new Run(settings, console, {
    skip: command.skip,
    words: args,
    keepLineBreaks: console.isTerminal,
  });
  if (command.load === 'all') run.loadFeeds();
  if (command.load !== 'nothing') run.loadDatabase();
  return run;
}

function sysrootOf({ sysroot }: FaceCall): string {
  const named = sysroot ?? environment('OPKG_OSTREE_SYSROOT');
  if (named !== undefined) return resolve(named);
  return exists('/run/ostree-booted') && exists('/sysroot/ostree/repo') ? '/sysroot' : '/';
}

/**
 * The deployed system that is meant: none with an offline root, unless that is this very system. One that is not booted is read
 * in its folder, as an offline root is.
 */
function findSystem(options: CommandOptions, where: Where): DeployedSystem | undefined {
  const named = options.values.get('offline_root') ?? environment('OFFLINE_ROOT');
  if (named !== undefined && (!exists(toPath(named)) || realpath(toPath(named)) !== '/')) return undefined;
  const system = deployedSystem(where);
  if (system === undefined) return undefined;
  options.values.delete('offline_root');
  if (system.booted) return system;
  const root = toByteText(system.root);
  options.values.set('offline_root', root);
  const main = `${root}/etc/opkg.conf`;
  if (options.configFile === undefined && exists(toPath(main))) options.configFile = main;
  return system;
}

function misused(console: Console, complaint: string): number {
  console.flush();
  console.complain(complaint);
  console.print(usage);
  return misuse;
}

/** opkg locks for every command, so each fails where the lock's folder is missing. */
function canLock({ lockFile }: Settings, console: Console): boolean {
  if (hasParent(lockFile)) return true;
  console.error('opkg_conf_load', `Could not create lock file ${lockFile}: No such file or directory.\n`);
  return false;
}
