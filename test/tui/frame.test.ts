import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/tui/model/messages.ts';
import type { Size, State } from '../../src/tui/model/state.ts';
import { renderLine } from '../../src/tui/style.ts';
import { displayWidth } from '../../src/tui/text.ts';
import { frameLines } from '../../src/tui/view/frame.ts';
import {
  deployment,
  job,
  newState,
  now,
  plan,
  press,
  readState,
  screenText,
  sizes,
  status,
  statusOf,
  summary,
  take,
} from './support.ts';

const nasty = 'evil\u001b[2J\u001b]0;owned\u0007\u202e \u6f22\u5b57 \ud83d\ude00 na\u00efve\n\u009b31mnext';
const event = (n: number) =>
  ({
    n,
    t: '2025-06-01T12:00:00Z',
    phase: 'download',
    message: nasty,
    done: n,
    total: 9,
    unit: 'bytes',
  }) as const;

/** Every screen and what can lie over it, with hostile text wherever text comes from outside. */
function views(size: Size, unicode: boolean): readonly (readonly [string, State])[] {
  const base = take(
    readState(size, unicode),
    {
      is: 'status',
      status: statusOf([
        deployment(2, { version: nasty, 'etc-conflicts': 1 }),
        ...status.deployments.slice(1),
      ]),
      now,
    },
    {
      is: 'packages',
      packages: Array.from({ length: 60 }, (_, n) =>
        summary(`package-${n}`, { description: nasty, version: nasty }),
      ),
      upgradable: [],
    },
    {
      is: 'etc',
      changes: [
        { path: '/etc/config/network', change: 'modified', diff: ['@@ -1 +1 @@', `-${nasty}`, '+new'] },
      ],
      conflicts: [
        { path: 'config/network', kind: 'local' as never, beside: 'config/network.opkg-ostree-new' },
      ],
      preview: undefined,
    },
    {
      is: 'history',
      records: [
        {
          id: '1',
          time: '2025-06-01T12:00:00Z',
          command: nasty,
          by: 'root',
          from: null,
          to: null,
          inputs: null,
          outcome: 'failed',
          verdict: 'unknown',
          scripts: [{ package: 'x', class: 'sandboxed', status: 1, output: nasty }],
          error: { code: 'X', message: nasty },
        },
      ],
    },
  ).state;
  const planned = press(base, '2', 'space', 'a').state;
  const change = planned.overlay?.kind === 'plan' ? planned.overlay.change : undefined;
  const shown: readonly Message[] =
    change === undefined ? [] : [{ is: 'plan', change, plan, notes: [nasty] }];
  const refused: readonly Message[] =
    change === undefined ? [] : [{ is: 'refused', change, failure: { message: nasty, hint: nasty } }];
  const running = take(
    base,
    { is: 'attach', job: job() },
    { is: 'job', job: job(), events: [event(1), event(2)] },
  ).state;
  const failed = job({ state: 'failed', error: { code: 'X', message: nasty, hint: nasty } });
  return [
    ['reading', newState(size, unicode)],
    ['deployments', base],
    ['deployments, opened', press(base, 'enter').state],
    ['software', press(base, '2', 'end').state],
    ['software, filtering', press(base, '2', '/', 'p', 'a').state],
    ['software, opened', press(base, '2', 'enter').state],
    ['etc', press(base, '3').state],
    ['etc, opened', press(base, '3', 'enter').state],
    ['history', press(base, '4').state],
    ['history, opened', press(base, '4', 'enter').state],
    ['plan, being made', planned],
    ['plan', take(planned, ...shown).state],
    ['plan, refused', take(planned, ...refused).state],
    ['progress', running],
    ['progress, failed', take(running, { is: 'job', job: failed, events: [] }).state],
    ['help', press(base, '?').state],
    ['question', press(base, 'b').state],
    ['leaving', press(running, 'ctrl-c').state],
    ['an error', take(base, { is: 'failed', failure: { message: nasty, hint: nasty } }).state],
  ];
}

describe.each(sizes)('at $columns x $rows', (size) => {
  const { columns, rows } = size;

  it.each(views(size, true))('%s fits and holds nothing that a terminal obeys', (_, state) => {
    const lines = screenText(state);
    expect(lines).toHaveLength(rows - 1);
    for (const text of lines) {
      expect(displayWidth(text)).toBeLessThanOrEqual(columns);
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    }
  });

  it.each(views(size, false))('%s is ASCII where only that is known', (_, state) => {
    for (const line of frameLines(state)) {
      expect(renderLine(line, { colour: false })).toMatch(/^(?:[ -~]|\u001b\[[017]m)*$/u);
    }
  });

  it('says each state with a letter and the selection with a mark', () => {
    const [next, running] = screenText(readState(size)).filter((text) => / 24\.10\.\d/u.test(text));
    expect(next).toMatch(/^> > {2}24\.10\.2/u);
    expect(running).toMatch(/^ \*<P 24\.10\.1/u);
    const packages = screenText(press(readState(size), '2').state).join('\n');
    for (const mark of ['[i] busybox', '[U] dnsmasq', '[L] jq', '[ ] nano']) expect(packages).toContain(mark);
  });

  it('shows the command line that the marks amount to', () => {
    const text = screenText(press(readState(size), '2', 'down', 'down', 'space').state);
    expect(text.join('\n')).toContain('$ opkg-ostree remove jq');
  });

  it('lists only keys that do something now', () => {
    const last = (state: State) => screenText(state).at(-1) ?? '';
    expect(last(readState(size))).toMatch(/u upgrade .*\? help .*q quit/u);
    expect(last(press(readState(size), 'b').state)).toMatch(/^y yes {2}n no/u);
    expect(last(take(readState(size), { is: 'attach', job: job() }).state)).toContain('x cancel');
  });
});

it('a terminal that is too small says how large it has to be', () => {
  expect(screenText(newState({ columns: 30, rows: 9 }))).toEqual(['need 40x12, have 30x9']);
});

it('ten thousand packages are as many rows as fit', () => {
  const many = Array.from({ length: 10_000 }, (_, n) => summary(`package-${String(n).padStart(5, '0')}`));
  const state = press(
    take(newState(), { is: 'packages', packages: many, upgradable: [] }).state,
    '2',
    'end',
  ).state;
  const text = screenText(state);
  expect(text).toHaveLength(23);
  expect(text.join('\n')).toContain('>[ ] package-09999');
});

it('colour says nothing that the text does not', () => {
  const strip = (text: string) => text.replace(/\u001b\[\d+m/gu, '');
  const lines = frameLines(press(readState(), '2').state);
  expect(lines.map((line) => strip(renderLine(line, { colour: true })))).toEqual(
    lines.map((line) => strip(renderLine(line, { colour: false }))),
  );
});
