/** Finds the FAT partition of a sysroot whose loader needs one, and mounts it where nobody has. */
import { dirname, join } from 'node:path/posix';
import { SystemError } from '../base/index.ts';
import {
  exists,
  findProgram,
  ifExists,
  mkdirp,
  readdirIfExists,
  readTextIfExists,
  realpath,
  runSync,
  stat,
} from '../sys/index.ts';
import type { FirmwareLoader } from './loaders/index.ts';

/** Where the FAT partition is mounted, below the sysroot. */
export const firmwareFolderPath = 'boot/firmware';

/** A file that tells the partition from the empty folder that it is mounted on. */
const marks: Readonly<Record<string, string>> = {
  'ostree.txt': 'config.txt',
  'grub.cfg': 'boot/grub/grub.cfg',
};

/** The folder of the FAT partition. SYSROOT_INVALID where it is not mounted and cannot be. */
export function requireFirmwareMount(sysroot: string, { commit }: Pick<FirmwareLoader, 'commit'>): string {
  const root = join(sysroot, firmwareFolderPath);
  const mark = marks[commit.name] ?? commit.path;
  if (exists(join(root, mark))) return root;
  const device = firmwareDevice(sysroot);
  const mount = findProgram('mount');
  let reason = '';
  if (device !== undefined && mount !== undefined) {
    mkdirp(root);
    const result = runSync(mount, ['-t', 'vfat', '-o', 'rw,noatime', device, root]);
    if (result.status === 0 && exists(join(root, mark))) return root;
    reason = result.stderr.trim().split('\n').at(-1) ?? '';
  }
  const why = reason === '' ? '' : `: ${reason}`;
  throw new SystemError('SYSROOT_INVALID', `the boot partition is not mounted on ${root}${why}`, {
    hint: `mount the FAT partition that the firmware reads on ${root}`,
  });
}

/** The device of partition 1 on the disk of the sysroot (Linux Documentation/ABI: /sys/dev/block). */
function firmwareDevice(sysroot: string): string | undefined {
  const { dev } = stat(sysroot);
  const major = ((dev >> 8) & 0xfff) | 0;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  const entry = `/sys/dev/block/${major}:${minor}`;
  if (!exists(join(entry, 'partition'))) return undefined;
  // The link first: `..` of its own path would be the folder of all devices.
  const disk = ifExists(() => dirname(realpath(entry)));
  if (disk === undefined) return undefined;
  const name = readdirIfExists(disk).find(
    (candidate) => readTextIfExists(join(disk, candidate, 'partition'))?.trim() === '1',
  );
  return name === undefined ? undefined : `/dev/${name}`;
}
