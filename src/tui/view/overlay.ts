/** What lies over a screen: plan, progress, help, and the drill-down of small terminals. Pure. */
import type { JobEvent, Plan } from '../../engine/index.ts';
import { commandLine } from '../model/change.ts';
import type { JobState, Overlay, State } from '../model/state.ts';
import { type Line, line, type Style, span } from '../style.ts';
import { bytesText, clean, pad, wrap } from '../text.ts';
import { detailLines, field } from './detail.ts';
import { helpLines } from './help.ts';

/** All lines of what lies on top; empty where nothing does. */
export function overlayLines(state: State, columns: number): Line[] {
  const { overlay } = state;
  switch (overlay?.kind) {
    case undefined:
      return [];
    case 'detail':
      return detailLines(state, columns);
    case 'help':
      return helpLines(state, columns);
    case 'progress':
      return state.job === undefined ? [] : progressLines(state, state.job, columns);
    case 'plan':
      return planLines(state, overlay, columns);
  }
}

function planLines(state: State, overlay: Extract<Overlay, { kind: 'plan' }>, columns: number): Line[] {
  const { plan, error } = overlay;
  const command = wrap(`$ ${clean(commandLine(overlay.change), state)}`, columns).map((text) =>
    line(text, 'accent'),
  );
  if (error !== undefined) {
    const told = (text: string, style: Style) =>
      text
        .split('\n')
        .flatMap((part) => wrap(clean(part, state), columns).map((shown) => line(shown, style)));
    return [
      ...command,
      line(''),
      ...told(error.message, 'bad'),
      ...(error.hint === undefined ? [] : [line(''), ...told(error.hint, 'plain')]),
    ];
  }
  if (plan === undefined) return [...command, line(''), line('Making the plan ...', 'dim')];
  const notes = overlay.notes.flatMap((note) => field('Note', clean(note, state), columns, 'warn'));
  return [...command, ...planBody(state, plan, columns), ...notes];
}

function planBody(state: State, plan: Plan, columns: number): Line[] {
  const text = (value: string) => clean(value, state);
  const told = (name: string, value: string, style?: Style) => field(name, text(value), columns, style);
  const { base, services, etc } = plan;
  const packages: Line[] = [
    ...plan.install.map(
      (entry): Line => [
        span('  + ', 'good'),
        span(`${text(entry.name)} ${text(entry.version)}`),
        span(`  ${entry.reason}, ${bytesText(entry['download-bytes'])}${scriptText(entry.scripts)}`, 'dim'),
      ],
    ),
    ...plan.replace.map(
      ({ name, from, to }): Line => [
        span('  ^ ', 'accent'),
        span(`${text(name)} ${text(from)} -> ${text(to)}`),
      ],
    ),
    ...plan.remove.map(
      ({ name, version }): Line => [span('  - ', 'bad'), span(`${text(name)} ${text(version)}`)],
    ),
  ];
  const same = packages.length === 0 && base.from === base.to;
  return [
    ...(base.from === base.to
      ? []
      : told(
          'Base',
          `${base.from?.slice(0, 12) ?? 'none'} -> ${base.to.slice(0, 12)} ${base.version ?? ''}`,
        )),
    ...(same ? [line('No package changes.')] : packages),
    ...plan.renames.flatMap(({ from, to }) => told('Renamed', `${from} -> ${to ?? 'nothing'}`, 'warn')),
    ...(plan.suspended.length === 0 ? [] : told('Set aside', plan.suspended.join(' '), 'warn')),
    ...(plan.inactive.length === 0 ? [] : told('In the base', plan.inactive.join(' '))),
    ...(services.enable.length === 0 ? [] : told('Services', `${services.enable.join(' ')} will be enabled`)),
    ...(services.disable.length === 0 ? [] : told('Services', `${services.disable.join(' ')} will be gone`)),
    ...(etc === null
      ? []
      : told(
          '/etc',
          `${etc.updated} updated, ${etc.merged} merged, ${etc.conflicts} conflicts`,
          etc.conflicts > 0 ? 'bad' : 'plain',
        )),
    ...spaceLines(state, plan, columns),
    line('The running system stays as it is: this takes effect after a reboot.', 'bold'),
  ];
}

function scriptText(scripts: string): string {
  return scripts === 'sandboxed' || scripts === 'deferred' ? `, script ${scripts}` : '';
}

function spaceLines({ status }: State, plan: Plan, columns: number): Line[] {
  const need = plan['flash-bytes'] + plan['temporary-bytes'];
  const free = status?.['free-bytes'];
  const short = free !== undefined && free < need;
  const text = `${bytesText(plan['flash-bytes'])}, ${bytesText(plan['temporary-bytes'])} more meanwhile${free === undefined ? '' : `; ${bytesText(free)} are free`}`;
  return [
    ...field('Download', bytesText(plan['download-bytes']), columns),
    ...field('Flash', text, columns, short ? 'bad' : 'plain'),
  ];
}

/** The phases as a person knows them, in the order in which they come. */
const phases: readonly (readonly [name: string, text: string])[] = [
  ['resolve', 'resolve'],
  ['download', 'download'],
  ['verify', 'verify'],
  ['unpack', 'unpack'],
  ['layer', 'layer'],
  ['scripts', 'run scripts'],
  ['checkout', 'write deployment'],
  ['merge-etc', 'merge /etc'],
  ['boot', 'write boot entries'],
  ['cleanup', 'clean up'],
];

/** What step a phase is: its number from 1, how many there are, and its text. */
export function phaseStep(phase: string): {
  readonly number: number;
  readonly of: number;
  readonly text: string;
} {
  const index = phases.findIndex(([name]) => name === phase);
  return { number: Math.max(0, index) + 1, of: phases.length, text: phases[index]?.[1] ?? phase };
}

function progressLines(state: State, { job, events }: JobState, columns: number): Line[] {
  const ended = !['queued', 'running', 'finishing'].includes(job.state);
  const style: Style = job.state === 'done' ? 'good' : ended ? 'bad' : 'accent';
  const current = phases.findIndex(([name]) => name === job.phase);
  const reached = job.state === 'done' ? phases.length : current;
  const list = phases.map(([, text], index): Line => {
    if (index < reached) return [span('  [x] ', 'good'), span(text)];
    return index === reached && !ended
      ? [span('  [>] ', 'accent'), span(text, 'bold')]
      : line(`  [ ] ${text}`, 'dim');
  });
  const error = job.error;
  const told = (name: string, text: string, look?: Style) => field(name, clean(text, state), columns, look);
  const head: Line[] = [
    ...told('Job', job.command),
    ...told('State', job.state, style),
    bar(job.state === 'done' ? 100 : (job.percent ?? 0), columns),
    ...(error === null ? [] : told('Error', error.message, 'bad')),
    ...(error?.hint == null ? [] : told('Hint', error.hint)),
    ...(job.state === 'done' && state.status?.['reboot-required'] === true
      ? [line('It takes effect after a reboot: r restarts.', 'bold')]
      : []),
  ];
  const log = events.slice(-100).map((event) => line(eventText(state, event), 'dim'));
  // Beside each other where there is room; else the last lines of the log matter more than the phases.
  if (columns >= 60) return [...head, ...beside(list, log.slice(-phases.length), columns)];
  return [...head, ...log.slice(-4), ...list];
}

function beside(left: readonly Line[], right: readonly Line[], columns: number): Line[] {
  const width = Math.min(28, Math.floor(columns / 3));
  return left.map((item, index) => {
    const text = item.map((part) => part.text).join('');
    const log = right[index] ?? [];
    return [...item, span(pad('', Math.max(1, width - text.length))), ...log];
  });
}

function bar(percent: number, columns: number): Line {
  const width = Math.max(10, Math.min(60, columns - 8));
  const done = Math.floor((width * Math.min(100, percent)) / 100);
  return [
    span('['),
    span('#'.repeat(done), 'good'),
    span('-'.repeat(width - done), 'dim'),
    span(`] ${String(percent).padStart(3)}%`),
  ];
}

function eventText(state: State, event: JobEvent): string {
  const what = [event.package, event.message].filter((part) => part !== undefined && part !== '').join(': ');
  const amount = (count: number) => (event.unit === 'bytes' ? bytesText(count) : String(count));
  const counts =
    event.done === undefined
      ? ''
      : ` ${amount(event.done)}${event.total === undefined ? '' : ` of ${amount(event.total)}`}`;
  return clean(
    `${event.t.slice(11, 19)} ${phaseStep(event.phase).text}${what === '' ? '' : ` ${what}`}${counts}`,
    state,
  );
}
