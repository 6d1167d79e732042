/** Whether the kernel that the old menu starts is the one whose modules are on the root. */
import { join } from 'node:path/posix';
import { unsupported } from '../../boot/index.ts';
import { readdirIfExists, readFile, stat } from '../../sys/index.ts';
import type { StockSystem } from './system.ts';

const maxKernelBytes = 128 << 20;
const maxReleaseBytes = 64;

/**
 * CONVERT_UNSUPPORTED where the kernel on the boot partition is another one than runs, or than the modules on the root are for: what
 * starts next would not be what is running now.
 */
export function requireOneKernel({ root, kernel, kernelRelease }: StockSystem): void {
  const image = stat(kernel).size > maxKernelBytes ? undefined : releaseOfKernel(readFile(kernel));
  if (image !== undefined && kernelRelease !== undefined && image !== kernelRelease) {
    throw unsupported(
      `the kernel that runs is ${kernelRelease}, but the boot partition holds ${image}`,
      'restart first, so that the kernel that is installed is the one that runs',
    );
  }
  const release = kernelRelease ?? image;
  const modules = readdirIfExists(join(root, 'lib/modules'));
  if (release === undefined || modules.length === 0 || modules.includes(release)) return;
  throw unsupported(
    `the kernel is ${release}, but /lib/modules has ${modules.sort().join(' ')} only`,
    'install kernel and modules of one release, and restart',
  );
}

/**
 * The release that a kernel image names: the x86 boot protocol's kernel_version (Linux Documentation/arch/x86/boot.rst), or the banner
 * of an image that is not packed. Undefined where neither is there.
 */
export function releaseOfKernel(image: Uint8Array): string | undefined {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  if (bytes.length > 0x210 && bytes.toString('latin1', 0x202, 0x206) === 'HdrS') {
    const at = bytes.readUInt16LE(0x20e);
    return at === 0 ? undefined : wordAt(bytes, at + 0x200);
  }
  const banner = 'Linux version ';
  // A format string with that text comes first in some images.
  for (let at = bytes.indexOf(banner); at >= 0; at = bytes.indexOf(banner, at + 1)) {
    const word = wordAt(bytes, at + banner.length);
    if (word !== undefined) return word;
  }
  return undefined;
}

function wordAt(bytes: Buffer, offset: number): string | undefined {
  return /^\d[A-Za-z0-9._+~-]*(?=\s)/u.exec(bytes.toString('latin1', offset, offset + maxReleaseBytes))?.[0];
}
