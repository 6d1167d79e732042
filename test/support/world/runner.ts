import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundlePath } from './bundle.ts';

const LIMIT_MS = 120_000;

/** How a command ended. */
export interface Ended {
  /** The exit status; 128 and the signal's number when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** Runs a program to its end, without the caller's environment, home or terminal. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC', ...options.env };
  const child = spawn(program, args, {
    cwd: options.cwd ?? '/',
    env,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  options.signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const output: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
      const status = code ?? 128 + (signal === 'SIGKILL' ? 9 : 15);
      resolve({ status, stdout: text(output.stdout), stderr: text(output.stderr) });
    });
  });
}

/** The bundle, run with its own home; each call is a new process. */
export class Cli {
  readonly #home: string;
  readonly #sysroot: string;

  constructor(folder: string, sysroot: string) {
    this.#home = join(folder, 'home');
    this.#sysroot = sysroot;
    mkdirSync(this.#home, { recursive: true });
  }

  /** Runs the command on this sysroot and returns how it ended. */
  run(...args: string[]): Promise<Ended> {
    return this.runWith({}, ...args);
  }

  /** As `run`, with options for the process. */
  runWith(options: RunOptions, ...args: string[]): Promise<Ended> {
    const env = {
      HOME: this.#home,
      OPKG_OSTREE_SYSROOT: this.#sysroot,
      OPKG_OSTREE_RUN: join(this.#home, 'run'),
      NO_COLOR: '1',
      ...options.env,
    };
    return runProgram(process.execPath, [bundlePath, ...args], { cwd: this.#home, ...options, env });
  }

  /** Runs the command; throws with its output when the status is not 0. Returns its standard output. */
  async ok(...args: string[]): Promise<string> {
    const ended = await this.run(...args);
    if (ended.status !== 0) {
      throw new Error(
        `opkg-ostree ${args.join(' ')} ended with ${ended.status}\n${ended.stdout}${ended.stderr}`,
      );
    }
    return ended.stdout;
  }

  /** Runs the command with `--json`; throws unless it ends well with one JSON document. */
  async json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok(...args, '--json')) as T;
  }
}
