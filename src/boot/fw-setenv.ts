/**
 * Changes U-Boot's stored environment with the router's own fw_setenv: all variables by one call, hence one write of one of two
 * copies, then read back. Only for loaders that need it, and only on the running router: elsewhere the environment is another machine's.
 */
import { SystemError } from '../base/index.ts';
import { findProgram, type RunResult, runSync } from '../sys/index.ts';
import type { Loader, LoaderOptions } from './loaders/index.ts';

/** The system whose environment it is. */
export interface EnvironmentOwner {
  readonly loader: Loader;
  readonly loaderOptions: LoaderOptions;
  booted(): unknown;
}

/** fw_setenv of U-Boot reads lines of 1024 bytes at most. */
const maxLine = 1000;

/** Sees to it that U-Boot's environment leads to our script. COMMAND_FAILED, before anything is switched, where it cannot be made so. */
export function setStoredEnvironment(owner: EnvironmentOwner): void {
  const wanted = owner.loader.environment?.(owner.loaderOptions);
  if (wanted !== undefined && owner.booted() !== undefined) setVariables(wanted);
}

/**
 * Starts or ends the count of a U-Boot that counts by itself: the deployment that was switched to has its tries, also where an older
 * trial left its count. After the switch: a count that ran before it would be that of the old deployment.
 */
export function setStoredCount(owner: EnvironmentOwner, onTrial: boolean): void {
  if (owner.loader.environment === undefined || owner.booted() === undefined) return;
  setVariables(
    new Map([
      ['bootcount', '0'],
      ['upgrade_available', onTrial ? '1' : '0'],
    ]),
  );
}

/** Sets what differs, in one write, and reads it back. COMMAND_MISSING without the tools, COMMAND_FAILED where it did not take. */
export function setVariables(wanted: ReadonlyMap<string, string>, config?: string): void {
  const options = config === undefined ? [] : ['-c', config];
  const differing = () => {
    const stored = parsePrinted(runTool('fw_printenv', options).stdout);
    return [...wanted].filter(([name, value]) => stored.get(name) !== value);
  };
  const changes = differing();
  if (changes.length === 0) return;
  // U-Boot's own tool separates by a space, libubootenv's by `=`: each takes the other's lines for something else.
  const separator = helpOf('fw_setenv').includes('--defenv') ? '=' : ' ';
  const lines = changes.map(([name, value]) => `${name}${separator}${value}\n`);
  if (lines.some((line) => line.length > maxLine || line.slice(0, -1).includes('\n'))) {
    throw failed('a variable is too long for fw_setenv');
  }
  runTool('fw_setenv', [...options, '-s', '-'], lines.join(''));
  const left = differing();
  if (left.length > 0)
    throw failed(`U-Boot's environment did not take: ${left.map(([name]) => name).join(', ')}`);
}

function parsePrinted(text: string): Map<string, string> {
  const stored = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) stored.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return stored;
}

function runTool(name: string, args: readonly string[], input = ''): RunResult {
  const result = runSync(programOf(name), args, { input });
  if (result.status === 0) return result;
  throw failed(`${name} failed: ${result.stderr.trim().split('\n').at(-1) ?? ''}`);
}

function helpOf(name: string): string {
  const { stdout, stderr } = runSync(programOf(name), ['-h']);
  return stdout + stderr;
}

function programOf(name: string): string {
  const program = findProgram(name);
  if (program !== undefined) return program;
  throw new SystemError('COMMAND_MISSING', `the program '${name}' is not installed`, {
    hint: "install the package 'uboot-envtools': the board starts what U-Boot's environment names",
  });
}

function failed(message: string): SystemError {
  return new SystemError('COMMAND_FAILED', message, {
    hint: 'see /etc/fw_env.config: it says where the environment is',
  });
}
