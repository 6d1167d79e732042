/**
 * Early boot on the physical sysroot, outside every deployment: what `init=` names must be there when a deployment is
 * damaged or gone (docs/formats/boot-state.md).
 *
 * ```
 * <sysroot>/ostree/opkg-ostree/{boot,loaders,switch,choose,populate}.sh  prepare-root
 * ```
 */
import { join } from 'node:path/posix';
import { equalBytes } from '../base/index.ts';
import { lstatIfExists, mkdirDurable, readFile, writeFileDurable } from '../sys/index.ts';
import { readBootState, stateFolder, stateName } from './boot-state.ts';
import type { DeploymentItem } from './deployment.ts';
import { installSkeleton } from './skeleton.ts';

/** In the order of writing: where prepare-root is, the others are. */
const parts = ['boot.sh', 'loaders.sh', 'switch.sh', 'choose.sh', 'populate.sh', 'prepare-root'];
const source = 'usr/lib/opkg-ostree';
const maxPartBytes = 256 * 1024;

/** True where the kernel can start early boot from the sysroot. */
export function hasEarlyBoot(sysroot: string): boolean {
  return isPart(join(sysroot, stateFolder, 'prepare-root'));
}

/**
 * Makes the sysroot ready for a kernel without initramfs: shell, libraries, and early boot, that from the new deployment where
 * there is none yet, else from the one that was found good. Returns what is missing, for people.
 */
export function prepareSysroot(
  sysroot: string,
  added: DeploymentItem,
  current: readonly DeploymentItem[],
): string[] {
  const { problem } = installSkeleton(sysroot, added.path);
  if (hasEarlyBoot(sysroot)) {
    const { good } = readBootState(sysroot);
    const found = current.find((item) => stateName(item) === good);
    if (found !== undefined) copyParts(sysroot, found.path);
  } else {
    copyParts(sysroot, added.path);
  }
  return problem === undefined ? [] : [`cannot boot without an initramfs: ${problem}`];
}

/** Copies what differs; nothing where the deployment does not have all parts. */
function copyParts(sysroot: string, deployment: string): void {
  const from = join(deployment, source);
  if (!parts.every((name) => isPart(join(from, name)))) return;
  mkdirDurable(join(sysroot, stateFolder));
  for (const name of parts) {
    const to = join(sysroot, stateFolder, name);
    const content = readFile(join(from, name));
    if (isPart(to) && equalBytes(readFile(to), content)) continue;
    writeFileDurable(to, content, { mode: name === 'prepare-root' ? 0o755 : 0o644 });
  }
}

function isPart(path: string): boolean {
  const stats = lstatIfExists(path);
  return stats?.isFile() === true && stats.size <= maxPartBytes;
}
