export { buildImage, type ImageRequest, requireImageTools } from './build.ts';
export { patchBootImage, patchCoreImage } from './grub-bios.ts';
export { type DiskPlan, type PartitionWish, planDisk, renderSfdisk } from './layout.ts';
