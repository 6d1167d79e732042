export type { BootFile, BootFiles } from './boot-files.ts';
export { type ComposeRequest, type ComposeResult, type ComposeSource, composeRootfs } from './compose.ts';
export { appendInit, type CpioMember, renderCpio } from './cpio.ts';
export { bootPackage } from './database.ts';
