/** What keys do: what lies on top gets them first, then the screen. Pure. */
import type { Key } from '../keys.ts';
import { layoutOf } from '../layout.ts';
import { detailLines } from '../view/detail.ts';
import { overlayLines } from '../view/overlay.ts';
import { itemsOf, listOf, withList } from './items.ts';
import { onFilterKey, onScreenKey } from './keys-screens.ts';
import { moveBy, movement, scrollBy } from './list.ts';
import type { Effect, Step } from './messages.ts';
import { type Question, type ScreenName, type State, screens } from './state.ts';

/** The state after a key. */
export function onKey(before: State, key: Key): Step {
  if (key === 'ctrl-l') return { state: before, effects: [{ do: 'remeasure' }] };
  if (key === 'ctrl-z') return { state: before, effects: [{ do: 'suspend' }] };
  if (key === 'ctrl-c') return onInterrupt(before);
  const state: State = { ...before, notice: undefined };
  if (state.question !== undefined) return onQuestionKey(state, state.question, key);
  if (state.filtering) return onFilterKey(state, key);
  if (state.overlay !== undefined) {
    const step = onOverlayKey(state, key);
    if (step !== undefined) return step;
  }
  return onScreenKey(state, key) ?? onCommonKey(state, key);
}

/** The first Ctrl-C asks, the second one leaves. */
function onInterrupt(state: State): Step {
  const leave: Effect = { do: 'leave', status: 130 };
  if (state.question?.deed.do === 'leave' && state.question.deed.status === 130) {
    return { state, effects: [leave] };
  }
  return step({ ...state, filtering: false, question: leaveQuestion(state, 130) });
}

function leaveQuestion(state: State, status: number): Question {
  const running = runsJob(state);
  const marks = state.software.marks.size;
  const text = [
    ...(running ? ['The job goes on in the background.'] : []),
    ...(marks > 0
      ? [`${marks} mark${marks === 1 ? ' is' : 's are'} not applied and will be forgotten.`]
      : []),
    'Leave?',
  ];
  return { text, word: undefined, typed: '', deed: { do: 'leave', status } };
}

/** True while a job is at work that is known here. */
export function runsJob({ job }: State): boolean {
  return job !== undefined && ['queued', 'running', 'finishing'].includes(job.job.state);
}

function onQuestionKey(state: State, question: Question, key: Key): Step {
  const closed: State = { ...state, question: undefined };
  const agreed = () => ({ state: closed, effects: [question.deed] });
  if (question.word === undefined) {
    if (key === 'y' || key === 'Y') return agreed();
    // A key that was meant for something else must not answer.
    return ['n', 'N', 'enter', 'escape', 'q'].includes(key) ? step(closed) : step(state);
  }
  if (key === 'escape') return step(closed);
  if (key === 'enter') return question.typed === question.word ? agreed() : step(closed);
  const typed =
    key === 'backspace'
      ? question.typed.slice(0, -1)
      : key.length === 1
        ? question.typed + key
        : question.typed;
  return step({ ...state, question: { ...question, typed: typed.slice(0, 40) } });
}

function onOverlayKey(state: State, key: Key): Step | undefined {
  const { overlay } = state;
  if (overlay === undefined) return undefined;
  if (key === 'escape' || key === 'q' || key === 'left' || key === 'h') {
    return step({ ...state, overlay: undefined });
  }
  const { body } = layoutOf(state.size);
  const by = movement(key, body.height - 1);
  if (by !== undefined) {
    const lines = overlayLines(state, body.columns).length;
    return step({ ...state, overlay: { ...overlay, top: scrollBy(overlay.top, by, lines, body.height) } });
  }
  if (overlay.kind === 'plan') return onPlanKey(state, overlay, key);
  if (overlay.kind === 'progress') return onProgressKey(state, key);
  if (overlay.kind === 'help') return /^[1-4]$/u.test(key) ? undefined : step(state);
  return undefined;
}

function onPlanKey(
  state: State,
  overlay: Extract<State['overlay'], { kind: 'plan' }>,
  key: Key,
): Step | undefined {
  if (key !== 'enter') return key === '?' ? undefined : step(state);
  if (overlay.error !== undefined) return step({ ...state, overlay: undefined });
  if (overlay.plan === undefined) return step(state);
  return { state, effects: [{ do: 'run', change: overlay.change, planId: overlay.plan.id }] };
}

function onProgressKey(state: State, key: Key): Step | undefined {
  const { job } = state;
  if (key === 'r' || key === '?') return undefined;
  if (key === 'enter' && !runsJob(state)) return step({ ...state, overlay: undefined });
  if (key !== 'x' || job === undefined) return /^[1-4]$/u.test(key) ? undefined : step(state);
  if (job.job.state !== 'running' && job.job.state !== 'queued') {
    const text =
      job.job.state === 'finishing'
        ? 'the boot entries are being switched: too late to cancel'
        : 'the job has ended';
    return step({ ...state, notice: { text, bad: true } });
  }
  const text = [`Cancel '${job.job.command}'?`, 'The running system stays as it is.'];
  const deed = { do: 'cancel', id: job.job.id } as const;
  return step({ ...state, question: { text, word: undefined, typed: '', deed } });
}

/** Keys that mean the same on every screen. */
function onCommonKey(state: State, key: Key): Step {
  const number = /^[1-4]$/u.test(key) ? screens[Number(key) - 1] : undefined;
  if (number !== undefined) return toScreen(state, number);
  const layout = layoutOf(state.size);
  const by = movement(key, layout.list.height - 1);
  if (by !== undefined) return step(moved(state, by));
  switch (key) {
    case 'tab':
    case 'backtab':
      return step({ ...state, panel: state.panel === 'list' ? 'detail' : 'list' });
    case 'right':
    case 'l':
    case 'enter':
      return openDetail(state);
    case 'left':
    case 'h':
    case 'escape':
      return step({ ...state, panel: 'list' });
    case '?':
      return step({ ...state, overlay: { kind: 'help', top: 0 } });
    case 'w':
      return state.job === undefined
        ? step({ ...state, notice: { text: 'no job is known here', bad: true } })
        : step({ ...state, overlay: { kind: 'progress', top: 0 } });
    case 'r':
      return step(askReboot(state));
    case 'q': {
      const asks = runsJob(state) || state.software.marks.size > 0;
      if (!asks) return { state, effects: [{ do: 'leave', status: 0 }] };
      return step({ ...state, question: leaveQuestion(state, 0) });
    }
    default:
      return step(state);
  }
}

function toScreen(state: State, screen: ScreenName): Step {
  const next: State = { ...state, screen, overlay: undefined, panel: 'list', detailTop: 0 };
  const unread =
    (screen === 'software' && state.software.packages === undefined) ||
    (screen === 'etc' && !state.etc.loaded) ||
    (screen === 'history' && state.history.records === undefined);
  if (!unread) return step(next);
  return { state: next, effects: [{ do: 'read', what: screen === 'software' ? 'packages' : screen }] };
}

function moved(state: State, by: number): State {
  const layout = layoutOf(state.size);
  if (state.panel === 'detail' && layout.detail !== undefined) {
    const { columns, height } = layout.detail;
    const lines = detailLines(state, columns).length;
    return { ...state, detailTop: scrollBy(state.detailTop, by, lines, height) };
  }
  const items = itemsOf(state, state.screen);
  const list = moveBy(items, listOf(state, state.screen), by, {
    height: layout.list.height,
    jumps: state.jumps,
  });
  return { ...withList(state, state.screen, list), detailTop: 0 };
}

function openDetail(state: State): Step {
  if (itemsOf(state, state.screen).length === 0) return step(state);
  return step({ ...state, overlay: { kind: 'detail', top: 0 } });
}

/** The question before a restart names what will start; without such a thing it says why not. */
function askReboot(state: State): State {
  const { status } = state;
  const next = status?.deployments.find(({ id }) => id === status.next);
  const refuse = (text: string): State => ({ ...state, notice: { text, bad: true } });
  if (status === undefined || next === undefined) return refuse('there is no deployment to start');
  if (status.booted === null)
    return refuse('this system was not started from a deployment: restart it by hand');
  if (runsJob(state)) return refuse('a job is at work: let it end, or cancel it, before the restart');
  const same = status.booted === status.next;
  const text = [
    `Restart now into ${next.version ?? next.origin}?`,
    `${next.stateroot}-${next.checksum.slice(0, 12)}.${next.serial}`,
    ...(same ? ['It is the one that runs now.'] : []),
  ];
  return { ...state, question: { text, word: undefined, typed: '', deed: { do: 'reboot' } } };
}

function step(state: State): Step {
  return { state, effects: [] };
}
