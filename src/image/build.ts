/**
 * A disk image from a sysroot's folder: partition table, loaders, ext4. Everything is written into one sparse file beside its
 * name, which it gets at the end.
 */
import { dirname, join } from 'node:path/posix';
import { compareBytes, NoSpaceError, type OperationContext, throwIfAborted } from '../base/index.ts';
import {
  close,
  fsync,
  fsyncDirectory,
  ftruncate,
  lstat,
  makeTempDir,
  mkdirp,
  open,
  readdirTyped,
  readFile,
  removeTree,
  rename,
  tempNameFor,
  unlinkIfExists,
  writeAt,
} from '../sys/index.ts';
import { type StoredEnvironment, writeStoredEnvironment } from './environment.ts';
import { patchBootImage, patchCoreImage } from './grub-bios.ts';
import { type DiskPlan, mib, type PlannedPartition, renderSfdisk, sectorBytes } from './layout.ts';
import { type LoaderSource, takeFiles, writeRanges } from './loader-source.ts';
import { blockBytes, populate } from './populate.ts';
import { requireGrubModules, requireTool, runTool } from './tools.ts';

export interface ImageRequest {
  readonly plan: DiskPlan;
  /** The folder that becomes the sysroot. */
  readonly sysroot: string;
  readonly output: string;
  /** GRUB's platform of the ESP, as `x86_64-efi`. */
  readonly efiPlatform: string | undefined;
  /** What no repository holds and the board starts from. */
  readonly loader?: LoaderSource;
  /** U-Boot's stored environment, in the partition for it. */
  readonly environment?: StoredEnvironment;
}

/** What GRUB needs to read a GPT, ext4 and our grub.cfg. No module is loaded later: there is no folder of them. */
const grubModules = [
  'boot',
  'configfile',
  'echo',
  'ext2',
  'linux',
  // Counts the starts of a deployment on trial.
  'loadenv',
  'minicmd',
  'normal',
  'part_gpt',
  'part_msdos',
  'reboot',
  'serial',
  'terminal',
  'test',
];

/** Checks that all tools are there, before anything is made. */
export function requireImageTools(plan: DiskPlan, efiPlatform: string | undefined): void {
  requireTool('sfdisk');
  requireTool('mke2fs');
  requireTool('debugfs');
  const uses = plan.partitions.map(({ use }) => use);
  if (uses.includes('bios-boot')) requireGrub('i386-pc');
  if (uses.includes('esp')) requireGrub(efiPlatform ?? 'efi');
  if (uses.includes('esp') || uses.includes('firmware')) {
    requireTool('mkfs.vfat');
    requireTool('mcopy');
  }
}

function requireGrub(platform: string): void {
  requireTool('grub-mkimage');
  requireGrubModules(platform);
}

/** Makes the image; what was there under that name is replaced at the end. NO_SPACE where the sysroot does not fit its partition. */
export async function buildImage(request: ImageRequest, ctx: OperationContext): Promise<void> {
  const { plan, output } = request;
  const temp = tempNameFor(output);
  const scratch = makeTempDir('opkg-ostree-image-', dirname(output));
  try {
    takeFirmware(plan, request.sysroot, scratch);
    requireRoom(plan, request.sysroot);
    const fd = open(temp, 'wx');
    try {
      ftruncate(fd, plan.bytes);
    } finally {
      close(fd);
    }
    ctx.onProgress({ phase: 'boot', message: 'writing the partition table' });
    await runTool('sfdisk', ['-q', temp], { input: renderSfdisk(plan), signal: ctx.signal });
    for (const partition of plan.partitions) {
      throwIfAborted(ctx.signal);
      ctx.onProgress({ phase: 'boot', message: `writing the partition '${partition.use}'` });
      await writePartition(request, partition, temp, scratch, ctx);
    }
    if (request.loader !== undefined) await writeRanges(request.loader, temp);
    if (request.environment !== undefined) writeStoredEnvironment(plan, request.environment, temp);
    const done = open(temp, 'r+');
    try {
      fsync(done);
    } finally {
      close(done);
    }
    rename(temp, output);
    fsyncDirectory(dirname(output));
  } finally {
    removeTree(scratch);
    unlinkIfExists(temp);
  }
}

async function writePartition(
  request: ImageRequest,
  partition: PlannedPartition,
  file: string,
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  const { plan } = request;
  if (partition.use === 'bios-boot') await writeBiosBoot(plan, partition, file, scratch, ctx);
  else if (partition.use === 'esp') await writeEsp(request, partition, file, scratch, ctx);
  else if (partition.use === 'firmware') await writeFirmware(request, partition, file, scratch, ctx);
  else if (partition.use === 'sysroot') await writeSysroot(request, partition, file, scratch, ctx);
}

async function writeBiosBoot(
  plan: DiskPlan,
  partition: PlannedPartition,
  file: string,
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  const modules = requireGrubModules('i386-pc');
  const core = join(scratch, 'core.img');
  await makeGrub('i386-pc', plan, core, ['biosdisk'], ctx);
  const sector = partition.start / sectorBytes;
  const bytes = patchCoreImage(readFile(core), sector);
  if (bytes.byteLength > partition.size) {
    throw new NoSpaceError(
      'NO_SPACE',
      `GRUB's core image (${bytes.byteLength} bytes) does not fit its partition`,
    );
  }
  const fd = open(file, 'r+');
  try {
    writeAt(fd, patchBootImage(readFile(join(modules, 'boot.img')), sector), 0);
    writeAt(fd, bytes, partition.start);
  } finally {
    close(fd);
  }
}

async function writeEsp(
  { plan, efiPlatform = 'efi' }: ImageRequest,
  partition: PlannedPartition,
  file: string,
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  // The names of the removable-media path (UEFI 2.10, 3.5.1.1).
  const name = efiPlatform === 'arm64-efi' ? 'BOOTAA64.EFI' : 'BOOTX64.EFI';
  await makeGrub(efiPlatform, plan, join(scratch, name), ['fat', 'all_video'], ctx);
  const { signal } = ctx;
  await makeFat(plan, partition, file, 'ESP', ctx);
  const image = `${file}@@${partition.start}`;
  await runTool('mmd', ['-i', image, '::/EFI', '::/EFI/BOOT'], { signal });
  await runTool('mcopy', ['-i', image, join(scratch, name), `::/EFI/BOOT/${name}`], { signal });
}

/** What lies in boot/firmware becomes a partition of its own, which is mounted there. */
function takeFirmware(plan: DiskPlan, sysroot: string, scratch: string): void {
  if (!plan.partitions.some(({ use }) => use === 'firmware')) return;
  rename(join(sysroot, 'boot/firmware'), join(scratch, 'firmware'));
  mkdirp(join(sysroot, 'boot/firmware'));
}

async function writeFirmware(
  { plan, loader }: ImageRequest,
  partition: PlannedPartition,
  file: string,
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  const folder = join(scratch, 'firmware');
  if (loader !== undefined) await takeFiles(loader, folder, scratch, ctx);
  const needed = bytesOf(folder, new Set());
  if (needed > partition.size * (1 - overhead)) {
    throw new NoSpaceError('NO_SPACE', `the boot partition needs ${needed} bytes and has ${partition.size}`);
  }
  await makeFat(plan, partition, file, 'BOOT', ctx);
  await copyToFat(folder, `${file}@@${partition.start}`, '::', ctx);
}

/** In byte order: the order of a folder's names differs from one file system to the next. */
async function copyToFat(folder: string, image: string, to: string, ctx: OperationContext): Promise<void> {
  const { signal } = ctx;
  const entries = readdirTyped(folder).sort((a, b) => compareBytes(a.name, b.name));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
  if (files.length > 0) await runTool('mcopy', ['-i', image, ...files, `${to}/`], { signal });
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    await runTool('mmd', ['-i', image, `${to}/${name}`], { signal });
    await copyToFat(join(folder, name), image, `${to}/${name}`, ctx);
  }
}

/** FAT32, whose least number of clusters a small partition only has with small ones. */
async function makeFat(
  plan: DiskPlan,
  partition: PlannedPartition,
  file: string,
  label: string,
  ctx: OperationContext,
): Promise<void> {
  const sectors = partition.size >= 256 * mib ? '4' : '1';
  const serial = plan.filesystemUuid.slice(0, 8);
  const options = ['--invariant', '-F', '32', '-s', sectors, '-i', serial, '-n', label];
  const offset = `--offset=${partition.start / sectorBytes}`;
  await runTool('mkfs.vfat', [...options, offset, file, String(partition.size / 1024)], {
    signal: ctx.signal,
  });
}

/** GRUB with its configuration on the sysroot's partition of the disk that it was itself started from. */
async function makeGrub(
  platform: string,
  { sysroot }: DiskPlan,
  output: string,
  more: readonly string[],
  ctx: OperationContext,
): Promise<void> {
  const prefix = `(,gpt${sysroot.number})/boot/grub`;
  const args = ['-d', requireGrubModules(platform), '-O', platform, '-p', prefix, '-o', output];
  await runTool('grub-mkimage', [...args, ...more, ...grubModules], { signal: ctx.signal });
}

/** All that is on; metadata_csum_seed and orphan_file, which GRUB 2.06 and U-Boot do not read, are not. */
const ext4Features =
  'none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum';

async function writeSysroot(
  { plan, sysroot }: ImageRequest,
  partition: PlannedPartition,
  file: string,
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  const sizes = ['-b', String(blockBytes), '-I', '256', '-i', '8192', '-m', '1'];
  const names = ['-L', 'sysroot', '-U', plan.filesystemUuid];
  const extended = `offset=${partition.start},hash_seed=${plan.filesystemUuid},nodiscard,lazy_itable_init=0,root_owner=0:0`;
  const options = ['-q', '-F', '-t', 'ext4', '-O', ext4Features, ...sizes, ...names, '-E', extended];
  await runTool('mke2fs', [...options, file, `${partition.size / 1024}k`], { signal: ctx.signal });
  await populate(sysroot, { file, offset: partition.start }, scratch, ctx);
}

/** Of the partition, for journal, inode tables and reserved blocks. */
const overhead = 0.1;

function requireRoom(plan: DiskPlan, sysroot: string): void {
  const needed = bytesOf(sysroot, new Set());
  const free = Math.floor(plan.sysroot.size * (1 - overhead)) - 16 * mib;
  if (needed <= free) return;
  const size = Math.ceil((plan.bytes + (needed - free) / (1 - overhead)) / mib);
  throw new NoSpaceError('NO_SPACE', `the sysroot needs ${needed} bytes, its partition has ${free}`, {
    hint: `--size ${size}M is enough for what is in it now; a change needs room for a second deployment`,
    details: { needed, free, missing: needed - free },
  });
}

/** What a tree takes on a file system with blocks of 4 KiB, each inode once. */
function bytesOf(folder: string, seen: Set<number>): number {
  let sum = 0;
  for (const entry of readdirTyped(folder)) {
    const path = join(folder, entry.name);
    const stats = lstat(path);
    if (seen.has(stats.ino)) continue;
    seen.add(stats.ino);
    sum += stats.isFile() ? Math.ceil(stats.size / 4096) * 4096 : stats.isDirectory() ? 4096 : 0;
    if (stats.isDirectory()) sum += bytesOf(path, seen);
  }
  return sum;
}
