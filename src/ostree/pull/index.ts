export type { PulledRef, PullOptions, RemotePullReport } from './options.ts';
export { pull } from './pull.ts';
export { type RemoteConfig, readRemote } from './remote-config.ts';
