/** Plans, jobs and restarts in the plain tier. */
import * as engine from '../../engine/index.ts';
import { rebootSoon } from '../../sys/index.ts';
import { type Change, isPlanned } from '../model/change.ts';
import type { Overlay } from '../model/state.ts';
import { initialState } from '../model/state.ts';
import { planChange, startChange } from '../operations.ts';
import { noteSeen } from '../seen.ts';
import { lineText } from '../style.ts';
import { clean } from '../text.ts';
import { overlayLines, phaseStep } from '../view/overlay.ts';
import { type Conversation, sameAs } from './conversation.ts';

const columns = 78;
const rebootDelay = 2;
/** Percent between two lines of progress. */
const percentStep = 10;

/** Shows what a change will do, asks, runs it as a job and follows it. True when it is done. */
export async function agreeAndRun(conversation: Conversation, change: Change): Promise<boolean> {
  const { talk, context } = conversation;
  let planId: string | undefined;
  if (isPlanned(change)) {
    talk.say('Making the plan ...');
    const { plan, notes } = await planChange(context, change);
    const status = engine.readStatus(context.where);
    const size = { columns, rows: 24 };
    const overlay: Overlay = { kind: 'plan', change, plan, notes, error: undefined, top: 0 };
    const state = {
      ...initialState({ size, unicode: talk.charset.unicode, jumps: false, now: 0 }),
      status,
      overlay,
    };
    talk.say(...overlayLines(state, columns).map(lineText));
    planId = plan.id;
  } else talk.say(sameAs(change));
  if (!(await talk.agree('Run it?'))) return false;
  const job = await startChange(context, change, planId);
  return (await watchPlain(conversation, job)) === 'done';
}

/** Follows a job and tells what changes: each step, and every ten percent. */
export async function watchPlain(
  { talk, context }: Conversation,
  job: engine.JobDocument | null,
): Promise<string | undefined> {
  const { env, where } = context;
  if (job === null) {
    talk.say('No job is at work.');
    return undefined;
  }
  talk.say(`Job: ${clean(job.command, talk.charset)}`);
  let phase = '';
  let told = 0;
  const ended = await engine.watchJob(job.id, env, (event) => {
    if (event.phase !== phase && event.phase !== 'done') {
      const step = phaseStep(event.phase);
      talk.say(`Step ${step.number} of ${step.of}: ${step.text}`);
      told = 0;
    }
    phase = event.phase;
    const percent =
      event.total === undefined || event.total === 0
        ? 0
        : Math.floor(((event.done ?? 0) * 100) / event.total);
    if (percent < told + percentStep || percent >= 100) return;
    told = percent - (percent % percentStep);
    talk.say(`  ${told} percent`);
  });
  noteSeen(where, job.id);
  talk.say(`The job is ${ended.state}.`);
  if (ended.error !== null) {
    talk.say(`Error: ${ended.error.message}`);
    if (ended.error.hint !== null) talk.say(`Hint: ${ended.error.hint}`);
  }
  return ended.state;
}

/** Restarts after a question that names what will start. */
export async function plainReboot({ talk, context }: Conversation): Promise<void> {
  const status = engine.readStatus(context.where);
  const next = status.deployments.find(({ id }) => id === status.next);
  if (status.booted === null || next === undefined) {
    talk.say('This system was not started from a deployment: restart it by hand.');
    return;
  }
  if (status.job !== null) {
    talk.say('A job is at work: let it end before the restart.');
    return;
  }
  if (!(await talk.agree(`Restart now into ${next.version ?? next.origin} (${next.id})?`))) return;
  rebootSoon(rebootDelay);
  talk.say('Restarting.');
}
