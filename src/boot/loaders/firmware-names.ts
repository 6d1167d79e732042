/** Names on FAT partitions. */
import { ParseError } from '../../base/index.ts';

/**
 * How much of a boot checksum names its folder: with the slash, the longest overlay of the Raspberry Pi and what its firmware puts
 * before it, a path must stay below 64 characters. Eight also need no long name.
 */
const digits = 8;

/** The name of the folder of a kernel on FAT, from the kernel's path in /boot (`.../<stateroot>-<bootcsum>/vmlinuz-...`). */
export function firmwareKernel(linux: string): string {
  const match = /-([0-9a-f]{64})\/[^/]+$/u.exec(linux);
  if (match?.[1] !== undefined) return firmwareFolder(match[1]);
  throw new ParseError('BOOT_ENTRY_INVALID', `the kernel '${linux}' is not in a folder of its boot checksum`);
}

/** The name of the folder for a boot checksum. */
export function firmwareFolder(bootChecksum: string): string {
  return bootChecksum.slice(0, digits);
}
