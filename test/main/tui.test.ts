/** The interface as a person meets it, on a real sysroot: every screen on every kind of terminal, and a whole journey. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, startScene } from '../support/world/index.ts';
import { hasTmux, Pane, type PaneOptions } from './tui-support.ts';

const sizes = [
  [80, 24],
  [120, 40],
  [40, 12],
] as const;
/** CSI 3 J empties what was scrolled away, RIS everything. */
const erasesHistory = /\u001b\[3J|\u001bc/u;

describe.skipIf(!hasTmux || process.getuid?.() !== 0)('the interface in a terminal', () => {
  let scene: Scene;
  let pane: Pane | undefined;
  const open = (options: PaneOptions) => {
    pane = Pane.open(scene, options);
    return pane;
  };
  beforeAll(async () => {
    scene = await startScene();
    await scene.cli.ok('sysroot', 'init', scene.sysroot, '--target', 'x86-64');
    await scene.compose(0);
    await scene.cli.ok('deploy', scene.branch);
    await scene.cli.ok('update');
    await scene.cli.ok('install', 'jq');
  });
  afterEach(() => pane?.close());
  afterAll(async () => {
    await scene?.end();
  });

  /** Leaves the result of the last job, which the first visit shows. */
  const begin = async (shown: Pane) => {
    const first = await shown.sees(/State: done|24\.10\.1/u);
    if (/State: done/u.test(first)) shown.press('q');
    await shown.sees('24.10.1');
  };

  describe.each(['xterm-256color', 'vt100', 'linux'])('TERM=%s', (term) => {
    it.each(sizes)('reaches each screen at %i x %i', async (columns, rows) => {
      const shown = open({ columns, rows, term });
      await begin(shown);
      expect(await shown.sees(/>1 Deploy/u)).toMatch(/> >/u);
      shown.press('2');
      await shown.sees('[i] busybox');
      shown.press('/');
      shown.type('nano-full');
      await shown.sees(/>\[ \] nano-full/u);
      shown.press('Enter', 'Space');
      await shown.sees('$ opkg-ostree install nano-full');
      shown.press('a');
      await shown.sees('+ nano-full');
      shown.press('End');
      await shown.sees(/Flash:|after a/u);
      shown.press('Escape');
      await shown.sees('[+] nano-full');
      shown.press('c', '3');
      await shown.sees(/>3 \/etc</u);
      await shown.sees(/\/etc is as|[AMD] \/etc/u);
      shown.press('4');
      await shown.sees(/done +install jq/u);
      shown.press('?');
      await shown.sees('On this screen');
      shown.press('Escape', 'r');
      await shown.sees(/not\s+started\s+from\s+a\s+deployment/u);
      shown.press('q');
      expect(await shown.ended()).toEqual({ status: 0, modes: 'as before', cursor: '1', alternate: '0' });
      const bytes = shown.bytes();
      expect(bytes.toString('latin1')).not.toMatch(erasesHistory);
      if (term !== 'xterm-256color') {
        expect(bytes.filter((byte) => byte > 0x7f)).toHaveLength(0);
        expect(bytes.toString('latin1')).not.toMatch(/\u001b\[(?:3[0-7]|9[0-7])m|\u001b\[\?1049/u);
      }
    });
  });

  it('TERM=dumb is asked line by line, and draws nothing', async () => {
    const shown = open({ term: 'dumb' });
    await shown.sees('What next? 0 leaves');
    for (const [answer, seen] of [
      ['1', 'Choose one'],
      ['', 'What next? 0 leaves'],
      ['2', 'Find a package'],
      ['1', 'Name or description'],
      ['nano-full', 'Mark or unmark which one'],
      ['1', 'nano-full is marked: to add'],
    ] as const) {
      shown.type(answer);
      shown.press('Enter');
      await shown.sees(seen);
    }
    shown.press('3', 'Enter');
    await shown.sees('The same as: opkg-ostree install nano-full');
    await shown.sees('Run it? [y/N]');
    shown.press('Enter', 'Enter', '0', 'Enter');
    await shown.sees('will be forgotten. Leave? [y/N]');
    shown.press('y', 'Enter');
    expect(await shown.ended()).toMatchObject({ status: 0, modes: 'as before' });
    expect(shown.bytes().toString('latin1')).not.toContain('\u001b');
  });

  it('a whole journey: filter, mark, plan, run, and the status tells it', async () => {
    const shown = open({});
    await begin(shown);
    shown.press('2');
    await shown.sees('[i] busybox');
    shown.press('/');
    shown.type('less');
    shown.press('Enter');
    await shown.sees(/>\[ \] less/u);
    shown.press('Space', 'a');
    await shown.sees('+ less');
    shown.press('Enter');
    await shown.sees('State: done');
    shown.press('Escape');
    await shown.sees('[L] less');
    expect((await scene.deployments())[0]?.['requested-packages']).toEqual(['jq', 'less']);
    shown.press('1');
    await shown.sees(/2 layered/u);
    const [job] = await scene.cli.json<{ command: string; state: string }[]>('jobs');
    expect(job).toMatchObject({ command: 'opkg-ostree install less', state: 'done' });
  });

  it('a job goes on when the interface is left, and is shown again on the next visit', async () => {
    scene.server.fail('.ipk', { kind: 'stall', after: 100 });
    const first = open({});
    await begin(first);
    first.press('2');
    await first.sees('[i] busybox');
    first.press('/');
    first.type('tinyproxy');
    first.press('Enter');
    await first.sees(/>\[ \] tinyproxy/u);
    first.press('Space', 'a');
    await first.sees('+ tinyproxy');
    first.press('Enter');
    await first.sees('State: running');
    first.press('Escape', 'q');
    await first.sees('goes on in the background');
    first.press('y');
    expect(await first.ended()).toMatchObject({ status: 0 });
    first.close();
    const again = open({});
    await again.sees('Job: opkg-ostree install tinyproxy');
    await again.sees('State: running');
    again.press('x');
    await again.sees("Cancel 'opkg-ostree install tinyproxy'?");
    again.press('y');
    await again.sees('State: cancelled');
    scene.server.heal();
    expect((await scene.deployments())[0]?.['requested-packages']).not.toContain('tinyproxy');
  });

  it('a key costs less than 2 KiB on a slow line, also where the whole list moves', async () => {
    const shown = open({ term: 'vt100' });
    await begin(shown);
    shown.press('2');
    await shown.sees('[i] busybox');
    expect(await shown.cost('j', />\[i\] base-files/u)).toBeLessThan(300);
    expect(await shown.cost('PageDown', /^(?!.*>\[i\] base-files)/su)).toBeLessThan(2_048);
    expect(await shown.cost('G', /116 of|>\[.\] zlib|>\[.\] z/u)).toBeLessThan(2_048);
  });

  it('asks a terminal whose size nobody knows', async () => {
    const shown = open({ columns: 110, rows: 30, before: 'stty rows 0 cols 0' });
    await begin(shown);
    expect(await shown.sees('\u2502 Commit:')).toContain('Deployments');
    shown.press('q');
    expect(await shown.ended()).toMatchObject({ status: 0, modes: 'as before' });
    expect(shown.bytes().toString('latin1')).not.toMatch(erasesHistory);
  });

  it('follows a resize in mid-flight, down to what is too small and back', async () => {
    const shown = open({});
    await begin(shown);
    shown.press('2');
    await shown.sees('[i] busybox');
    shown.resize(120, 40);
    await shown.sees('\u2502 Package:');
    shown.resize(30, 10);
    await shown.sees('need 40x12, have 30x10');
    shown.resize(80, 24);
    await shown.sees('[i] busybox');
    shown.press('q');
    expect(await shown.ended()).toMatchObject({ status: 0, modes: 'as before', cursor: '1', alternate: '0' });
  });
});
