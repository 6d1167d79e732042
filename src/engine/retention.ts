/** What cleanup keeps in the cache: the packages that a deployment needs to be built again, and the newest feeds. */
import type { CleanupOptions, Sysroot } from '../boot/index.ts';
import { packageRef, readLayerMetadata } from '../layer/index.ts';
import { currentSnapshotNames } from './feed-snapshot.ts';

/** The policy for a sysroot; the deployments are looked at when cleanup asks, which is after the switch. */
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

/** The package-cache refs of every deployment's layer and of its pinned package files. */
function usedPackageRefs(sysroot: Sysroot): Set<string> {
  const refs = new Set<string>();
  for (const { checksum, origin } of sysroot.deployments()) {
    const members = readLayerMetadata(sysroot.repo.loadCommit(checksum))?.packages ?? [];
    for (const entry of [...members, ...origin.requestedLocal, ...origin.overrides.replaceLocal]) {
      refs.add(packageRef(entry.name, entry.version, entry.architecture, entry.sha256));
    }
  }
  return refs;
}
