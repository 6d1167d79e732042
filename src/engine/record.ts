/** Puts how an operation ended into the history, without letting the record decide how it ended. */
import { isOpkgOstreeError } from '../base/index.ts';
import type { ChangeResult } from './change.ts';
import type { Environment } from './environment.ts';
import { appendHistory, type HistoryRecord, type Outcome, type ScriptReport } from './history.ts';
import type { Plan } from './plan.ts';
import type { Session } from './session.ts';

interface Recorded {
  readonly result: ChangeResult;
  readonly scripts: readonly ScriptReport[];
}

/** Runs the part of an operation that writes, and puts how it ended into the history. */
export async function recorded(
  env: Environment,
  session: Session,
  plan: Plan,
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
  const { id, notes } = noteSuccess(varDir, env, { ...entry, to, outcome: 'done', scripts, error: null });
  return { ...result, historyId: id, notes: [...result.notes, ...notes] };
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
