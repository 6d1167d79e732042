/**
 * What most runs on a router do not do. The build makes a file of its own of it, dist/opkg-ostree-more.mjs, which is loaded when one
 * of these is called for (docs/adr/0015-two-files.md).
 */
export { composeRoot } from '../../engine/rare.ts';
export { runOpkg } from '../../opkg/rare.ts';
export { convert } from './convert.ts';
export { imageBuild } from './image.ts';
export { compose, sysrootInit } from './making.ts';
