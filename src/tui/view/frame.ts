/** The whole screen as lines: what the terminal shows is this and nothing else. Pure. */

import type { DeploymentDocument, HistoryRecord } from '../../engine/index.ts';
import { type Layout, layoutOf, type Panel } from '../layout.ts';
import { itemsOf, listOf } from '../model/items.ts';
import { runsJob } from '../model/keys-main.ts';
import { selectedIndex } from '../model/list.ts';
import type { EtcRow, IndexedPackage, ScreenName, State } from '../model/state.ts';
import { screens } from '../model/state.ts';
import { fitLine, type Line, line, reversed, span } from '../style.ts';
import { clean, displayWidth, pad, wrap } from '../text.ts';
import { isTooSmall, smallest } from '../tier.ts';
import { detailLines } from './detail.ts';
import { keyLine, noticeLine } from './footer.ts';
import { overlayLines, phaseStep } from './overlay.ts';
import { deploymentRow, etcRow, historyRow, packageRow } from './rows.ts';

const titles: Readonly<Record<ScreenName, readonly [long: string, short: string]>> = {
  deployments: ['Deployments', 'Deploy'],
  software: ['Software', 'Soft'],
  etc: ['/etc', '/etc'],
  history: ['History', 'Hist'],
};

/** The screen of a state: at most one row less than the terminal has, none wider than it. */
export function frameLines(state: State): Line[] {
  const { columns, rows } = state.size;
  if (isTooSmall(state.size)) {
    const text = `need ${smallest.columns}x${smallest.rows}, have ${columns}x${rows}`;
    return wrap(text, Math.max(1, columns))
      .slice(0, Math.max(1, rows - 1))
      .map((part) => line(part));
  }
  const layout = layoutOf(state.size);
  const body = withNotice(state, withQuestion(state, bodyLines(state, layout), layout.body));
  const rule = line((state.unicode ? '\u2500' : '-').repeat(columns), 'dim');
  return [
    fitLine(headerLine(state), columns),
    ...(layout.rules ? [titleRule(state, columns)] : []),
    ...body,
    ...(layout.rules ? [rule] : []),
    fitLine(noticeLine(state), columns),
    keyLine(state),
  ];
}

/** A notice that is wider than its row begins in the last rows of the body. */
function withNotice({ notice, size, ...state }: State, body: readonly Line[]): Line[] {
  const text = notice === undefined ? '' : clean(notice.text, state);
  if (displayWidth(text) <= size.columns) return [...body];
  const rows = wrap(text, size.columns).slice(0, -1).slice(0, body.length);
  const style = notice?.bad === true ? 'bad' : 'good';
  return [
    ...body.slice(0, body.length - rows.length),
    ...rows.map((row) => fitLine(line(row, style), size.columns)),
  ];
}

function headerLine(state: State): Line {
  const short = state.size.columns < 60 ? 1 : 0;
  const tabs = screens.flatMap((screen, index) => {
    const active = screen === state.screen;
    const text = `${index + 1} ${titles[screen][short]}`;
    return [span(active ? `>${text}<` : ` ${text} `, active ? 'reverse' : 'plain'), span(' ')];
  });
  const { job } = state;
  if (job === undefined || !runsJob(state)) return tabs;
  const percent = job.job.percent === null ? '' : ` ${job.job.percent}%`;
  const text = short === 1 ? percent.trim() : `[${clean(job.job.kind, state)}${percent}]`;
  return [...tabs, span(text, 'accent')];
}

/** A rule with what the body shows. */
function titleRule(state: State, columns: number): Line {
  const dash = state.unicode ? '\u2500' : '-';
  const title = ` ${titleOf(state)} `;
  return [
    span(dash.repeat(2), 'dim'),
    span(title, 'bold'),
    span(dash.repeat(Math.max(0, columns - 2 - displayWidth(title))), 'dim'),
  ];
}

function titleOf(state: State): string {
  const { overlay, software } = state;
  if (overlay?.kind === 'plan') return 'Plan: Enter runs it, Esc goes back';
  if (overlay?.kind === 'help') return 'Help';
  if (overlay?.kind === 'progress') {
    const phase = state.job?.job.phase;
    const step = phase == null ? undefined : phaseStep(phase);
    return step === undefined || !runsJob(state)
      ? 'Progress'
      : `Progress: step ${step.number} of ${step.of}, ${step.text}`;
  }
  const long = titles[state.screen][0];
  if (state.screen === 'software') {
    const count =
      software.packages === undefined ? '' : `: ${software.shown.length} of ${software.packages.length}`;
    const marks = software.marks.size === 0 ? '' : `, ${software.marks.size} marked`;
    return `${long}${count}, ${software.view}${marks}`;
  }
  if (state.screen === 'etc')
    return state.etc.ahead ? 'What the next merge of /etc will do' : 'Changes to /etc';
  return long;
}

function bodyLines(state: State, layout: Layout): Line[] {
  if (state.overlay !== undefined) {
    return fill(overlayLines(state, layout.body.columns), state.overlay.top, layout.body);
  }
  const list = listLines(state, layout.list);
  if (layout.detail === undefined) return list;
  const detail = fill(detailLines(state, layout.detail.columns), state.detailTop, layout.detail);
  const active = state.panel === 'detail';
  if (layout.kind === 'stacked') {
    const dash = state.unicode ? '\u2500' : '-';
    const title = active ? ' > Detail ' : ' Detail ';
    const rest = layout.body.columns - 2 - title.length;
    return [
      ...list,
      [span(dash.repeat(2), 'dim'), span(title, active ? 'bold' : 'dim'), span(dash.repeat(rest), 'dim')],
      ...detail,
    ];
  }
  const bar = span(state.unicode ? ' \u2502 ' : active ? ' > ' : ' | ', active ? 'bold' : 'dim');
  return list.map(
    (row, index): Line => [...fitLine(row, layout.list.columns), bar, ...(detail[index] ?? [])],
  );
}

/** So many lines from the `top` one on, each as wide as the panel. */
function fill(lines: readonly Line[], top: number, { columns, height }: Panel): Line[] {
  const from = Math.min(top, Math.max(0, lines.length - height));
  const shown = lines.slice(from, from + height);
  const more = lines.length > from + height;
  return Array.from({ length: height }, (_, index) => {
    const last = more && index === height - 1;
    return last
      ? fitLine(line(`... ${lines.length - from - height + 1} more lines`, 'dim'), columns)
      : fitLine(shown[index] ?? [], columns);
  });
}

function listLines(state: State, panel: Panel): Line[] {
  const items = itemsOf(state, state.screen);
  const { top } = listOf(state, state.screen);
  const selected = selectedIndex(items, listOf(state, state.screen));
  if (items.length === 0) return fill([line(emptyText(state), 'dim')], 0, panel);
  return Array.from({ length: panel.height }, (_, row) => {
    const item = items[top + row];
    if (item === undefined) return fitLine([], panel.columns);
    const active = top + row === selected;
    const shown = [span(active ? '>' : ' '), ...itemRow(state, item, panel.columns - 1)];
    return active ? reversed(shown, panel.columns) : fitLine(shown, panel.columns);
  });
}

function itemRow(state: State, item: { readonly id: string }, columns: number): Line {
  switch (state.screen) {
    case 'deployments':
      return deploymentRow(state, item as DeploymentDocument, columns);
    case 'software':
      return packageRow(state, item as IndexedPackage, columns);
    case 'etc':
      return etcRow(state, item as EtcRow, columns);
    case 'history':
      return historyRow(state, item as HistoryRecord, columns);
  }
}

function emptyText(state: State): string {
  const { software } = state;
  switch (state.screen) {
    case 'deployments':
      return state.status === undefined ? 'Reading ...' : 'There is no deployment yet.';
    case 'software':
      if (software.packages === undefined) return 'Reading the feeds ...';
      return software.filter === ''
        ? "Nothing here: f fetches the feeds' indices."
        : 'No package fits the filter.';
    case 'etc':
      if (!state.etc.loaded) return 'Comparing /etc ...';
      return state.etc.ahead ? 'The next merge changes nothing.' : '/etc is as the release made it.';
    case 'history':
      return state.history.records === undefined ? 'Reading ...' : 'Nothing has been done yet.';
  }
}

/** The box of a question in the middle of the body. */
function withQuestion(state: State, body: readonly Line[], { columns, height }: Panel): Line[] {
  const { question } = state;
  if (question === undefined) return [...body];
  const inner = Math.min(columns - 4, 60);
  const text = question.text.flatMap((part) => wrap(clean(part, state), inner - 2));
  const ask = question.word === undefined ? '[y/N]' : `Type '${question.word}': ${question.typed}_`;
  const [corner, across, down] = state.unicode ? ['\u2500', '\u2500', '\u2502'] : ['+', '-', '|'];
  const edge = (left: string, right: string) => `${left}${across.repeat(inner)}${right}`;
  const edges = state.unicode
    ? [edge('\u250c', '\u2510'), edge('\u2514', '\u2518')]
    : [edge(corner, corner), edge(corner, corner)];
  const rows = [...text, ask].map((part) => `${down} ${pad(part, inner - 2)} ${down}`);
  const box = [edges[0] ?? '', ...rows, edges[1] ?? ''].slice(0, height);
  const top = Math.max(0, Math.floor((height - box.length) / 2));
  const left = ' '.repeat(Math.max(0, Math.floor((columns - inner - 2) / 2)));
  return body.map((row, index) => {
    const boxed = box[index - top];
    return boxed === undefined ? row : fitLine([span(left), span(boxed, 'bold')], columns);
  });
}
