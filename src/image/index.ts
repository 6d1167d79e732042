export { buildImage, type ImageRequest, requireImageTools } from './build.ts';
export type { StoredEnvironment } from './environment.ts';
export { patchBootImage, patchCoreImage } from './grub-bios.ts';
export { type DiskPlan, type PartitionWish, planDisk, renderSfdisk } from './layout.ts';
export type { LoaderSource } from './loader-source.ts';
