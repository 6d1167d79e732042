/** opkg's name and command line over this product: parses, loads what the command needs, runs it, prints. */
import { isOpkgOstreeError } from '../base/index.ts';
import { hasParent, loadSettings, Run, type Settings } from '../offline/index.ts';
import { environment, productVersion } from '../sys/index.ts';
import { parseArguments } from './arguments.ts';
import { failed } from './commands/command.ts';
import { type Command, findCommand } from './commands/index.ts';
import { Console } from './console.ts';
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
  const settings = loadSettings(
    options,
    { OFFLINE_ROOT: environment('OFFLINE_ROOT'), OPKG_CONF_DIR: environment('OPKG_CONF_DIR') },
    console,
  );
  console.verbosity = options.verbosity;
  if (settings === undefined || !canLock(settings, console)) return failed;
  if (command.needsArguments && args.length === 0)
    return misused(console, `opkg: the \`\`${name}'' command requires at least one argument\n`);
  return runCommand(command, args, settings, { call, console });
}

function runCommand(
  command: Command,
  args: readonly string[],
  settings: Settings,
  { call, console }: { call: FaceCall; console: Console },
): number | Promise<number> {
  const run = new Run(settings, console, {
    skip: command.skip,
    words: args,
    keepLineBreaks: console.isTerminal,
  });
  if (command.load === 'all') run.loadFeeds();
  if (command.load !== 'nothing') run.loadDatabase();
  return command.body({ run, console, args, signal: call.signal });
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
