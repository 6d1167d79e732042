/** The engine's second door: what is loaded only when it is called for (docs/adr/0015-two-files.md). */
export { composeRoot } from './compose.ts';
export { convertApply, convertFinish, convertPlan, convertUndo, finishPlan } from './convert/index.ts';
export { buildDiskImage } from './image.ts';
export { initSysroot } from './sysroot-init.ts';
