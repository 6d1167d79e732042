/** However the interface ends, the terminal is what it was before. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, startScene } from '../support/world/index.ts';
import { hasTmux, Pane, type PaneOptions } from './tui-support.ts';

const asBefore = { modes: 'as before', cursor: '1', alternate: '0' };

describe.skipIf(!hasTmux || process.getuid?.() !== 0)('the terminal after the interface', () => {
  let scene: Scene;
  let pane: Pane | undefined;
  const open = async (options: PaneOptions) => {
    pane = Pane.open(scene, options);
    await pane.sees(/>1 Deploy/u);
    return pane;
  };
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
  });
  afterEach(() => pane?.close());
  afterAll(async () => {
    await scene?.end();
  });

  describe.each(['xterm-256color', 'vt100'])('TERM=%s', (term) => {
    it.each([
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGINT', 130],
    ] as const)('%s', async (signal, status) => {
      const shown = await open({ term });
      shown.kill(signal);
      expect(await shown.ended()).toEqual({ status, ...asBefore });
    });

    it('Ctrl-C twice', async () => {
      const shown = await open({ term });
      shown.press('C-c');
      await shown.sees('Leave?');
      shown.press('C-c');
      expect(await shown.ended()).toEqual({ status: 130, ...asBefore });
    });

    it('an exception that nobody caught, which is told on the screen that comes back', async () => {
      const hook = join(scene.folder, 'throw.mjs');
      writeFileSync(hook, "process.on('SIGUSR2', () => { throw new Error('planted'); });\n");
      const shown = await open({ term, env: { NODE_OPTIONS: `--import=${hook}` } });
      shown.kill('SIGUSR2');
      expect(await shown.ended()).toEqual({ status: 70, ...asBefore });
      await shown.sees('error: unexpected: planted');
    });

    it.each(['dash', 'busybox ash'])('SIGKILL, through the launcher run by %s', async (launcher) => {
      const shown = await open({ term, launcher });
      shown.kill('SIGKILL');
      expect(await shown.ended()).toEqual({ status: 137, ...asBefore });
      await shown.sees('ended unexpectedly');
    });

    it('a stop and its end, as a shell does it with Ctrl-Z and fg', async () => {
      pane = Pane.open(scene, { term, shell: true });
      pane.type(pane.command);
      pane.press('Enter');
      await pane.sees(/>1 Deploy/u);
      pane.press('C-z');
      await pane.sees('Stopped');
      pane.type('stty -a | grep -o -- "[ -]echo " | head -1; clear');
      pane.press('Enter');
      pane.type('fg');
      pane.press('Enter');
      await pane.sees(/>1 Deploy/u);
      pane.press('2');
      await pane.sees(/>2 Software</u);
      pane.press('q');
      expect(await pane.ended()).toEqual({ status: 0, ...asBefore });
    });
  });

  it('leaves through the launcher with its own status', async () => {
    const shown = await open({ launcher: 'busybox ash' });
    shown.press('q');
    expect(await shown.ended()).toEqual({ status: 0, ...asBefore });
  });

  it('without a terminal says what to use instead', async () => {
    const ended = await scene.cli.run('tui');
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toContain('--plain');
  });

  it('answers prompts from a file', async () => {
    const ended = await scene.cli.runWith({ input: '1\n\n2\n1\nnothing-like-this\n\n0\n' }, 'tui', '--plain');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toContain('No package fits.');
  });
});
