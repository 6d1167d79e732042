export type { BootFile } from './boot-files.ts';
export { type ComposeRequest, type ComposeResult, composeRootfs } from './compose.ts';
