import { resolve } from 'node:path/posix';
import { Command, CommanderError, Option } from 'commander';
import { printable, UsageError } from '../base/index.ts';
import type { Environment } from '../engine/index.ts';
import { environment, exists, now, productVersion, writeOutput } from '../sys/index.ts';
import { exitStatusOf } from './exit-status.ts';
import { commandWords, isJobCommand, runCall } from './jobs.ts';
import { asProductError, type CommandResult, type OutputOptions, printError, printResult } from './output.ts';
import { type ProgressReporter, type ProgressStyle, progressReporter } from './progress.ts';
import { restarting, takesReboot } from './restart.ts';

/** What every command is called with besides its own arguments. */
export interface Call {
  readonly args: readonly string[];
  readonly options: Options;
  readonly sysroot: string;
  readonly stateroot: string | undefined;
  readonly verbose: boolean;
  readonly env: Environment;
  /** The words of the whole command line. */
  readonly argv: readonly string[];
  /** From here on a lost terminal does not end this run. */
  readonly keepAfterHangup: () => void;
}

export type Handler = (call: Call) => Promise<CommandResult> | CommandResult;

/** The options of one call, read by type; commander has checked that each is known. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** True when the flag was given. */
  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** True when the `--no-` form of the flag was given. */
  off(name: string): boolean {
    return this.#values[name] === false;
  }

  /** The option's value, or undefined where it was not given. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The values of an option that may be repeated. */
  list(name: string): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A whole number from 0 up; UsageError for anything else. */
  count(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,9}$/u.test(value)) return Number(value);
    throw new UsageError('USAGE', `--${name} takes a whole number, not '${value}'`);
  }
}

/** Collects the values of a repeated option. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** How a run ended; the entry point gives it to the operating system. */
export interface RunOutcome {
  status: number;
}

/** The words of this run and where its outcome goes. */
export interface RunContext {
  readonly argv: readonly string[];
  readonly signal: AbortSignal;
  readonly outcome: RunOutcome;
  readonly keepAfterHangup: () => void;
}

const progressStyles = ['auto', 'plain', 'json', 'none'] as const;

/** The options of every command. A letter that a command uses itself, as some of ostree's do, stays the command's. */
function addGlobalOptions(command: Command): Command {
  const taken = new Set(command.options.map((option) => option.short));
  const flags = (short: string, long: string) => (taken.has(short) ? long : `${short}, ${long}`);
  return command
    .addOption(new Option('--sysroot <dir>', 'the physical root').env('OPKG_OSTREE_SYSROOT'))
    .option('--stateroot <name>', 'the stateroot to work on')
    .option('--json', 'print one JSON document on standard output')
    .option(flags('-q', '--quiet'), 'print errors only')
    .option(flags('-v', '--verbose'), 'print more')
    .option('--debug', 'print the stack of an error')
    .option('--no-color', 'print without colours')
    .addOption(
      new Option('--progress <style>', 'how progress is shown').choices(progressStyles).default('auto'),
    );
}

/** A command group or the whole program, set up so that misuse becomes a UsageError. */
export function newCommand(name: string, description: string): Command {
  const command = new Command(name)
    .description(description)
    .enablePositionalOptions()
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeOut: writeOutput, writeErr: () => undefined });
  return command;
}

/** The program with its global options; commands are added to it with `addCommand`. */
export function newProgram(): Command {
  const program = addGlobalOptions(
    newCommand('opkg-ostree', 'Layer OpenWrt packages on an OSTree base, and go back when it goes wrong'),
  );
  return program.version(productVersion(), '--version', 'print the version');
}

/** Adds `signature` (`install <package...>`) to `parent`; `setup` adds its options. */
export function addCommand(
  parent: Command,
  run: RunContext,
  signature: string,
  description: string,
  setup: (command: Command) => Command,
  handler: Handler,
): void {
  const [name = '', ...args] = signature.split(' ');
  const command = newCommand(name, description);
  for (const arg of args) command.argument(arg);
  parent.addCommand(command);
  setup(command);
  if (isJobCommand(commandWords(command)))
    command.option('--background', 'start it as a job, print its id and return');
  const restarts = takesReboot(command);
  addGlobalOptions(command);
  command.action(async () => {
    await runHandler(restarts ? restarting(handler) : handler, command, run);
  });
}

/** Options before and after the command's name as one: words win over the environment, that over defaults, later over earlier words. */
function mergedOptions(command: Command): Record<string, unknown> {
  const values = new Map<string, { readonly rank: number; readonly value: unknown }>();
  for (let level: Command | null = command; level !== null; level = level.parent) {
    for (const [key, value] of Object.entries(level.opts())) {
      const rank = ['default', 'env'].indexOf(level.getOptionValueSource(key) ?? 'default');
      const strength = rank < 0 ? 2 : rank;
      const known = values.get(key);
      if (known === undefined || strength > known.rank) values.set(key, { rank: strength, value });
    }
  }
  return Object.fromEntries([...values].map(([key, { value }]) => [key, value]));
}

async function runHandler(handler: Handler, command: Command, run: RunContext): Promise<void> {
  const options = new Options(mergedOptions(command));
  const output: OutputOptions = {
    json: options.flag('json'),
    quiet: options.flag('quiet'),
    debug: options.flag('debug'),
  };
  const reporter = reporterFor(options, output);
  try {
    const result = await runCall(
      commandWords(command),
      {
        argv: run.argv,
        keepAfterHangup: run.keepAfterHangup,
        args: command.args,
        options,
        sysroot: resolve(options.text('sysroot') ?? defaultSysroot()),
        stateroot: options.text('stateroot'),
        verbose: options.flag('verbose'),
        env: {
          onProgress: reporter.listener,
          signal: run.signal,
          now,
          command: commandLine(run.argv),
          by: environment('SUDO_USER') ?? environment('USER') ?? 'root',
        },
      },
      handler,
    );
    reporter.finish();
    printResult(result, output);
    run.outcome.status = result.status ?? 0;
  } catch (thrown) {
    reporter.finish();
    const error = asProductError(thrown);
    printError(error, output);
    run.outcome.status = exitStatusOf(error.kind);
  }
}

/** The words as the user would type them again; what could harm a terminal or tell a password is taken out. */
function commandLine(argv: readonly string[]): string {
  const quoted = argv.map((word) =>
    /^[\w@%+=:,./#~^-]+$/u.test(word) ? word : `'${word.replace(/'/gu, "'\\''")}'`,
  );
  return printable(['opkg-ostree', ...quoted].join(' ')).replace(/\n/gu, ' ');
}

function reporterFor(options: Options, output: OutputOptions): ProgressReporter {
  const chosen = progressStyles.find((style) => style === options.text('progress')) ?? 'auto';
  const style: ProgressStyle = chosen === 'auto' && output.quiet ? 'none' : chosen;
  return progressReporter(style, () => new Date(now()));
}

/** `/sysroot` on a booted deployment, else `/`. */
function defaultSysroot(): string {
  return exists('/run/ostree-booted') && exists('/sysroot/ostree/repo') ? '/sysroot' : '/';
}

/** Parses the words and runs the command; the outcome is in `run.outcome`. */
export async function runProgram(program: Command, run: RunContext): Promise<void> {
  try {
    await program.parseAsync([...run.argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    const json = run.argv.includes('--json');
    const error = thrown instanceof CommanderError ? usageError(thrown) : asProductError(thrown);
    printError(error, { json, quiet: false, debug: run.argv.includes('--debug') });
    run.outcome.status = exitStatusOf(error.kind);
  }
}

function usageError(error: CommanderError): UsageError {
  const message =
    error.code === 'commander.help' ? 'no command given' : error.message.replace(/^error: /u, '');
  return new UsageError('USAGE', message, {
    hint: "see 'opkg-ostree --help' or 'opkg-ostree COMMAND --help'",
  });
}
