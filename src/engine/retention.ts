/** What cleanup keeps in the cache: the packages that a deployment needs to be built again, and the newest feeds. */
import { isOpkgOstreeError, type OperationContext } from '../base/index.ts';
import { type CleanupOptions, cleanup, type Sysroot } from '../boot/index.ts';
import { packageRef, readLayerMetadata } from '../layer/index.ts';
import { fileSystemSpace } from '../sys/index.ts';
import { currentSnapshotNames } from './feed-snapshot.ts';

/** With this much free, packages stay in the cache that no deployment uses: they may be wanted again. */
const roomyBytes = 256 << 20;

/**
 * The policy of an explicit cleanup: only what a deployment needs stays. The deployments are looked at when cleanup
 * asks, which is after the switch.
 */
export function retention(sysroot: Sysroot): CleanupOptions {
  let used: ReadonlySet<string> | undefined;
  return {
    keepPackage: (ref) => {
      used ??= usedPackageRefs(sysroot);
      return used.has(ref);
    },
    keepFeeds: currentSnapshotNames(sysroot.repo),
  };
}

/**
 * Cleans up after a switch. What has been switched stays done: neither a failure nor an interrupt here makes the operation
 * one that failed; a failure becomes a note, and the next run sweeps what stayed.
 */
export async function tidyUp(sysroot: Sysroot, ctx: OperationContext): Promise<string[]> {
  try {
    const { keepPackage, ...policy } = retention(sysroot);
    const roomy = fileSystemSpace(sysroot.path).free >= roomyBytes;
    const options = roomy || keepPackage === undefined ? policy : { ...policy, keepPackage };
    await cleanup(sysroot, { onProgress: ctx.onProgress, signal: undefined }, options);
    return [];
  } catch (thrown) {
    if (!isOpkgOstreeError(thrown)) throw thrown;
    return [`old leftovers stay: ${thrown.message}; 'opkg-ostree cleanup' tries again`];
  }
}

/** The package-cache refs of every deployment's layer and of its pinned package files. */
function usedPackageRefs(sysroot: Sysroot): Set<string> {
  const refs = new Set<string>();
  for (const { checksum, origin } of sysroot.deployments()) {
    const members = readLayerMetadata(sysroot.repo.loadCommit(checksum))?.packages ?? [];
    for (const entry of [
      ...members,
      ...origin.requestedLocal,
      ...origin.overrides.replaceLocal,
      ...origin.overrides.hold,
    ]) {
      refs.add(packageRef(entry.name, entry.version, entry.architecture, entry.sha256));
    }
  }
  return refs;
}
