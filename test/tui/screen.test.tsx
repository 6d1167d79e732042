import { render } from 'ink-testing-library';
import { describe, expect, it, vi } from 'vitest';
import type { State } from '../../src/tui/model/state.ts';
import { Program } from '../../src/tui/program.ts';
import { Screen } from '../../src/tui/screen.tsx';
import { renderLine } from '../../src/tui/style.ts';
import { frameLines } from '../../src/tui/view/frame.ts';
import { job, press, readState, sizes, take } from './support.ts';

/** Draws a state as Ink does. */
function draw(state: State, colour: boolean) {
  const program = new Program(state, () => undefined);
  const drawn = render(<Screen program={program} colour={colour} />);
  return { program, frame: () => (drawn.lastFrame() ?? '').split('\n').map((row) => row.trimEnd()), drawn };
}

const plainRows = (state: State) =>
  frameLines(state).map((line) => renderLine(line, { colour: false }).trimEnd());
const strip = (rows: readonly string[]) => rows.map((row) => row.replace(/\u001b\[[\d;]*m/gu, '').trimEnd());
const looks = [
  { look: 'full', unicode: true, colour: true },
  { look: 'full without colour', unicode: true, colour: false },
  { look: 'basic', unicode: false, colour: false },
] as const;

describe.each(sizes)('Ink at $columns x $rows', (size) => {
  it.each(looks)('draws each row where it belongs ($look)', ({ unicode, colour }) => {
    const state = readState(size, unicode);
    for (const shown of [
      state,
      press(state, '2').state,
      press(state, '?').state,
      take(state, { is: 'attach', job: job() }).state,
    ]) {
      const { frame, drawn } = draw(shown, colour);
      const strip = (rows: readonly string[]) =>
        rows.map((row) => row.replace(/\u001b\[[\d;]*m/gu, '').trimEnd());
      expect(strip(frame())).toEqual(strip(plainRows(shown)));
      drawn.unmount();
    }
  });

  it('draws what keys change', async () => {
    const { program, frame, drawn } = draw(readState(size), false);
    program.dispatch({ is: 'key', key: '2' }, { is: 'key', key: 'down' });
    await vi.waitFor(() => expect(frame().join('\n')).toContain('\u001b[7m>[U] dnsmasq'));
    expect(strip(frame())).toEqual(strip(plainRows(program.state())));
    drawn.unmount();
  });
});

it('colours are those of the look', () => {
  const state = readState({ columns: 80, rows: 24 }, true);
  const colours = (colour: boolean) => {
    const { drawn } = draw(press(state, '2').state, colour);
    const found = new Set((drawn.lastFrame() ?? '').match(/\u001b\[[\d;]+m/gu));
    drawn.unmount();
    return [...found].filter((code) => /\[3\d/u.test(code));
  };
  expect(colours(true)).not.toEqual([]);
  expect(colours(false)).toEqual([]);
});
