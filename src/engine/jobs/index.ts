export { cancelJob, currentJob, job, jobs, startJob, viewJob, watchJob } from './control.ts';
export { describeJob, hasEnded, type JobDocument, type JobEvent } from './record.ts';
export { isPreparedJob, runJob } from './run.ts';
