/** The keys that mean something now, and the line above them. Pure. */
import { commandLine } from '../model/change.ts';
import { runsJob } from '../model/keys-main.ts';
import { markedChange } from '../model/software.ts';
import type { ScreenName, State } from '../model/state.ts';
import { fitLine, type Line, line, span } from '../style.ts';
import { clean, displayWidth, wrap } from '../text.ts';

type Hint = readonly [key: string, text: string];

const screenHints: Readonly<Record<ScreenName, readonly Hint[]>> = {
  deployments: [
    ['u', 'upgrade'],
    ['b', 'back'],
    ['s', 'start next'],
    ['p', 'pin'],
    ['x', 'drop'],
    ['r', 'reboot'],
  ],
  software: [
    ['Space', 'mark'],
    ['a', 'apply'],
    ['/', 'filter'],
    ['v', 'view'],
    ['u', 'upgrade'],
    ['f', 'feeds'],
  ],
  etc: [
    ['v', 'now/next'],
    ['n', 'new'],
    ['o', 'ours'],
    ['m', 'merge'],
  ],
  history: [['x', 'undo']],
};

/** The last row: keys that are valid now, most special ones first. */
export function keyLine(state: State): Line {
  const hints = hintsOf(state);
  const out = [];
  let room = state.size.columns;
  for (const [key, text] of hints) {
    const width = displayWidth(key) + displayWidth(text) + 3;
    if (width > room) break;
    out.push(span(key, 'bold'), span(` ${text}  `));
    room -= width;
  }
  return fitLine(out, state.size.columns);
}

function hintsOf(state: State): readonly Hint[] {
  const { question, overlay } = state;
  if (question?.word !== undefined)
    return [
      ['Enter', `when '${question.word}' is typed`],
      ['Esc', 'no'],
    ];
  if (question !== undefined)
    return [
      ['y', 'yes'],
      ['n', 'no (Enter)'],
    ];
  if (state.filtering)
    return [
      ['Enter', 'keep'],
      ['Esc', 'drop'],
      ['Ctrl-U', 'empty'],
    ];
  const end: readonly Hint[] = [
    ['?', 'help'],
    ['q', 'quit'],
  ];
  if (overlay === undefined) {
    const item: readonly Hint[] = state.job === undefined ? [] : [['w', 'watch']];
    const [first = ['', ''], ...rest] = screenHints[state.screen];
    return [first, ...rest.slice(0, 1), ...end, ...rest.slice(1), ...item];
  }
  if (overlay.kind === 'plan') {
    const run: readonly Hint[] = overlay.plan === undefined ? [] : [['Enter', 'run it']];
    return [...run, ['Esc', 'back'], ['j k', 'scroll']];
  }
  if (overlay.kind === 'progress') {
    const keys: readonly Hint[] = runsJob(state)
      ? [
          ['Esc', 'leave it running'],
          ['x', 'cancel'],
        ]
      : [
          ['Esc', 'back'],
          ['r', 'reboot'],
        ];
    return keys;
  }
  return [
    ['Esc', 'back'],
    ['j k', 'scroll'],
    ...(overlay.kind === 'detail' ? screenHints[state.screen] : []),
  ];
}

/** The row above: what just happened, the filter, or the command line that marks amount to. */
export function noticeLine(state: State): Line {
  const { notice, software } = state;
  if (notice !== undefined) {
    const rows = wrap(clean(notice.text, state), state.size.columns);
    return line(rows.at(-1) ?? '', notice.bad ? 'bad' : 'good');
  }
  if (state.screen === 'software' && state.overlay === undefined) {
    if (state.filtering)
      return [span('/', 'accent'), span(clean(software.filter, state)), span(' ', 'reverse')];
    const change = markedChange(software);
    if (change !== undefined) return line(`$ ${clean(commandLine(change), state)}`, 'accent');
    if (software.filter !== '') return [span('/', 'accent'), span(clean(software.filter, state))];
  }
  const { status } = state;
  if (status?.['reboot-required'] === true) {
    const next = status.deployments.find(({ id }) => id === status.next);
    return line(`Takes effect after a reboot: ${clean(next?.version ?? '', state)} (r restarts)`, 'warn');
  }
  return [];
}
