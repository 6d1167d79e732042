export { cancelJob, currentJob, job, jobs, startJob, viewJob, watchJob } from './control.ts';
export { describeJob, hasEnded, type JobDocument, type JobEvent } from './record.ts';
export { runJob } from './run.ts';
