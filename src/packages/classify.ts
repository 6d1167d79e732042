import type { PackageName } from '../base/index.ts';
import type { Requirement } from './facts.ts';
import type { AvailablePackage, InstalledPackage, Relation } from './model.ts';
import { nearNames } from './near-names.ts';
import type { Problem } from './problem.ts';
import { formatDependency, formatRelation } from './relations.ts';
import type { Blocker } from './request.ts';

/** Why a relation has nothing that could meet it, and the way out. */
export type Finding = Pick<Blocker, 'reason' | 'remedy' | 'code'> & { readonly say: string };

/** Why none of the requirement's alternatives can be met by anything: the first one tells, its name the rest. */
export function classifyUnmet(
  problem: Problem,
  requirement: Requirement,
  owner: AvailablePackage | undefined,
): Finding {
  const { dependency } = requirement;
  for (const relation of dependency) {
    const pinned = requirement.kind === 'local' || requirement.kind === 'replace';
    const finding =
      (pinned ? foreignFinding(problem, relation) : undefined) ??
      kernelFinding(problem, relation, owner) ??
      blockedFinding(problem, relation) ??
      lockedFinding(problem, relation) ??
      versionFinding(problem, relation, requirement) ??
      foreignFinding(problem, relation);
    if (finding !== undefined) return finding;
  }
  return missingFinding(problem, requirement, owner);
}

function kernelFinding(
  problem: Problem,
  relation: Relation,
  owner: AvailablePackage | undefined,
): Finding | undefined {
  const kernel = relation.name === 'kernel' ? problem.base.find(relation.name) : undefined;
  if (kernel === undefined) return undefined;
  return {
    reason: 'kernel',
    code: 'UNSATISFIABLE',
    say: `it is built for another kernel, the base's is ${kernel.version}`,
    remedy: kmodsRemedy(kernel, owner),
  };
}

function kmodsRemedy(kernel: InstalledPackage, owner: AvailablePackage | undefined): string {
  const feed = kmodsFeed(owner, kmodsFolder(kernel.version));
  return `add the feed of this kernel's modules, 'src/gz kmods ${feed}', to /etc/opkg/customfeeds.conf, then 'opkg-ostree update'`;
}

/** The folder below `kmods/`: `5.15.137-1-<hash>` as it is, and 24.10's `6.6.73~<hash>-r1` as `6.6.73-1-<hash>`. */
export function kmodsFolder(kernelVersion: string): string {
  const match = /^([^~]+)~([0-9a-f]+)-r(\d+)$/u.exec(kernelVersion);
  return match === null ? kernelVersion : `${match[1]}-${match[3]}-${match[2]}`;
}

/** The folder's address next to the feed that the unfitting module came from, where that is a release's layout. */
function kmodsFeed(owner: AvailablePackage | undefined, folder: string): string {
  const url = owner?.origin.kind === 'feed' ? owner.origin.url : '';
  const target = /^(.*\/targets\/[^/]+\/[^/]+)(?:\/|$)/u.exec(url)?.[1];
  return `${target ?? 'https://downloads.openwrt.org/releases/RELEASE/targets/BOARD/SUBTARGET'}/kmods/${folder}`;
}

function blockedFinding(problem: Problem, relation: Relation): Finding | undefined {
  const suppliers = [
    ...problem.base.suppliers(relation.name).map((item) => item.package.name),
    ...problem.pool.matching(relation).map((item) => item.package.name),
  ];
  const hidden = suppliers.find((name) => problem.isBlocked(name));
  if (hidden === undefined) return undefined;
  return {
    reason: 'conflict',
    code: 'UNSATISFIABLE',
    say: `the override hides ${hidden}`,
    remedy: `opkg-ostree override reset ${hidden}`,
  };
}

function lockedFinding(problem: Problem, relation: Relation): Finding | undefined {
  const kept = problem.base
    .suppliers(relation.name)
    .find((item) => problem.base.kept(item.package.name) !== undefined)?.package;
  const locked = kept ?? lockedSupplier(problem, relation);
  if (locked === undefined) return undefined;
  const fitting = problem.pool.matching(relation).find((item) => item.package.name === locked.name);
  return {
    reason: 'version',
    code: 'WOULD_CHANGE_BASE',
    say: `the base has ${locked.name} ${locked.version}, and an install does not change the base`,
    remedy:
      fitting === undefined
        ? `opkg-ostree upgrade, for a base whose ${locked.name} fits ${formatRelation(relation)}`
        : `opkg-ostree override replace ${locked.name}=${fitting.package.version}`,
  };
}

/** A base package of which another version, in the feeds, would answer to the name. */
function lockedSupplier(problem: Problem, relation: Relation): InstalledPackage | undefined {
  for (const item of problem.pool.matching(relation)) {
    const locked = problem.base.kept(item.package.name);
    if (locked !== undefined) return locked;
  }
  return undefined;
}

function versionFinding(problem: Problem, relation: Relation, requirement: Requirement): Finding | undefined {
  const suppliers = problem.pool.suppliers(relation.name);
  const [best] = suppliers;
  if (best === undefined) return undefined;
  const offers = suppliers.slice(0, 3).map((item) => `${item.package.name} ${item.package.version}`);
  const command = requirement.kind === 'replace' ? 'override replace' : 'install';
  return {
    reason: 'version',
    code: 'UNSATISFIABLE',
    say: `there is only ${offers.join(', ')}`,
    remedy:
      requirement.kind === 'package' || requirement.kind === 'base'
        ? `opkg-ostree update, for feeds that have ${formatRelation(relation)}`
        : `opkg-ostree ${command} ${best.package.name}=${best.package.version}`,
  };
}

function foreignFinding(problem: Problem, relation: Relation): Finding | undefined {
  const [foreign] = problem.pool.foreign(relation.name);
  if (foreign === undefined) return undefined;
  const all = new Set(problem.pool.foreign(relation.name).map(({ architecture }) => architecture));
  const ours = [...problem.universe.architectures.keys()].sort();
  return {
    reason: 'arch',
    code: 'UNSATISFIABLE',
    say: `${relation.name} is there for ${[...all].sort().join(', ')} only, and this system takes ${ours.join(', ')}`,
    remedy: `take a build for this system: name its feed in /etc/opkg/customfeeds.conf, then 'opkg-ostree update'`,
  };
}

function missingFinding(
  problem: Problem,
  requirement: Requirement,
  owner: AvailablePackage | undefined,
): Finding {
  const { dependency } = requirement;
  const wanted = dependency[0]?.name ?? requirement.name;
  const near = nearNames(wanted, problem.pool.names());
  const asked = requirement.kind !== 'package' && requirement.kind !== 'base';
  const say = `no feed has ${formatDependency(dependency)}`;
  const [first] = near;
  const kernel = problem.base.find('kernel' as PackageName);
  const code = asked ? 'PACKAGE_UNKNOWN' : 'UNSATISFIABLE';
  if (kernel !== undefined && wanted.startsWith('kmod-') && (!asked || first === undefined)) {
    return { reason: 'missing', code, say, remedy: kmodsRemedy(kernel, owner) };
  }
  if (!asked || first === undefined) {
    return {
      reason: 'missing',
      code,
      say,
      remedy: `opkg-ostree update; if it stays missing, name the feed that has ${wanted} in /etc/opkg/customfeeds.conf`,
    };
  }
  return {
    reason: 'missing',
    code: 'PACKAGE_UNKNOWN',
    say: `${say}; near names: ${near.join(', ')}`,
    remedy: `opkg-ostree install ${first}, if that is what was meant; else 'opkg-ostree update'`,
  };
}
