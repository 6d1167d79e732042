/** One row of each screen's list. Pure. */
import type { DeploymentDocument, HistoryRecord } from '../../engine/index.ts';
import { stateMark } from '../model/software.ts';
import type { EtcRow, IndexedPackage, State } from '../model/state.ts';
import { type Line, type Style, span } from '../style.ts';
import { ageText, clean, displayWidth, pad, truncate } from '../text.ts';

/** `*` booted, `>` starts next, `<` rollback, `P` pinned, `S` waits to be finished: each in its own column. */
export function deploymentMarks(deployment: DeploymentDocument, next: string | null): string {
  return [
    deployment.booted ? '*' : ' ',
    deployment.staged ? 'S' : deployment.id === next ? '>' : deployment.rollback ? '<' : ' ',
    deployment.pinned ? 'P' : ' ',
  ].join('');
}

/** A deployment: marks, version, age, layered count, health. */
export function deploymentRow(state: State, deployment: DeploymentDocument, columns: number): Line {
  const marks = deploymentMarks(deployment, state.status?.next ?? null);
  const version = clean(deployment.version ?? deployment.checksum.slice(0, 12), state);
  const layered = deployment['requested-packages'].length + deployment['requested-local-packages'].length;
  const age = ageText(deployment.timestamp, state.now);
  const health = deployment.health.state;
  const conflicts = deployment['etc-conflicts'];
  const tail = [
    pad(age, 7),
    pad(layered === 0 ? 'no layer' : `${layered} layered`, 11),
    pad(health, 8),
    ...(conflicts > 0 ? [`${conflicts} in /etc`] : []),
  ];
  const room = columns >= 60 ? columns : columns + 8;
  const shownTail = (columns >= 60 ? tail : tail.slice(0, 2)).join(' ');
  const width = Math.max(8, Math.min(30, room - shownTail.length - 8));
  const style: Style = health === 'bad' ? 'bad' : deployment.booted ? 'good' : 'plain';
  return [span(`${marks} `, 'accent'), span(`${pad(version, width)} `, style), span(shownTail)];
}

const markStyles: Readonly<Record<string, Style>> = {
  '[+]': 'good',
  '[-]': 'bad',
  '[U]': 'warn',
  '[L]': 'accent',
};

/** A package: state, name, version, and what it is as far as there is room. */
export function packageRow(state: State, entry: IndexedPackage, columns: number): Line {
  const mark = stateMark(entry, state.software.marks.get(entry.name));
  const nameWidth = Math.max(12, Math.min(28, Math.floor(columns * 0.38)));
  const versionWidth = Math.max(8, Math.min(20, Math.floor(columns * 0.24)));
  const version =
    entry.installed !== null && entry.upgradable
      ? `${entry.installed}>${entry.version}`
      : (entry.installed ?? entry.version);
  const head = `${pad(clean(entry.name, state), nameWidth)} ${pad(clean(version, state), versionWidth)}`;
  const room = columns - 5 - displayWidth(head);
  const summary =
    room > 8
      ? ` ${truncate(clean(entry.description.slice(0, 200).trim().split('\n')[0] ?? '', state), room)}`
      : '';
  return [span(`${mark} `, markStyles[mark] ?? 'plain'), span(head), span(summary, 'dim')];
}

const etcStyles: Readonly<Record<EtcRow['mark'], Style>> = {
  '!': 'bad',
  '?': 'bad',
  A: 'good',
  M: 'warn',
  D: 'bad',
  '*': 'accent',
};

/** A path of /etc: what happened to it, and why it waits. */
export function etcRow(state: State, row: EtcRow, columns: number): Line {
  const width = Math.max(16, Math.min(40, Math.floor(columns * 0.5)));
  return [
    span(`${row.mark} `, etcStyles[row.mark]),
    span(`${pad(clean(row.path, state), width)} `),
    span(clean(row.text, state), 'dim'),
  ];
}

const outcomeStyles: Readonly<Record<HistoryRecord['outcome'], Style>> = {
  done: 'good',
  failed: 'bad',
  cancelled: 'warn',
  interrupted: 'warn',
};

/** A record: number, time, outcome, command. */
export function historyRow(state: State, record: HistoryRecord, columns: number): Line {
  const time = columns >= 60 ? record.time.slice(0, 16).replace('T', ' ') : record.time.slice(5, 10);
  const outcome = columns >= 60 ? pad(record.outcome, 12) : pad(record.outcome.slice(0, 6), 7);
  const command = clean(record.command, state).replace(/^opkg-ostree /u, '');
  return [
    span(`${clean(record.id, state).padStart(4)} ${time} `),
    span(outcome, outcomeStyles[record.outcome]),
    span(command),
    ...(record.verdict === 'unknown' || record.verdict === 'good'
      ? []
      : [span(` (${record.verdict})`, 'bad')]),
  ];
}
