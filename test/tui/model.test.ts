import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/tui/layout.ts';
import { commandLine } from '../../src/tui/model/change.ts';
import { moveBy, selectedIndex, showSelected } from '../../src/tui/model/list.ts';
import { indexPackages, markedChange, refilter } from '../../src/tui/model/software.ts';
import type { State } from '../../src/tui/model/state.ts';
import {
  deployment,
  job,
  newState,
  packages,
  plan,
  press,
  readState,
  status,
  statusOf,
  summary,
  take,
} from './support.ts';

/** The state on the screen of packages with this one selected. */
function software(name: string, state: State = readState()): State {
  const opened = press(state, '2').state;
  const at = opened.software.shown.findIndex((entry) => entry.name === name);
  return press(opened, 'home', ...Array.from({ length: at }, () => 'down')).state;
}

describe('lists', () => {
  it('show the selected item wherever it goes, and keep it by its id', () => {
    const actions = fc.array(fc.oneof(fc.integer({ min: -40, max: 40 }), fc.constant('drop' as const)));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        actions,
        (count, height, jumps, list) => {
          let items = Array.from({ length: count }, (_, index) => ({ id: `${index}` }));
          let state = showSelected(items, { selected: undefined, top: 0 }, { height, jumps });
          for (const action of list) {
            if (action === 'drop') {
              // What stands before the selected item goes: the selection stays on the same thing.
              if (selectedIndex(items, state) === 0) continue;
              items = items.slice(1);
              const kept = state.selected;
              state = showSelected(items, state, { height, jumps });
              expect(state.selected).toBe(kept);
            } else state = moveBy(items, state, action, { height, jumps });
            const index = selectedIndex(items, state);
            expect(index).toBeGreaterThanOrEqual(state.top);
            expect(index).toBeLessThan(state.top + height);
            expect(state.top).toBeLessThanOrEqual(Math.max(0, items.length - height));
          }
        },
      ),
    );
  });
});

describe('the filter', () => {
  it('finds letter by letter what it finds at once', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[ab]{1,4}$/u), { maxLength: 12 });
    fc.assert(
      fc.property(names, fc.stringMatching(/^[ab]{0,4}$/u), (list, filter) => {
        const all = indexPackages(
          list.sort().map((name) => summary(name, { description: name.slice(1) })),
          new Set(),
        );
        const start = refilter({ ...newState().software, packages: all });
        const whole = refilter({ ...start, filter });
        let typed = start;
        for (let end = 1; end <= filter.length; end++)
          typed = refilter({ ...typed, filter: filter.slice(0, end) }, typed);
        expect(typed.shown.map(({ name }) => name)).toEqual(whole.shown.map(({ name }) => name));
        const wanted = list.filter((name) => name.includes(filter));
        expect(whole.shown.map(({ name }) => name).sort()).toEqual(wanted.sort());
      }),
    );
  });

  it('takes letters that are keys elsewhere, and Esc drops it', () => {
    const typed = press(readState(), '2', '/', 'q', 'backspace', 'n', 'a');
    expect(typed.effects.filter(({ do: what }) => what === 'leave')).toEqual([]);
    expect(typed.state.software.shown.map(({ name }) => name)).toEqual(['nano']);
    expect(press(typed.state, 'escape').state.software.shown).toHaveLength(packages.length);
    const kept = press(typed.state, 'enter').state;
    expect([kept.filtering, kept.software.filter]).toEqual([false, 'na']);
  });
});

describe('marks', () => {
  it('are staged, and make one command line', () => {
    const marked = press(software('nano', press(software('jq'), 'space').state), 'space');
    const change = markedChange(marked.state.software);
    expect(change === undefined ? '' : commandLine(change)).toBe('opkg-ostree install nano --uninstall jq');
    expect(marked.effects).toEqual([]);
    expect(press(marked.state, 'space').state.software.marks.size).toBe(1);
  });

  it('a request with a version is removed by its name', () => {
    const change = markedChange(press(software('tmux'), 'space').state.software);
    expect(change).toEqual({ kind: 'wish', install: [], remove: ['tmux'] });
  });

  it('what only others need cannot be marked, and says why', () => {
    const { state } = press(software('libonig'), 'space');
    expect(state.software.marks.size).toBe(0);
    expect(state.notice?.text).toContain('another package needs it');
  });

  it('packages of the base are hidden in a plan of their own', () => {
    const hidden = press(software('busybox'), 'space').state;
    expect(markedChange(hidden.software)).toEqual({ kind: 'hide', names: ['busybox'] });
    const both = press(software('nano', hidden), 'space').state;
    expect(both.software.marks.size).toBe(1);
    expect(both.notice?.bad).toBe(true);
  });

  it('a hidden package of the base comes back', () => {
    const [next, ...others] = status.deployments;
    const hiding = statusOf([{ ...(next ?? deployment(2)), 'base-removals': ['nano'] }, ...others]);
    const state = take(readState(), { is: 'status', status: hiding, now: 0 }).state;
    expect(markedChange(press(software('nano', state), 'space').state.software)).toEqual({
      kind: 'show',
      names: ['nano'],
    });
  });
});

describe('the plan', () => {
  const asked = press(software('nano'), 'space', 'a');
  const change = asked.state.overlay?.kind === 'plan' ? asked.state.overlay.change : undefined;

  it('is asked for once, and Enter runs nothing before it is there', () => {
    expect(asked.effects).toEqual([{ do: 'plan', change }]);
    expect(press(asked.state, 'enter').effects).toEqual([]);
  });

  it('is run by its id', () => {
    if (change === undefined) throw new Error('no change');
    const shown = take(asked.state, { is: 'plan', change, plan, notes: [] }).state;
    expect(press(shown, 'enter').effects).toEqual([{ do: 'run', change, planId: plan.id }]);
    expect(press(shown, 'escape').state.overlay).toBeUndefined();
    expect(press(shown, 'escape').state.software.marks.size).toBe(1);
  });

  it('of a change that was given up meanwhile is not shown', () => {
    if (change === undefined) throw new Error('no change');
    const late = take(press(asked.state, 'escape').state, { is: 'plan', change, plan, notes: [] }).state;
    expect(late.overlay).toBeUndefined();
  });

  it('a refusal is shown in its place and runs nothing', () => {
    if (change === undefined) throw new Error('no change');
    const failure = { message: 'no', hint: 'do that' };
    const refused = take(asked.state, { is: 'refused', change, failure }).state;
    expect(press(refused, 'enter')).toMatchObject({ effects: [], state: { overlay: undefined } });
  });
});

describe('questions', () => {
  it('default to No: only y agrees, and Esc never confirms', () => {
    const asked = press(readState(), 'b').state;
    expect(asked.question?.text.join(' ')).toContain('24.10.1');
    for (const key of ['enter', 'escape', 'n', 'space', 'x', '1', 'up'])
      expect(press(asked, key).effects, key).toEqual([]);
    expect(press(asked, 'y').effects).toEqual([{ do: 'start', change: { kind: 'rollback' } }]);
  });

  it('what cannot be taken back takes its word', () => {
    const two = statusOf([deployment(2), deployment(1, { rollback: true })]);
    const state = press(take(newState(), { is: 'status', status: two, now: 0 }).state, 'down', 'x').state;
    expect(press(state, 'y', 'enter').effects.filter((effect) => effect.do === 'start')).toEqual([]);
    expect(press(state, 'd', 'r', 'o', 'p', 'enter').effects).toContainEqual({
      do: 'start',
      change: { kind: 'undeploy', index: 1 },
    });
  });

  it('the running deployment cannot be dropped, and says so', () => {
    expect(press(readState(), 'down', 'x').state.notice?.text).toContain('running deployment');
  });

  it('a restart names what it starts, and is refused where nothing of it runs', () => {
    const asked = press(readState(), 'r').state;
    expect(asked.question?.text.join(' ')).toContain('24.10.2');
    expect(press(asked, 'y').effects).toEqual([{ do: 'reboot' }]);
    const other = take(newState(), { is: 'status', status: statusOf([deployment(1)]), now: 0 }).state;
    expect(press(other, 'r').state).toMatchObject({ question: undefined, notice: { bad: true } });
  });

  it('Esc never quits; q asks where something would be forgotten; Ctrl-C twice leaves', () => {
    const state = readState();
    expect(
      press(state, 'escape', 'escape', 'escape').effects.filter(({ do: what }) => what === 'leave'),
    ).toEqual([]);
    expect(press(state, 'q').effects).toContainEqual({ do: 'leave', status: 0 });
    const marked = press(software('nano'), 'space').state;
    expect(press(marked, 'q').effects).toEqual([]);
    expect(press(marked, 'q', 'y').effects).toContainEqual({ do: 'leave', status: 0 });
    expect(press(state, 'ctrl-c').effects).toEqual([]);
    expect(press(state, 'ctrl-c', 'ctrl-c').effects).toContainEqual({ do: 'leave', status: 130 });
  });
});

describe('a job', () => {
  const attached = take(readState(), { is: 'attach', job: job() });

  it('is followed, and its end reads everything again', () => {
    expect(attached.effects).toEqual([{ do: 'watch', id: job().id }]);
    expect(attached.state.overlay?.kind).toBe('progress');
    const ended = take(attached.state, { is: 'job', job: job({ state: 'done' }), events: [] });
    expect(ended.effects.flatMap((effect) => (effect.do === 'read' ? [effect.what] : []))).toEqual([
      'status',
      'packages',
    ]);
  });

  it('goes on when its view is left, and can be watched again', () => {
    const left = press(attached.state, 'escape');
    expect(left.effects.filter(({ do: what }) => what === 'cancel')).toEqual([]);
    expect(press(left.state, 'w').state.overlay?.kind).toBe('progress');
  });

  it('is cancelled after a question, and not once it switches the boot entries', () => {
    expect(press(attached.state, 'x', 'y').effects).toEqual([{ do: 'cancel', id: job().id }]);
    const late = take(attached.state, { is: 'job', job: job({ state: 'finishing' }), events: [] }).state;
    expect(press(late, 'x').state).toMatchObject({ question: undefined, notice: { bad: true } });
  });

  it('that another face began is followed, too, and no event is told twice', () => {
    const found = take(readState(), { is: 'status', status: { ...status, job: job() }, now: 0 });
    expect(found.effects).toContainEqual({ do: 'watch', id: job().id });
    const event = { n: 1, t: '2025-06-01T12:00:00Z', phase: 'download' } as const;
    const twice = take(
      found.state,
      { is: 'job', job: job(), events: [event] },
      { is: 'job', job: job(), events: [event] },
    );
    expect(twice.state.job?.events).toEqual([event]);
  });
});

describe('the layout', () => {
  it('leaves the last row of every terminal alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 300 }), fc.integer({ min: 12, max: 100 }), (columns, rows) => {
        const { body, rules, list, detail, kind } = layoutOf({ columns, rows });
        expect(body.height + 3 + (rules ? 2 : 0)).toBe(rows - 1);
        expect(list.height).toBeGreaterThan(2);
        if (kind === 'wide') expect(list.columns + 3 + (detail?.columns ?? 0)).toBe(columns);
      }),
    );
  });
});
