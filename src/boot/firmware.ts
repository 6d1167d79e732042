/**
 * The FAT partition of loaders that read nothing else, mounted at `boot/firmware`. The boot entries on the sysroot stay the truth;
 * what is here follows them: after the rename of `boot/loader` the rendered files are copied, the one that names all others last.
 *
 * ```
 * boot/firmware/<8 digits of bootcsum>/   a kernel: one copy for each boot checksum, made beside and renamed
 *              /<...>/bootcsum.txt        the whole checksum
 *              /ostree/*                  copies of boot/loader.<B>/
 *              /<commit>                  written beside, flushed, renamed, flushed: the commit point of the loader
 * ```
 * FAT has no links, no owners, no journal and no case; a name that is replaced by rename is one change of one directory sector.
 */
import { dirname, join } from 'node:path/posix';
import { ParseError } from '../base/index.ts';
import {
  close,
  copyFile,
  exists,
  fileSystemSpace,
  fsync,
  lstatIfExists,
  mkdirDurable,
  mkdirp,
  open,
  readdirIfExists,
  readTextIfExists,
  removeTree,
  renameDurable,
  writeFileDurable,
} from '../sys/index.ts';
import { type BootEntry, entryField } from './bls.ts';
import { requireFirmwareMount } from './firmware-mount.ts';
import { flushFileSystems } from './flush.ts';
import type { KernelFile } from './kernel.ts';
import type { BootSpace } from './kernel-install.ts';
import { firmwareFolder } from './loaders/firmware-names.ts';
import type { FirmwareLoader } from './loaders/index.ts';

/** A sysroot, as far as its FAT partition needs it. */
export interface FirmwarePlace {
  readonly path: string;
  readonly loader: { readonly firmware?: FirmwareLoader };
}

const checksumName = 'bootcsum.txt';
/** What entries and rendered files take, in bytes: each a cluster of at most 32 KiB, old and new. */
const fileSlack = 16 * 32 * 1024;

/** The bytes that the kernel's files need on the FAT partition, and what is free; undefined where there is none. */
export function firmwareSpaceFor(
  place: FirmwarePlace,
  checksum: string,
  files: readonly Pick<KernelFile, 'name' | 'size'>[],
): BootSpace | undefined {
  const { firmware } = place.loader;
  if (firmware === undefined) return undefined;
  const root = requireFirmwareMount(place.path, firmware);
  const there = exists(join(root, firmware.kernels, firmwareFolder(checksum)));
  const missing = there ? [] : files.filter(({ name }) => firmware.kernelName(name) !== undefined);
  // Clusters are 32 KiB at most.
  const bytes = missing.reduce((sum, { size }) => sum + Math.ceil(size / 32768) * 32768, 0);
  return { needed: bytes + fileSlack, free: fileSystemSpace(root).free };
}

/** Copies a kernel from /boot to the FAT partition, unless it is there. Its folder appears by one rename, when it is whole. */
export function installFirmwareKernel(place: FirmwarePlace, folderName: string, checksum: string): void {
  const { firmware } = place.loader;
  if (firmware === undefined) return;
  const root = requireFirmwareMount(place.path, firmware);
  const target = join(root, firmware.kernels, firmwareFolder(checksum));
  if (readTextIfExists(join(target, checksumName)) === `${checksum}\n`) return;
  if (exists(target)) {
    throw new ParseError('SYSROOT_INVALID', `${target} holds another kernel than ${checksum}`, {
      hint: 'remove the folder: the next switch makes it again',
    });
  }
  const temp = `${target}.new`;
  removeTree(temp);
  mkdirp(temp);
  const from = join(place.path, 'boot', folderName);
  for (const name of filesBelow(from, '')) {
    const to = firmware.kernelName(name);
    if (to !== undefined) copyFlushed(join(from, name), join(temp, to));
  }
  // The Raspberry Pi takes overlays of a folder only where this file stands in it.
  const overlays = join(temp, 'overlays');
  if (exists(overlays) && !exists(join(overlays, 'README'))) writeFileDurable(join(overlays, 'README'), '');
  writeFileDurable(join(temp, checksumName), `${checksum}\n`);
  flushFileSystems([root]);
  renameDurable(temp, target);
}

/** True where the FAT partition holds what was rendered for the entries; true for a loader without one. */
export function firmwareIsCurrent(place: FirmwarePlace, version: 0 | 1): boolean {
  const { firmware } = place.loader;
  if (firmware === undefined) return true;
  const root = requireFirmwareMount(place.path, firmware);
  const folder = join(place.path, `boot/loader.${version}`);
  return renderedNames(folder).every(
    (name) => readTextIfExists(join(root, pathOf(firmware, name))) === readTextIfExists(join(folder, name)),
  );
}

/** The steps of bringing the FAT partition in line with the entries. */
export type FirmwareStep = 'firmware' | 'firmware-commit' | 'firmware-flush';

/**
 * Brings the FAT partition in line with `boot/loader.<version>`. Until the rename the firmware starts what it started before, whose
 * kernel, command line and boot link are all still there.
 */
export function publishFirmware(
  place: FirmwarePlace,
  version: 0 | 1,
  entries: readonly BootEntry[],
  onStep: (step: FirmwareStep) => void = () => undefined,
): void {
  const { firmware } = place.loader;
  if (firmware === undefined) return;
  const root = requireFirmwareMount(place.path, firmware);
  const folder = join(place.path, `boot/loader.${version}`);
  onStep('firmware');
  for (const entry of entries) {
    const linux = entryField(entry, 'linux') ?? '';
    const match = /^\/(ostree\/[^/]+-([0-9a-f]{64}))\/[^/]+$/u.exec(linux);
    if (match?.[1] !== undefined && match[2] !== undefined) installFirmwareKernel(place, match[1], match[2]);
  }
  mkdirDurable(join(root, 'ostree'));
  const names = renderedNames(folder);
  for (const name of names) if (name !== firmware.commit.name) copyRendered(firmware, folder, root, name);
  flushFileSystems([root]);
  onStep('firmware-commit');
  if (names.includes(firmware.commit.name)) copyRendered(firmware, folder, root, firmware.commit.name);
  onStep('firmware-flush');
  flushFileSystems([root]);
}

/** Removes kernels whose boot checksum is not in the set, and what was left half made. Only for a partition that is current. */
export function sweepFirmware(place: FirmwarePlace, used: ReadonlySet<string>): void {
  const { firmware } = place.loader;
  if (firmware === undefined) return;
  const root = requireFirmwareMount(place.path, firmware);
  const kept = new Set([...used].map(firmwareFolder));
  const folder = join(root, firmware.kernels);
  for (const name of readdirIfExists(folder)) {
    if (/^[0-9a-f]{8}(?:\.new)?$/u.test(name) && !kept.has(name)) removeTree(join(folder, name));
  }
  for (const parent of [root, join(root, 'ostree')]) {
    for (const name of readdirIfExists(parent)) {
      if (name.startsWith('.') && name.includes('.tmp-')) removeTree(join(parent, name));
    }
  }
}

function copyRendered(firmware: FirmwareLoader, from: string, root: string, name: string): void {
  const to = join(root, pathOf(firmware, name));
  const text = readTextIfExists(join(from, name)) ?? '';
  if (readTextIfExists(to) !== text) writeFileDurable(to, text);
}

/** The rendered files of a bootversion; its entries lie in a folder. */
function renderedNames(folder: string): string[] {
  return readdirIfExists(folder).filter(
    (name) => !name.startsWith('.') && lstatIfExists(join(folder, name))?.isFile() === true,
  );
}

/** Included files of the Raspberry Pi lie beside the file that includes them. */
function pathOf(firmware: FirmwareLoader, name: string): string {
  if (name === firmware.commit.name) return firmware.commit.path;
  return name === 'trial.txt' ? name : `ostree/${name}`;
}

function filesBelow(folder: string, prefix: string): string[] {
  return readdirIfExists(join(folder, prefix)).flatMap((name) => {
    const path = `${prefix}${name}`;
    const stats = lstatIfExists(join(folder, path));
    if (stats?.isDirectory() === true) return filesBelow(folder, `${path}/`);
    return stats?.isFile() === true ? [path] : [];
  });
}

function copyFlushed(from: string, to: string): void {
  mkdirp(dirname(to));
  copyFile(from, to);
  const fd = open(to, 'r+');
  try {
    fsync(fd);
  } finally {
    close(fd);
  }
}
