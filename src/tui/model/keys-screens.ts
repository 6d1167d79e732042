/** What keys do on one screen alone; undefined for a key that the screen has no use for. Pure. */
import type { Key } from '../keys.ts';
import { layoutOf } from '../layout.ts';
import { type Change, isPlanned } from './change.ts';
import {
  itemsOf,
  selectedDeployment,
  selectedEtc,
  selectedPackage,
  selectedRecord,
  withList,
} from './items.ts';
import { moveBy, showSelected } from './list.ts';
import type { Step } from './messages.ts';
import { markedChange, nextView, refilter, toggleMark } from './software.ts';
import type { Deed, SoftwareState, State } from './state.ts';

/** The state after a key that the screen knows. */
export function onScreenKey(state: State, key: Key): Step | undefined {
  switch (state.screen) {
    case 'deployments':
      return onDeploymentsKey(state, key);
    case 'software':
      return onSoftwareKey(state, key);
    case 'etc':
      return onEtcKey(state, key);
    case 'history':
      return onHistoryKey(state, key);
  }
}

function onDeploymentsKey(state: State, key: Key): Step | undefined {
  const selected = selectedDeployment(state);
  const status = state.status;
  if (key === 'u') return plan(state, { kind: 'upgrade', packagesOnly: false });
  if (key === 'c') {
    const text = ['Remove what no deployment needs any more?'];
    return ask(state, text, { do: 'start', change: { kind: 'cleanup' } });
  }
  if (selected === undefined || status === undefined) return undefined;
  const name = `${selected.version ?? selected.origin} (${selected.checksum.slice(0, 12)}.${selected.serial})`;
  if (key === 'b') {
    const goal = status.deployments.find(({ rollback }) => rollback);
    if (goal === undefined) return notice(state, 'there is no deployment to go back to');
    const text = [
      `Go back to ${goal.version ?? goal.origin} (${goal.checksum.slice(0, 12)}.${goal.serial})?`,
    ];
    return ask(state, [...text, 'It takes effect after a reboot.'], start({ kind: 'rollback' }));
  }
  if (key === 's') {
    if (selected.staged)
      return ask(state, [`Finish ${name}?`, 'It starts at the next boot.'], start({ kind: 'finalize' }));
    if (selected.id === status.next) return notice(state, 'it starts next already');
    const text = [`Start ${name} at the next boot?`];
    return ask(state, text, start({ kind: 'set-default', index: selected.index }));
  }
  if (key === 'p') {
    const verb = selected.pinned ? 'Let cleanups remove' : 'Keep at every cleanup:';
    const deed = { do: 'pin', index: selected.index, pinned: !selected.pinned } as const;
    return ask(state, [`${verb} ${name}?`], deed);
  }
  if (key === 'x') return undeploy(state, selected, name);
  return undefined;
}

/** Dropping the last deployment that one could go back to cannot be taken back: it takes a word. */
function undeploy(
  state: State,
  selected: NonNullable<ReturnType<typeof selectedDeployment>>,
  name: string,
): Step {
  if (selected.booted) return notice(state, 'the running deployment cannot be dropped');
  const others = state.status?.deployments.filter(({ id, staged }) => id !== selected.id && !staged) ?? [];
  if (others.length === 0) return notice(state, 'the only deployment cannot be dropped');
  const deed = start({ kind: 'undeploy', index: selected.index });
  if (others.length > 1) return ask(state, [`Drop ${name}?`], deed);
  const text = [`Drop ${name}?`, 'Nothing is left to go back to then.'];
  return { state: { ...state, question: { text, word: 'drop', typed: '', deed } }, effects: [] };
}

function onSoftwareKey(state: State, key: Key): Step | undefined {
  const { software } = state;
  switch (key) {
    case '/':
      return { state: { ...state, filtering: true, panel: 'list' }, effects: [] };
    case 'escape':
      return software.filter === '' ? undefined : only(filtered(state, { filter: '' }));
    case 'v':
      return only(filtered(state, { view: nextView(software.view) }));
    case 'space':
      return mark(state);
    case 'c':
      return only({ ...state, software: { ...software, marks: new Map() } });
    case 'a': {
      const change = markedChange(software);
      return change === undefined ? notice(state, 'nothing is marked: Space marks') : plan(state, change);
    }
    case 'u':
      return plan(state, { kind: 'upgrade', packagesOnly: true });
    case 'f':
      return { state, effects: [start({ kind: 'update' })] };
    default:
      return undefined;
  }
}

/** Marks or unmarks the selected package. */
function mark(state: State): Step {
  const entry = selectedPackage(state);
  if (entry === undefined) return only(state);
  const status = state.status;
  const next = status?.deployments.find(({ id }) => id === status.next);
  const marking = toggleMark(state.software, entry, next);
  if ('refusal' in marking) return notice(state, marking.refusal);
  return only({ ...state, software: { ...state.software, marks: marking.marks } });
}

/** Letters go to the filter until Enter keeps it or Esc drops it. */
export function onFilterKey(state: State, key: Key): Step {
  const { filter } = state.software;
  if (key === 'enter' || key === 'tab') return only({ ...state, filtering: false });
  if (key === 'escape') return only({ ...filtered(state, { filter: '' }), filtering: false });
  if (key === 'backspace') return only(filtered(state, { filter: [...filter].slice(0, -1).join('') }));
  if (key === 'ctrl-u') return only(filtered(state, { filter: '' }));
  if (key === 'up' || key === 'down') return only(movedInFilter(state, key === 'up' ? -1 : 1));
  const letter = key === 'space' ? ' ' : key;
  if ([...letter].length !== 1 || filter.length >= 60) return only(state);
  return only(filtered(state, { filter: filter + letter }));
}

function movedInFilter(state: State, by: number): State {
  const view = { height: layoutOf(state.size).list.height, jumps: state.jumps };
  return withList(state, 'software', moveBy(itemsOf(state, 'software'), state.software.list, by, view));
}

function filtered(state: State, changed: Partial<Pick<SoftwareState, 'filter' | 'view'>>): State {
  const software = refilter({ ...state.software, ...changed }, state.software);
  // What was found best is what one looks for; without a filter the selection stays where it is.
  const list = software.filter === '' ? software.list : { selected: undefined, top: 0 };
  const view = { height: layoutOf(state.size).list.height, jumps: state.jumps };
  return {
    ...state,
    software: { ...software, list: showSelected(software.shown, list, view) },
    detailTop: 0,
  };
}

const decisions = { n: 'accept', o: 'keep', m: 'merge' } as const;

function onEtcKey(state: State, key: Key): Step | undefined {
  const { etc } = state;
  if (key === 'v') {
    const list = { selected: undefined, top: 0 };
    return only({ ...state, etc: { ...etc, ahead: !etc.ahead, list }, detailTop: 0 });
  }
  const decision = key === 'n' || key === 'o' || key === 'm' ? decisions[key] : undefined;
  const row = selectedEtc(state);
  if (decision === undefined || row === undefined) return undefined;
  if (row.mark !== '!' && row.mark !== '?') return notice(state, `${row.path} has no conflict to settle`);
  const what = {
    accept: 'Take the new default of',
    keep: 'Keep as it is:',
    merge: 'Merge both versions by line:',
  }[decision];
  return ask(state, [`${what} ${row.path}?`], { do: 'settle', path: row.path, decision });
}

function onHistoryKey(state: State, key: Key): Step | undefined {
  const record = selectedRecord(state);
  if (key !== 'x' || record === undefined) return undefined;
  const change: Change = { kind: 'undo', id: record.id };
  if (record.outcome !== 'done')
    return notice(state, `it was ${record.outcome}: there is nothing to take back`);
  if (record.changes !== undefined) return plan(state, change);
  return ask(state, [`Take back '${record.command}'?`], start(change));
}

function plan(state: State, change: Change): Step {
  if (!isPlanned(change)) return only(state);
  const overlay = { kind: 'plan', change, plan: undefined, notes: [], error: undefined, top: 0 } as const;
  return { state: { ...state, overlay }, effects: [{ do: 'plan', change }] };
}

function start(change: Change): Extract<Deed, { do: 'start' }> {
  return { do: 'start', change };
}

function ask(state: State, text: readonly string[], deed: Deed): Step {
  return only({ ...state, question: { text, word: undefined, typed: '', deed } });
}

function notice(state: State, text: string): Step {
  return only({ ...state, notice: { text, bad: true } });
}

function only(state: State): Step {
  return { state, effects: [] };
}
