/**
 * Where a running OpenWrt has its root and its boot partition: from /proc and /sys alone, since a stock router has no
 * blkid. The raw root is made visible by a bind mount without what is mounted on it: /boot of an x86 image is covered by
 * the boot partition, and /proc, /sys, /tmp and /dev are the kernel's.
 */
import { basename, dirname, join } from 'node:path/posix';
import { RefusedError, SystemError } from '../../base/index.ts';
import {
  close,
  exists,
  expectSuccess,
  mkdirp,
  open,
  read,
  readdirIfExists,
  readTextIfExists,
  realpath,
  runSync,
} from '../../sys/index.ts';
import { firmwareFolderPath } from '../firmware-mount.ts';
import { parseKargs } from '../kargs.ts';
import type { StockBoot } from './grub-config.ts';

/** The running system's kernel, root and boot partition. */
export interface RunningStock {
  /** The type of the root file system, as /proc/self/mountinfo names it. */
  readonly filesystem: string;
  /** As in `sda2`. */
  readonly rootDevice: string;
  /** The number of the root's partition. */
  readonly partition: number;
  /** As in `sda1`; undefined where the disk has no first partition besides the root. */
  readonly bootDevice: string | undefined;
  readonly kargs: readonly string[];
  readonly kernelRelease: string;
}

/** Where /proc and /sys are; tests bring their own. */
export interface KernelView {
  readonly proc: string;
  readonly sys: string;
}

const runningKernel: KernelView = { proc: '/proc', sys: '/sys' };
const mountLimit = 30_000;

/** Looks at the running system. CONVERT_UNSUPPORTED for a root that is no ext file system on a partition. */
export function locateStock(view: KernelView = runningKernel): RunningStock {
  const root = rootMount(readTextIfExists(join(view.proc, 'self/mountinfo')) ?? '');
  if (root === undefined) throw new SystemError('SYSTEM', `${view.proc}/self/mountinfo names no root`);
  if (root.type === 'overlay' || root.type === 'squashfs') {
    throw unsupported(
      'the root is a squashfs image below an overlay: its files are compressed on a partition that nothing else fits on',
      "install the ext4 image of this release (its name ends in '-ext4-combined.img.gz'), restore the configuration with 'sysupgrade -r', then convert that",
    );
  }
  if (!/^ext[234]$/u.test(root.type)) {
    throw unsupported(
      `the root is ${root.type}, which the boot loader cannot read`,
      'install the ext4 image of this release, then convert that',
    );
  }
  const node = join(view.sys, 'dev/block', root.device);
  const partition = Number(readTextIfExists(join(node, 'partition')) ?? '0');
  if (!exists(node) || partition < 1) {
    throw unsupported(`the root is not on a partition of a disk (block device ${root.device})`, undefined);
  }
  const path = realpath(node);
  return {
    filesystem: root.type,
    rootDevice: basename(path),
    partition,
    bootDevice: partition === 1 ? undefined : firstPartition(dirname(path)),
    kargs: parseKargs((readTextIfExists(join(view.proc, 'cmdline')) ?? '').trim()),
    kernelRelease: (readTextIfExists(join(view.proc, 'sys/kernel/osrelease')) ?? '').trim(),
  };
}

/** The device number and type of what is mounted on /; the last line that says so counts. */
function rootMount(mountinfo: string): { readonly device: string; readonly type: string } | undefined {
  const lines = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ', 2);
    const [, , device = '', , target] = before.split(' ');
    return target === '/' ? [{ device, type: after.split(' ')[0] ?? '' }] : [];
  });
  return lines.findLast(({ type }) => type !== 'rootfs');
}

function firstPartition(disk: string): string | undefined {
  return readdirIfExists(disk).find(
    (name) => readTextIfExists(join(disk, name, 'partition'))?.trim() === '1',
  );
}

/** What a superblock says; undefined for what is no ext file system. */
export interface ExtFacts {
  readonly uuid: string;
  readonly hasJournal: boolean;
}

/** Reads the superblock of an ext2, 3 or 4 file system (Linux Documentation/filesystems/ext4/super.rst) of a device or image. */
export function readExtFacts(path: string): ExtFacts | undefined {
  const block = readAt(path, 1024, 256);
  if (block.readUInt16LE(56) !== 0xef53) return undefined;
  const hex = block.subarray(104, 120).toString('hex');
  const uuid = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/u.exec(hex)?.slice(1).join('-') ?? hex;
  return { uuid, hasJournal: (block.readUInt32LE(92) & 0x4) !== 0 };
}

/** The type that mount(8) is told for a boot partition; undefined for what is neither ext nor FAT. */
export function bootFileSystem(device: string): 'ext4' | 'vfat' | undefined {
  if (readExtFacts(device) !== undefined) return 'ext4';
  const sector = readAt(device, 0, 512).toString('latin1');
  return sector.slice(54, 57) === 'FAT' || sector.slice(82, 85) === 'FAT' ? 'vfat' : undefined;
}

function readAt(path: string, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  const fd = open(path, 'r');
  try {
    read(fd, buffer, 0, length, offset);
  } finally {
    close(fd);
  }
  return buffer;
}

const grubConfigs = ['boot/grub/grub.cfg', 'grub/grub.cfg', 'efi/openwrt/grub.cfg', 'EFI/openwrt/grub.cfg'];

/** The loader's configuration on the boot partition; CONVERT_UNSUPPORTED where it is not GRUB's. */
export function findStockBoot(path: string): StockBoot {
  const config = grubConfigs.find((name) => exists(join(path, name)));
  if (config !== undefined) return { path, config };
  throw unsupported(
    `the boot partition has none of ${grubConfigs.join(', ')}: this system is not started by GRUB`,
    "'opkg-ostree image build' makes an image for other boards",
  );
}

/** The raw root and the boot partition of a running system as folders, for as long as `body` runs. */
export async function withMountedStock<T>(
  stock: RunningStock,
  body: (paths: {
    readonly root: string;
    readonly boot: string;
    readonly bootType: string;
  }) => Promise<T> | T,
): Promise<T> {
  return withMountedBoot(stock, ({ boot, bootType }) => {
    const root = join(workFolder, 'root');
    return withMount(['-o', 'bind', '/'], root, () => body({ root, boot, bootType }));
  });
}

/** The boot partition alone, mounted at a place of its own for as long as `body` runs. */
export async function withMountedBoot<T>(
  { bootDevice }: RunningStock,
  body: (paths: { readonly boot: string; readonly bootType: string }) => Promise<T> | T,
): Promise<T> {
  if (bootDevice === undefined) throw unsupported('there is no boot partition beside the root', undefined);
  const device = `/dev/${bootDevice}`;
  const bootType = bootFileSystem(device);
  if (bootType === undefined) {
    throw unsupported(`${device} holds neither ext4 nor FAT: it is no boot partition of OpenWrt`, undefined);
  }
  const boot = join(workFolder, 'boot');
  return withMount(['-t', bootType, '-o', 'rw,noatime', device], boot, () => body({ boot, bootType }));
}

/**
 * The boot partition in the sysroot too, where a GRUB that reads FAT only has the entries, for as long as `body` runs; `boot` is
 * where it is mounted.
 */
export function withFirmwareAt<T>(sysroot: string, boot: string, body: () => Promise<T> | T): Promise<T> {
  const at = join(sysroot, firmwareFolderPath);
  if (boot === at) return Promise.resolve(body());
  return withMount(['-o', 'bind', boot], at, body);
}

async function withMount<T>(args: readonly string[], target: string, body: () => Promise<T> | T): Promise<T> {
  mkdirp(target);
  // Left over from a run that was killed.
  runSync('umount', [target], { timeout: mountLimit });
  const result = runSync('mount', [...args, target], { timeout: mountLimit });
  if (result.status !== 0) {
    throw new SystemError('COMMAND_FAILED', `cannot mount ${args.at(-1)}: ${result.stderr.trim()}`, {
      hint: args.includes('vfat') ? "install the packages 'kmod-fs-vfat' and 'kmod-nls-cp437'" : 'see dmesg',
    });
  }
  try {
    return await body();
  } finally {
    expectSuccess('umount', runSync('umount', [target], { timeout: mountLimit }));
  }
}

/** On tmpfs: nothing of it reaches the disk. */
const workFolder = '/tmp/opkg-ostree-convert';

/** A system that cannot be converted, and what to do instead. */
export function unsupported(message: string, hint: string | undefined): RefusedError {
  return new RefusedError('CONVERT_UNSUPPORTED', message, hint === undefined ? {} : { hint });
}
