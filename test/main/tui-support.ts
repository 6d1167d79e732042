/** The real interface in a real terminal: tmux draws what it writes, and answers what it asks. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { vi } from 'vitest';
import { bundlePath } from '../support/world/bundle.ts';
import type { Scene } from '../support/world/index.ts';
import { repoRoot } from '../support/world/repo-root.ts';

export const hasTmux = spawnSync('tmux', ['-V']).status === 0;
const patience = { timeout: 10_000, interval: 50 };

export interface PaneOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly term?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Through the sh entry of a router and its launcher, run by this shell. */
  readonly launcher?: string;
  /** Commands of sh before the interface starts. */
  readonly before?: string;
  readonly args?: readonly string[];
  /** An interactive shell, in which nothing has been started yet. */
  readonly shell?: boolean;
}

let panes = 0;

/** A terminal with the interface in it. */
export class Pane {
  readonly #folder: string;
  readonly #socket: string;

  private constructor(folder: string, socket: string) {
    this.#folder = folder;
    this.#socket = socket;
  }

  /** Opens a terminal and starts the interface on the scene's sysroot. */
  static open(scene: Scene, options: PaneOptions = {}): Pane {
    panes += 1;
    const folder = join(scene.folder, `pane-${panes}`);
    mkdirSync(folder);
    const pane = new Pane(folder, `opkg-ostree-${process.pid}-${panes}`);
    writeFileSync(join(folder, 'run'), script(folder, scene, options));
    const size = ['-x', String(options.columns ?? 80), '-y', String(options.rows ?? 24)];
    pane.#tmux(
      'new-session',
      '-d',
      ...size,
      options.shell === true ? 'bash --norc --noprofile' : `sh ${folder}/run`,
    );
    pane.#tmux('pipe-pane', `cat > ${folder}/bytes`);
    writeFileSync(join(folder, 'go'), '');
    return pane;
  }

  /** What starts the interface, for an interactive shell. */
  get command(): string {
    return `sh ${this.#folder}/run`;
  }

  #tmux(...args: readonly string[]): string {
    const env = { PATH: process.env['PATH'] ?? '', HOME: this.#folder, LC_ALL: 'C.UTF-8' };
    return execFileSync('tmux', ['-L', this.#socket, '-f', '/dev/null', '-u', ...args], {
      encoding: 'utf8',
      env,
    });
  }

  /** Presses keys, by tmux's names. */
  press(...keys: readonly string[]): void {
    for (const key of keys) this.#tmux('send-keys', key);
  }

  /** Types text as it is. */
  type(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p');
  }

  /** The screen with its colours, as SGR sequences. */
  colours(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** Waits until the screen holds the text. */
  async sees(text: string | RegExp): Promise<string> {
    return vi.waitFor(() => {
      const screen = this.screen();
      const found = typeof text === 'string' ? screen.includes(text) : text.test(screen);
      if (!found) throw new Error(`the screen does not hold ${text}:\n${screen}`);
      return screen;
    }, patience);
  }

  /** All bytes that were written so far. */
  bytes(): Buffer {
    return existsSync(join(this.#folder, 'bytes'))
      ? readFileSync(join(this.#folder, 'bytes'))
      : Buffer.alloc(0);
  }

  /** Bytes that pressing a key costs, until `text` is seen and nothing more comes. */
  async cost(key: string, text: string | RegExp): Promise<number> {
    const before = this.bytes().length;
    this.press(key);
    await this.sees(text);
    let size = -1;
    await vi.waitFor(
      () => {
        const next = statSync(join(this.#folder, 'bytes')).size;
        if (next !== size) {
          size = next;
          throw new Error('it still writes');
        }
      },
      { timeout: 10_000, interval: 150 },
    );
    return size - before;
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** Sends a signal to the Node process of the interface. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid(), signal);
  }

  pid(): number {
    const shell = Number(this.#tmux('display-message', '-p', '#{pane_pid}'));
    const found = descendants(shell).find((pid) => argumentsOf(pid)[0]?.endsWith('node') === true);
    if (found === undefined) throw new Error('the interface does not run');
    return found;
  }

  /** Waits for the end: the exit status, and how the terminal is compared to before. */
  async ended(): Promise<{ status: number; modes: string; cursor: string; alternate: string }> {
    await vi.waitFor(() => statSync(join(this.#folder, 'after')), patience);
    const read = (name: string) => readFileSync(join(this.#folder, name), 'utf8');
    return vi.waitFor(() => {
      const [cursor = '', alternate = ''] = this.#tmux(
        'display-message',
        '-p',
        '#{cursor_flag} #{alternate_on}',
      )
        .trim()
        .split(' ');
      if (read('after') === '' || read('status') === '') throw new Error('not yet');
      const modes = read('before') === read('after') ? 'as before' : `${read('before')}\n${read('after')}`;
      return { status: Number(read('status')), modes, cursor, alternate };
    }, patience);
  }

  close(): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // It has ended with its pane.
    }
  }
}

function script(folder: string, scene: Scene, options: PaneOptions): string {
  const env = {
    TERM: options.term ?? 'xterm-256color',
    LC_ALL: 'C.UTF-8',
    OPKG_OSTREE_SYSROOT: scene.sysroot,
    OPKG_OSTREE_RUN: join(scene.folder, 'home/run'),
    ...options.env,
  };
  const words = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  const run =
    options.launcher === undefined
      ? `${process.execPath} ${bundlePath}`
      : `OPKG_OSTREE_LIB=${launcherFolder(folder)} ${options.launcher} ${repoRoot}/files/usr/bin/opkg-ostree`;
  return `while [ ! -e ${folder}/go ]; do sleep 0.02; done
export PATH=${dirname(process.execPath)}:$PATH
${options.before ?? ':'}
stty -a > ${folder}/before
env ${words.join(' ')} ${run} tui ${(options.args ?? []).join(' ')}
echo $? > ${folder}/status
stty -a > ${folder}/after
${options.shell === true ? '' : 'exec cat'}
`;
}

/** What lies in /usr/lib/opkg-ostree of a router, as far as the interface needs it. */
function launcherFolder(folder: string): string {
  const lib = join(folder, 'lib');
  mkdirSync(lib);
  const sources = [join(repoRoot, 'files/usr/lib/opkg-ostree'), dirname(bundlePath)];
  for (const source of sources) {
    for (const name of readdirSync(source)) {
      if (/\.(?:sh|mjs)$/u.test(name) && !existsSync(join(lib, name)))
        symlinkSync(join(source, name), join(lib, name));
    }
  }
  return lib;
}

function descendants(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(path)
    ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number)
    : [];
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
