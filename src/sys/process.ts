import { type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { InterruptedError, SystemError, textOf } from '../base/index.ts';
import { errnoOf } from './errno.ts';
import { statIfExists } from './files.ts';

export interface RunOptions {
  /** Bytes for the child's standard input; empty where absent. */
  readonly input?: Uint8Array | string;
  /** The whole environment; only PATH and the C locale where absent. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds until the child's whole process group is killed; 60,000 where absent. */
  readonly timeout?: number;
  /** Bytes kept of each output stream; 1 MiB where absent. What is beyond is dropped. */
  readonly maxOutput?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult {
  /** The exit status, or undefined when a signal or the time limit ended the child. */
  readonly status: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const defaultPath = '/usr/sbin:/usr/bin:/sbin:/bin';

function cleanEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? defaultPath, LC_ALL: 'C' };
}

/** The absolute path of a program in PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const dir of `${process.env['PATH'] ?? ''}:${defaultPath}`.split(':')) {
    if (!dir.startsWith('/')) continue;
    const candidate = `${dir}/${name}`;
    if (isProgram(candidate)) return candidate;
  }
  return undefined;
}

/** True for an executable file; a folder of PATH that this user cannot read holds none for them. */
function isProgram(path: string): boolean {
  try {
    const found = statIfExists(path);
    return found?.isFile() === true && (found.mode & 0o111) !== 0;
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return false;
    throw error;
  }
}

/**
 * Runs a program with an argument list, never through a shell, in a process group of its own, and returns how it
 * ended. SystemError COMMAND_MISSING where there is no such program; InterruptedError when the signal fires.
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const limit = options.maxOutput ?? 1 << 20;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      cwd: options.cwd,
      env: options.env ?? cleanEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    let timedOut = false;
    const killGroup = () => {
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // the group has ended already
        }
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, options.timeout ?? 60_000);
    options.signal?.addEventListener('abort', killGroup, { once: true });
    const outputs = [collect(child.stdout, limit), collect(child.stderr, limit)] as const;
    const finish = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', killGroup);
    };
    child.on('error', (error) => {
      finish();
      reject(missingOrFailed(program, error));
    });
    child.on('close', (code) => {
      finish();
      if (options.signal?.aborted === true) reject(new InterruptedError());
      else resolve({ status: code ?? undefined, timedOut, stdout: outputs[0](), stderr: outputs[1]() });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/**
 * Runs a short helper synchronously, with extra open descriptors handed to it as 3, 4 ... Used where a child acts on
 * an open file description of ours (locks) or where a batch of attributes is set.
 */
export function runSync(
  program: string,
  args: readonly string[],
  options: RunOptions & { readonly fds?: readonly number[] } = {},
): RunResult {
  const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...(options.fds ?? [])];
  const result = spawnSync(program, [...args], {
    cwd: options.cwd,
    env: options.env ?? cleanEnvironment(),
    input: options.input ?? '',
    stdio,
    timeout: options.timeout ?? 60_000,
    maxBuffer: options.maxOutput ?? 1 << 26,
    killSignal: 'SIGKILL',
  });
  if (result.error !== undefined && !('code' in result.error && result.error.code === 'ETIMEDOUT')) {
    throw missingOrFailed(program, result.error);
  }
  return {
    status: result.status ?? undefined,
    timedOut: result.error !== undefined,
    stdout: textOf(result.stdout),
    stderr: textOf(result.stderr),
  };
}

/**
 * Runs a program on this process's own standard streams and waits for it. Its exit status, or the signal that ended it;
 * SystemError COMMAND_MISSING or COMMAND_FAILED where it cannot be started.
 */
export function runAttached(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly status: number } | { readonly signal: number } {
  const result = spawnSync(program, [...args], { env, stdio: 'inherit' });
  if (result.error !== undefined) throw missingOrFailed(program, result.error);
  if (result.signal !== null) return { signal: constants.signals[result.signal] };
  return { status: result.status ?? 0 };
}

/** The result when the status is 0; SystemError COMMAND_FAILED with the end of stderr otherwise. */
export function expectSuccess(program: string, result: RunResult): RunResult {
  if (result.status === 0) return result;
  const how = result.timedOut ? 'timed out' : `ended with status ${result.status ?? 'none (killed)'}`;
  throw new SystemError('COMMAND_FAILED', `${program} ${how}: ${result.stderr.trim().slice(-500)}`);
}

function missingOrFailed(program: string, error: Error): SystemError {
  if ('code' in error && error.code === 'ENOENT') {
    return new SystemError('COMMAND_MISSING', `the program '${program}' is not installed`, {
      cause: error,
      hint: `install the package that holds '${program}'`,
    });
  }
  return new SystemError('COMMAND_FAILED', `cannot run '${program}': ${error.message}`, { cause: error });
}

function collect(stream: NodeJS.ReadableStream, limit: number): () => string {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream.on('data', (chunk: Buffer) => {
    if (kept >= limit) return;
    chunks.push(chunk.subarray(0, limit - kept));
    kept += chunk.byteLength;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
