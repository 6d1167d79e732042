/** Puts how an operation ended into the history, without letting the record decide how it ended. */
import { isOpkgOstreeError } from '../base/index.ts';
import { exists } from '../sys/index.ts';
import type { ChangeResult } from './change.ts';
import type { Environment } from './environment.ts';
import { appendHistory, type HistoryRecord, type Outcome, type ScriptReport } from './history.ts';
import type { Plan } from './plan.ts';
import type { Session } from './session.ts';
import type { WishChange } from './wish-change.ts';

interface Recorded {
  readonly result: ChangeResult;
  readonly scripts: readonly ScriptReport[];
}

/** Runs the part of an operation that writes, and puts how it ended into the history. */
export async function recorded(
  env: Environment,
  session: Session,
  plan: Plan,
  changes: WishChange,
  body: () => Promise<Recorded>,
): Promise<ChangeResult> {
  const varDir = session.sysroot.varPath(session.stateroot);
  const entry = { from: session.merge?.id ?? null, inputs: plan.basis.inputs, verdict: 'unknown' } as const;
  let ended: Recorded;
  try {
    ended = await body();
  } catch (thrown) {
    noteFailure(varDir, env, entry, thrown);
    throw thrown;
  }
  const { result, scripts } = ended;
  const to = result.deployment?.id ?? null;
  const { id, notes } = noteSuccess(varDir, env, {
    ...entry,
    to,
    outcome: 'done',
    scripts,
    error: null,
    // What waits for `finalize`, or was only downloaded, has changed no wish yet.
    ...(result.outcome === 'done' ? { changes } : {}),
  });
  return { ...result, historyId: id, notes: [...result.notes, ...notes] };
}

/** The record of something that leaves the deployments and their wish as they are. */
export function plainEntry(id: string | null): Omit<HistoryRecord, 'id' | 'time' | 'command' | 'by'> {
  const empty = { inputs: null, scripts: [], error: null };
  return { from: id, to: id, outcome: 'done', verdict: 'unknown', ...empty };
}

/** Records what was done. A disk too full for the record does not undo it: that becomes a note. */
export function noteSuccess(
  varDir: string,
  env: Environment,
  entry: Omit<HistoryRecord, 'id' | 'time' | 'command' | 'by'>,
): { readonly id: string | null; readonly notes: readonly string[] } {
  try {
    return { id: appendHistory(varDir, env, entry).id, notes: [] };
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
    return { id: null, notes: [`the history could not be written: ${thrown.message}`] };
  }
}

/**
 * Runs what comes before anything is written, and puts a refusal into the history: that an upgrade was refused matters to whoever
 * looks for a reason later. Misuse and what an interrupt ended are not recorded.
 */
export async function recordingRefusal<T>(
  env: Environment,
  session: Session,
  body: () => Promise<T> | T,
): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    const silent = !isOpkgOstreeError(thrown) || ['usage', 'interrupted'].includes(thrown.kind);
    if (!silent) {
      const entry = { from: session.merge?.id ?? null, inputs: null, verdict: 'unknown' } as const;
      noteFailure(session.sysroot.varPath(session.stateroot), env, entry, thrown);
    }
    throw thrown;
  }
}

/** Runs what began to write, outside any deployment, and puts it into the history of a stateroot that is there if it fails. */
export async function recordingFailure<T>(
  varDir: string,
  env: Environment,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    const entry = { from: null, inputs: null, verdict: 'unknown' } as const;
    if (exists(varDir)) noteFailure(varDir, env, entry, thrown);
    throw thrown;
  }
}

/** A failure is recorded where that can be: a disk too full for the record must not hide the error itself. */
function noteFailure(
  varDir: string,
  env: Environment,
  entry: Pick<HistoryRecord, 'from' | 'inputs' | 'verdict'>,
  thrown: unknown,
): void {
  const error = isOpkgOstreeError(thrown)
    ? { code: thrown.code, message: thrown.message }
    : { code: 'INTERNAL', message: String(thrown) };
  const outcome: Outcome = error.code === 'INTERRUPTED' ? 'cancelled' : 'failed';
  try {
    appendHistory(varDir, env, { ...entry, to: null, outcome, scripts: [], error });
  } catch (recording) {
    if (!isOpkgOstreeError(recording)) throw recording;
  }
}
