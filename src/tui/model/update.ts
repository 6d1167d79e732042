/** The one way in which the state changes: a message in, the next state and what is to be done out. Pure. */
import { layoutOf } from '../layout.ts';
import { itemsOf, listOf, selectedDeployment, selectedPackage, withList } from './items.ts';
import { onKey } from './keys-main.ts';
import { showSelected } from './list.ts';
import type { Effect, Message, Step } from './messages.ts';
import { indexPackages, refilter } from './software.ts';
import type { State } from './state.ts';

/** Events that are kept of a job. */
const maxEvents = 200;

/** The state after a message. */
export function update(state: State, message: Message): Step {
  const step = message.is === 'key' ? onKey(state, message.key) : onNews(state, message);
  return withNeeds(step);
}

type News = Exclude<Message, { is: 'key' }>;

function onNews(state: State, message: News): Step {
  switch (message.is) {
    case 'size':
      return { state: seen({ ...state, size: message.size }), effects: [{ do: 'redraw' }] };
    case 'status':
      return onStatus(state, message);
    case 'packages': {
      const packages = indexPackages(message.packages, new Set(message.upgradable));
      return only(
        seen({ ...state, software: refilter({ ...state.software, packages, details: new Map() }) }),
      );
    }
    case 'details': {
      const details = new Map(state.software.details).set(message.details.name, message.details);
      return only({ ...state, software: { ...state.software, details } });
    }
    case 'diff':
      return only({ ...state, diffs: new Map(state.diffs).set(message.id, message.diff) });
    case 'etc': {
      const { changes, conflicts, preview } = message;
      return only(seen({ ...state, etc: { ...state.etc, loaded: true, changes, conflicts, preview } }));
    }
    case 'history':
      return only(seen({ ...state, history: { ...state.history, records: message.records } }));
    case 'plan':
    case 'refused':
      return only(onPlan(state, message));
    case 'attach':
      return attach(state, message);
    case 'job':
      return onJob(state, message);
    case 'done':
      return {
        state: { ...state, notice: { text: message.text, bad: false } },
        effects: [{ do: 'read', what: 'status' }],
      };
    case 'failed': {
      const { message: text, hint } = message.failure;
      return only({ ...state, notice: { text: hint === undefined ? text : `${text} (${hint})`, bad: true } });
    }
  }
}

function only(state: State): Step {
  return { state, effects: [] };
}

function onStatus(state: State, { status, now }: Extract<News, { is: 'status' }>): Step {
  const next: State = seen({ ...state, status, now, diffs: new Map() });
  const { job } = status;
  // A job that another face began shows here, too.
  if (job === null || state.job?.job.id === job.id) return only(next);
  return {
    state: { ...next, job: { job, events: [], seen: 0 } },
    effects: [{ do: 'watch', id: job.id }],
  };
}

function onPlan(state: State, message: Extract<News, { is: 'plan' | 'refused' }>): State {
  const { overlay } = state;
  // The user may have gone back meanwhile.
  if (overlay?.kind !== 'plan' || overlay.change !== message.change) return state;
  if (message.is === 'refused') return { ...state, overlay: { ...overlay, error: message.failure } };
  return { ...state, overlay: { ...overlay, plan: message.plan, notes: message.notes } };
}

function attach(state: State, { job }: Extract<News, { is: 'attach' }>): Step {
  const software = { ...state.software, marks: new Map() };
  return {
    state: {
      ...state,
      software: job.error === null ? refilter(software) : state.software,
      overlay: { kind: 'progress', top: 0 },
      job: { job, events: [], seen: 0 },
    },
    effects: [{ do: 'watch', id: job.id }],
  };
}

const ended = ['done', 'failed', 'cancelled', 'interrupted'];

function onJob(state: State, { job, events }: Extract<News, { is: 'job' }>): Step {
  if (state.job?.job.id !== job.id) return only(state);
  const fresh = events.filter(({ n }) => n > (state.job?.seen ?? 0));
  const next: State = {
    ...state,
    job: {
      job,
      events: [...state.job.events, ...fresh].slice(-maxEvents),
      seen: fresh.at(-1)?.n ?? state.job.seen,
    },
  };
  if (!ended.includes(job.state)) return only(next);
  const read = (what: 'status' | 'packages' | 'etc' | 'history'): Effect => ({ do: 'read', what });
  const stale = [
    read('status'),
    ...(state.software.packages === undefined ? [] : [read('packages')]),
    ...(state.etc.loaded ? [read('etc')] : []),
    ...(state.history.records === undefined ? [] : [read('history')]),
  ];
  return { state: next, effects: stale };
}

/** The state with every list scrolled so that its selected item is seen. */
function seen(state: State): State {
  const view = { height: layoutOf(state.size).list.height, jumps: state.jumps };
  return (['deployments', 'software', 'etc', 'history'] as const).reduce(
    (next, screen) => withList(next, screen, showSelected(itemsOf(next, screen), listOf(next, screen), view)),
    state,
  );
}

/** Asks for what the screen shows and nobody has read yet. */
function withNeeds({ state, effects }: Step): Step {
  const need = needOf(state);
  const asked =
    need !== undefined && effects.some((effect) => JSON.stringify(effect) === JSON.stringify(need));
  return need === undefined || asked ? { state, effects } : { state, effects: [...effects, need] };
}

function needOf(state: State): Effect | undefined {
  if (state.screen === 'software' && state.software.packages !== undefined) {
    const name = selectedPackage(state)?.name;
    const known = name === undefined || state.software.details.has(name);
    // Each look takes the whole index: only who opens the detail waits for it.
    const asked = state.overlay?.kind === 'detail' || state.panel === 'detail';
    return known || !asked ? undefined : { do: 'details', name };
  }
  if (state.screen === 'deployments') {
    const id = selectedDeployment(state)?.id;
    return id === undefined || state.diffs.has(id) || !seesDetail(state) ? undefined : { do: 'diff', id };
  }
  return undefined;
}

function seesDetail(state: State): boolean {
  return state.overlay?.kind === 'detail' || layoutOf(state.size).detail !== undefined;
}
