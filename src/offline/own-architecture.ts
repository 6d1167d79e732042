import { readFileIfExists } from '../sys/index.ts';
import { byteText, toPath } from './messages.ts';

const machines: Readonly<Partial<Record<string, string>>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i386' };

/**
 * The architecture that opkg counts as its own where no `arch` line names one. opkg has it built in; a root tells it in
 * its release file, or by the packages that it holds; else it is this machine's.
 */
export function ownArchitecture(root: string): string {
  const read = (path: string) => byteText(readFileIfExists(toPath(`${root}${path}`)) ?? new Uint8Array());
  const told = /^DISTRIB_ARCH=['"]?([A-Za-z0-9_.+-]+)['"]?$/mu.exec(read('/etc/openwrt_release'))?.[1];
  if (told !== undefined) return told;
  const held = [...read('/usr/lib/opkg/status').matchAll(/^Architecture: (\S+)$/gmu)]
    .map((match) => match[1] ?? '')
    .find((name) => name !== 'all' && name !== 'noarch');
  return held ?? machines[process.arch] ?? process.arch;
}
