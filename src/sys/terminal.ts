import { readSync, writeSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/** Writes to a descriptor synchronously and whole: asynchronous writes are lost when the process ends. */
function writeWhole(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  let done = 0;
  while (done < bytes.byteLength) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      // A reader that went away (`| head`) ends the output, not the operation; a full pipe is tried again.
      // So does a terminal that hung up.
      if (errnoOf(error) === 'EPIPE' || errnoOf(error) === 'EIO') return;
      if (errnoOf(error) !== 'EAGAIN') throw error;
    }
  }
}

/** Writes text (as UTF-8) or bytes to standard output. */
export function writeOutput(data: string | Uint8Array): void {
  writeWhole(1, data);
}

/** Writes text (as UTF-8) or bytes to standard error. */
export function writeError(data: string | Uint8Array): void {
  writeWhole(2, data);
}

/** True when standard output is a terminal. */
export function outputIsTerminal(): boolean {
  return process.stdout.isTTY === true;
}

/** Standard input to its end as UTF-8, at most `limit` bytes of it. */
export function readInput(limit: number): string {
  const chunk = Buffer.alloc(limit);
  let size = 0;
  while (size < limit) {
    try {
      const count = readSync(0, chunk, size, limit - size, null);
      if (count === 0) break;
      size += count;
    } catch (error) {
      if (errnoOf(error) === 'EOF') break;
      if (errnoOf(error) !== 'EAGAIN') throw error;
    }
  }
  return chunk.toString('utf8', 0, size);
}

/** True when standard error is a terminal. */
export function errorIsTerminal(): boolean {
  return process.stderr.isTTY === true;
}

/** Columns of the terminal on standard error; 80 where it does not tell. */
export function terminalColumns(): number {
  const columns = process.stderr.columns;
  return columns === undefined || columns === 0 ? 80 : columns;
}

/** One variable of the environment, undefined where it is not set or empty. */
export function environment(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}

/** The whole environment. */
export function wholeEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** The current directory. */
export function currentFolder(): string {
  return process.cwd();
}
