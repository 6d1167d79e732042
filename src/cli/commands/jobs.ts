import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, type RunContext } from '../program.ts';
import { renderJobs } from '../render/jobs.ts';

/** jobs, watch, cancel. */
export function jobCommands(program: Command, run: RunContext): void {
  addCommand(program, run, 'jobs', 'Show running and past jobs', (c) => c, jobs);
  addCommand(
    program,
    run,
    'watch [id]',
    'Follow a job until it ends; the one at work by default',
    (c) => c,
    watch,
  );
  addCommand(program, run, 'cancel [id]', 'End a job before it switches the boot entries', (c) => c, cancel);
}

const where = (call: Call): engine.Where => ({ sysroot: call.sysroot, stateroot: call.stateroot });

function jobs(call: Call) {
  const list = engine.jobs(where(call), call.env.now());
  return { json: list, text: renderJobs(list) };
}

/** Ends with the job's own outcome: 0 when it is done, 1 otherwise. */
async function watch(call: Call) {
  const job = await engine.watchJob(namedJob(call), call.env, call.env.onProgress);
  const error = job.error === null ? [] : [`error: ${job.error.message}`];
  return {
    json: job,
    text: [engine.describeJob(job), ...error],
    status: job.state === 'done' ? 0 : 1,
  };
}

function cancel(call: Call) {
  const job = engine.cancelJob(namedJob(call), call.env.now());
  return { json: job, text: [`Job ${job.id} is asked to stop.`] };
}

function namedJob(call: Call): string {
  const [id] = call.args;
  if (id !== undefined) return id;
  const running = engine.currentJob(where(call), call.env.now());
  if (running !== null) return running.id;
  throw new UsageError('USAGE', 'no job is at work', { hint: "'opkg-ostree jobs' lists past ones" });
}
