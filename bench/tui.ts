/** The interface: from its start to the first frame, and from a key to its frame with ten thousand packages. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialState } from '../src/tui/model/state.ts';
import { Painter } from '../src/tui/paint.ts';
import { Program } from '../src/tui/program.ts';
import { draw } from '../src/tui/screen.tsx';
import { measure } from './lib/harness.ts';

const bundle = join(process.cwd(), 'dist/opkg-ostree.mjs');
const entries = 10_000;

/** Milliseconds until the words of the first frame come out of a terminal of script(1). */
function firstFrame(command: string, wanted: string): Promise<number> {
  const began = performance.now();
  const env = { ...process.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' };
  const child = spawn('script', ['-qfec', `stty rows 24 cols 80; ${command}`, '/dev/null'], { env });
  return new Promise((resolve, reject) => {
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (!seen.includes(wanted)) return;
      resolve(performance.now() - began);
      child.kill('SIGTERM');
    });
    child.once('exit', () => reject(new Error(`'${wanted}' did not come: ${seen}`)));
  });
}

/** An interface with so many packages, and what presses a key and waits for the bytes of its frame. */
function openScreens(): { press: (key: string) => Promise<void>; close: () => void } {
  const size = { columns: 80, rows: 24 };
  const program = new Program(initialState({ size, unicode: false, jumps: false, now: 0 }), () => undefined);
  let painted: () => void = () => undefined;
  const painter = new Painter({ size: () => size, write: () => painted(), ownScreen: true, pause: 0 });
  const stop = draw(program, { colour: true, painter, onFailure: console.error });
  const packages = Array.from({ length: entries }, (_, at) => ({
    name: `package-${at.toString(36)}`,
    version: `1.${at}-r1`,
    architecture: 'all',
    feed: 'packages',
    installed: null,
    layered: false,
    description: `What number ${at} is good for, in a line of text`,
  }));
  program.dispatch({ is: 'packages', packages, upgradable: [] }, { is: 'key', key: '2' });
  const press = (key: string) =>
    new Promise<void>((resolve) => {
      painted = resolve;
      program.dispatch({ is: 'key', key });
    });
  return { press, close: stop };
}

const folder = mkdtempSync(join(tmpdir(), 'opkg-ostree-bench-'));
try {
  const sysroot = join(folder, 'sysroot');
  mkdirSync(sysroot);
  spawnSync(process.execPath, [bundle, 'sysroot', 'init', sysroot, '--target', 'x86-64']);
  const ours = `${process.execPath} ${bundle}`;
  await measure(
    'tui first frame',
    [
      { name: 'node alone', run: () => firstFrame(`${process.execPath} -p '"rea"+"dy"'`, 'ready') },
      { name: 'status', run: () => firstFrame(`${ours} --sysroot ${sysroot} status`, 'deployments') },
      { name: 'tui', run: () => firstFrame(`${ours} --sysroot ${sysroot} tui`, '2 Software') },
    ],
    { rounds: 7 },
  );
  const { press, close } = openScreens();
  const typed = [...'package-7'];
  await measure(
    'tui key to frame of 10000',
    [
      { name: 'down', run: () => press('down') },
      { name: 'page down', run: () => press('pagedown') },
      { name: 'mark', run: () => press('space') },
      {
        name: 'a letter of the filter',
        prepare: async () => {
          await press('/');
        },
        run: async () => {
          const began = performance.now();
          for (const letter of typed) await press(letter);
          const took = (performance.now() - began) / typed.length;
          await press('escape');
          return took;
        },
      },
    ],
    { rounds: 30 },
  );
  close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
