import { describeJob, type JobDocument } from '../../engine/index.ts';

/** The jobs, a line each, newest first. */
export function renderJobs(jobs: readonly JobDocument[]): string[] {
  if (jobs.length === 0) return ['No jobs since the last restart.'];
  return jobs.map((job) => `${job.id}  ${job.started}  ${describeJob(job)}`);
}
