/** Puts kernels into /boot, one copy for each boot checksum, and takes those away that no deployment names. */
import { dirname, join } from 'node:path/posix';
import { NoSpaceError } from '../base/index.ts';
import {
  chmod,
  close,
  copyFile,
  errnoOf,
  exists,
  fileSystemSpace,
  fsync,
  fsyncDirectory,
  lchown,
  link,
  lstat,
  mkdirp,
  open,
  removeTree,
  rename,
  stat,
  tempNameFor,
  unlinkIfExists,
} from '../sys/index.ts';
import { type BootEntry, withField } from './bls.ts';
import { type KernelLayout, kernelFolder, listKernelFolders } from './kernel.ts';

/** What entries, loader files and their folders need on /boot, rounded up to blocks. */
const entrySlack = 128 * 1024;

/** What a kernel takes and what there is, in bytes. */
export interface BootSpace {
  readonly needed: number;
  readonly free: number;
}

/** The bytes that the kernel needs on /boot: nothing but entries where hard links or its copy serve already. */
export function bootSpaceFor(
  sysroot: string,
  stateroot: string,
  checksum: string,
  layout: KernelLayout,
): BootSpace {
  const boot = join(sysroot, 'boot');
  const shared = stat(boot).dev === stat(join(sysroot, 'ostree')).dev;
  const folder = join(boot, kernelFolder(stateroot, checksum));
  const missing = layout.files.filter(({ name }) => !exists(join(folder, name)));
  const bytes = shared ? 0 : missing.reduce((sum, { size }) => sum + blocks(size), 0);
  return { needed: bytes + entrySlack, free: fileSystemSpace(boot).free };
}

/** NoSpaceError BOOT_SPACE with the figures, unless the kernel fits. */
export function requireBootSpace(space: BootSpace): void {
  if (space.needed <= space.free) return;
  const missing = space.needed - space.free;
  throw new NoSpaceError(
    'BOOT_SPACE',
    `/boot needs ${space.needed} bytes for the new kernel and has ${space.free}: ${missing} bytes are missing`,
    {
      hint: "drop an old deployment with 'opkg-ostree undeploy N', or unpin one",
      details: { needed: space.needed, free: space.free, missing },
    },
  );
}

/**
 * Installs what is missing of the kernel: a hard link, or where /boot is another file system a copy that appears under
 * its name only when it is whole and on disk.
 */
export function installKernel(sysroot: string, from: string, folderName: string, layout: KernelLayout): void {
  const folder = join(sysroot, 'boot', folderName);
  mkdirp(folder);
  for (const { source, name } of layout.files) {
    const to = join(folder, name);
    if (exists(to)) continue;
    mkdirp(dirname(to));
    installFile(join(from, source), to);
  }
  fsyncDirectory(folder);
}

/** Removes the kernels whose boot checksum is not in the set. */
export function removeUnusedKernels(sysroot: string, used: ReadonlySet<string>): void {
  const boot = join(sysroot, 'boot');
  for (const { name, checksum } of listKernelFolders(boot)) {
    if (!used.has(checksum)) removeTree(join(boot, 'ostree', name));
  }
}

/** The entry with the kernel's files, as seen from /boot. */
export function withKernel(entry: BootEntry, folderName: string, layout: KernelLayout): BootEntry {
  const pathOf = (role: string) => {
    const file = layout.files.find((candidate) => candidate.role === role);
    return file === undefined ? undefined : `/${folderName}/${file.name}`;
  };
  const hasFolder = layout.files.some((file) => file.role === 'dtb');
  let result = withField(entry, 'devicetree', pathOf('devicetree'));
  result = withField(result, 'fdtdir', hasFolder ? `/${folderName}/dtb` : undefined);
  result = withField(result, 'linux', pathOf('linux'));
  return withField(result, 'initrd', pathOf('initrd'));
}

function installFile(from: string, to: string): void {
  try {
    link(from, to);
    return;
  } catch (error) {
    // Another file system, too many links, or one that knows none.
    if (!['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error;
  }
  const temp = tempNameFor(to);
  try {
    copyFile(from, temp);
    const stats = lstat(from);
    lchown(temp, stats.uid, stats.gid);
    chmod(temp, stats.mode & 0o7777);
    const fd = open(temp, 'r');
    try {
      fsync(fd);
    } finally {
      close(fd);
    }
    rename(temp, to);
  } catch (error) {
    unlinkIfExists(temp);
    throw error;
  }
}

function blocks(size: number): number {
  return Math.ceil(size / 4096) * 4096;
}
