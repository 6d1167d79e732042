import type { Checksum, PackageName } from '../base/index.ts';
import { opkgSource } from '../ipk/index.ts';
import { diffTrees } from '../ostree/index.ts';
import type { InstalledPackage } from '../packages/index.ts';
import type { DiffDocument, PackageChange } from './documents.ts';
import { readInstalled } from './installed.ts';
import { openSession, requireDeployment, type Session, type Where } from './session.ts';

/**
 * How two trees differ. Each side is the number of a deployment, a branch, or a commit. Absent: from the running (or
 * previous) deployment to the one that boots next.
 */
export function diffRevisions(where: Where, from: string | undefined, to: string | undefined): DiffDocument {
  const session = openSession(where);
  const { repo } = session.sysroot;
  const a = from === undefined ? defaultFrom(session) : commitOf(session, from);
  const b = to === undefined ? requireNext(session) : commitOf(session, to);
  return {
    from: a,
    to: b,
    packages: diffPackages(readInstalled(repo, a), readInstalled(repo, b)),
    files: diffTrees(repo, a, b),
  };
}

function commitOf(session: Session, text: string): Checksum {
  if (/^\d{1,4}$/u.test(text)) return session.sysroot.deploymentAt(Number(text)).checksum;
  return session.sysroot.repo.resolveRev(text);
}

function defaultFrom(session: Session): Checksum {
  const { deployments } = session;
  const booted = deployments.find((deployment) => deployment.booted);
  return (booted ?? deployments[1] ?? requireDeployment(session)).checksum;
}

function requireNext(session: Session): Checksum {
  return (session.deployments[0] ?? requireDeployment(session)).checksum;
}

function diffPackages(
  before: ReadonlyMap<PackageName, InstalledPackage>,
  after: ReadonlyMap<PackageName, InstalledPackage>,
): DiffDocument['packages'] {
  const added: PackageChange[] = [];
  const removed: PackageChange[] = [];
  const upgraded: PackageChange[] = [];
  const downgraded: PackageChange[] = [];
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const from = before.get(name)?.version ?? null;
    const to = after.get(name)?.version ?? null;
    const change = { name, from, to };
    if (from === null) added.push(change);
    else if (to === null) removed.push(change);
    else if (from !== to) (opkgSource.compareVersions(from, to) < 0 ? upgraded : downgraded).push(change);
  }
  return { added, removed, upgraded, downgraded };
}
