/** Does what the state asks for: reads, plans, jobs. Nothing here draws. */
import * as engine from '../engine/index.ts';
import { rebootSoon } from '../sys/index.ts';
import type { Effect } from './model/messages.ts';
import { type Context, failureOf, planChange, startChange } from './operations.ts';
import type { Dispatch, Perform } from './program.ts';
import { noteSeen } from './seen.ts';

/** What concerns the terminal is done by whoever has it. */
export interface TerminalDeeds {
  readonly leave: (status: number) => void;
  readonly redraw: () => void;
  /** As `redraw`, the size asked for again. */
  readonly remeasure: () => void;
  readonly suspend: () => void;
}

/** Milliseconds that the selection has to rest before what takes long is read for it. */
const restTime = 120;
/** Milliseconds between two looks at what other faces do. */
const otherPause = 2_000;
/** Seconds between the answer to a restart and the restart. */
const rebootDelay = 2;

export interface EffectOptions {
  /** Milliseconds between two looks at a running job. */
  readonly jobPause: number;
}

/** Performs effects on a router. */
export function performer(context: Context, deeds: TerminalDeeds, { jobPause }: EffectOptions): Perform {
  const { env, where } = context;
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  /** What was asked for in vain: asking at each key would not help. */
  const vain = new Set<string>();
  let watched: string | undefined;

  const guarded = (dispatch: Dispatch, body: () => Promise<void> | void) => {
    // The frame that says what is going on comes first.
    setTimeout(() => {
      Promise.resolve()
        .then(body)
        .catch((thrown: unknown) => dispatch({ is: 'failed', failure: failureOf(thrown) }));
    }, 0);
  };
  const rested = (kind: string, id: string, dispatch: Dispatch, body: () => Promise<void> | void) => {
    if (vain.has(id)) return;
    clearTimeout(waiting.get(kind));
    const run = () => {
      vain.add(id);
      guarded(dispatch, body);
    };
    waiting.set(kind, setTimeout(run, restTime));
  };
  const watch = (id: string, dispatch: Dispatch) => {
    if (watched === id) return;
    watched = id;
    followJob(id, context, dispatch, jobPause);
  };

  return (effect, dispatch) => {
    switch (effect.do) {
      case 'read':
        if (effect.what === 'status' || effect.what === 'packages') vain.clear();
        return guarded(dispatch, () => read(effect.what, context, dispatch));
      case 'details':
        return rested('details', effect.name, dispatch, async () => {
          dispatch({ is: 'details', details: await engine.packageInfo(where, effect.name) });
        });
      case 'diff':
        return rested('diff', effect.id, dispatch, () => readDiff(effect.id, context, dispatch));
      case 'plan':
        return guarded(dispatch, () => plan(effect, context, dispatch));
      case 'run':
        return guarded(dispatch, async () => {
          dispatch({ is: 'attach', job: await startChange(context, effect.change, effect.planId) });
        });
      case 'start':
        return guarded(dispatch, async () => {
          dispatch({ is: 'attach', job: await startChange(context, effect.change, undefined) });
        });
      case 'watch':
        return watch(effect.id, dispatch);
      case 'cancel':
        return guarded(dispatch, () => {
          engine.cancelJob(effect.id, env.now());
          dispatch({ is: 'done', text: 'the job is asked to stop' });
        });
      case 'pin':
        return guarded(dispatch, () => pin(effect, context, dispatch));
      case 'settle':
        return guarded(dispatch, () => settle(effect, context, dispatch));
      case 'reboot':
        rebootSoon(rebootDelay);
        return deeds.leave(0);
      case 'leave':
        return deeds.leave(effect.status);
      case 'redraw':
        return deeds.redraw();
      case 'remeasure':
        return deeds.remeasure();
      case 'suspend':
        return deeds.suspend();
    }
  };
}

async function read(
  what: Extract<Effect, { do: 'read' }>['what'],
  { env, where }: Context,
  dispatch: Dispatch,
): Promise<void> {
  if (what === 'status') return dispatch({ is: 'status', status: engine.readStatus(where), now: env.now() });
  if (what === 'history') {
    return dispatch({ is: 'history', records: engine.history(where, undefined).reverse() });
  }
  if (what === 'packages') {
    const packages = await engine.listPackages(where, 'available', undefined);
    return dispatch({
      is: 'packages',
      packages,
      upgradable: await engine.listNames(where, 'upgradable', undefined),
    });
  }
  const present = { changes: engine.etcDiff(where), conflicts: engine.etcConflicts(where) };
  let preview: engine.EtcPreview | undefined;
  try {
    preview = engine.etcPreview(where, undefined);
  } catch (thrown) {
    // The base that an upgrade would take may not be here: what is changed now is shown all the same.
    dispatch({ is: 'failed', failure: failureOf(thrown) });
  }
  dispatch({ is: 'etc', ...present, preview });
}

function readDiff(id: string, { where }: Context, dispatch: Dispatch): void {
  const { deployments, booted, next } = engine.readStatus(where);
  const checksumOf = (wanted: string | null) => deployments.find((one) => one.id === wanted)?.checksum;
  const from = checksumOf(booted ?? next);
  const to = checksumOf(id);
  if (from === undefined || to === undefined) return;
  dispatch({ is: 'diff', id, diff: engine.diffRevisions(where, from, to) });
}

async function plan(
  { change }: Extract<Effect, { do: 'plan' }>,
  context: Context,
  dispatch: Dispatch,
): Promise<void> {
  try {
    dispatch({ is: 'plan', change, ...(await planChange(context, change)) });
  } catch (thrown) {
    dispatch({ is: 'refused', change, failure: failureOf(thrown) });
  }
}

async function pin(
  { index, pinned }: Extract<Effect, { do: 'pin' }>,
  { env, where }: Context,
  dispatch: Dispatch,
): Promise<void> {
  const command = `opkg-ostree ${pinned ? 'pin' : 'unpin'} ${index}`;
  const result = await engine.setPinned({ ...env, command }, where, index, pinned);
  dispatch({ is: 'done', text: result.notes[0] ?? 'done' });
}

async function settle(
  { path, decision }: Extract<Effect, { do: 'settle' }>,
  context: Context,
  dispatch: Dispatch,
): Promise<void> {
  const command = `opkg-ostree etc ${decision} ${path}`;
  const settled = await engine.settleEtc({ ...context.env, command }, context.where, decision, path);
  const when = settled.when === 'now' ? 'is settled' : 'is settled ahead, unless it changes before';
  dispatch({ is: 'done', text: `${settled.path} ${when}` });
  await read('etc', context, dispatch);
}

/** Looks at a job until it ends; whoever runs it does not notice. */
function followJob(id: string, { env, where }: Context, dispatch: Dispatch, pause: number): void {
  let seen = 0;
  let last = '';
  const look = () => {
    try {
      const view = engine.viewJob(id, seen, env.now());
      seen = view.events.at(-1)?.n ?? seen;
      const { result: _result, ...shown } = view.job;
      const text = JSON.stringify(shown);
      if (text !== last || view.events.length > 0)
        dispatch({ is: 'job', job: view.job, events: view.events });
      last = text;
      if (engine.hasEnded(view.job)) return noteSeen(where, id);
      setTimeout(look, pause).unref();
    } catch (thrown) {
      dispatch({ is: 'failed', failure: failureOf(thrown) });
    }
  };
  look();
}

/** Tells of jobs that other faces begin; returns what ends that. */
export function watchOthers(
  { env, where }: Context,
  dispatch: Dispatch,
  known: () => string | undefined,
): () => void {
  const timer = setInterval(() => {
    const job = engine.currentJob(where, env.now());
    if (job !== null && job.id !== known())
      dispatch({ is: 'status', status: engine.readStatus(where), now: env.now() });
  }, otherPause);
  timer.unref();
  return () => clearInterval(timer);
}
