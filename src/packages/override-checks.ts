import type { PackageName } from '../base/index.ts';
import type { InstalledPackage } from './model.ts';
import type { Problem } from './problem.ts';
import type { Blocker, SolveRequest } from './request.ts';

/**
 * What forbids the request's changes to the base before any search: held, essential and critical packages, and pinned
 * files that would silently take the place of a base package.
 */
export function checkOverrides(problem: Problem): readonly Blocker[] {
  const { request, base } = problem;
  const held = new Set(request.held);
  const blockers: Blocker[] = [];
  const changes = [
    ...request.remove.map((name) => ({ name, verb: 'remove' as const })),
    ...request.replace.map(({ name }) => ({ name, verb: 'replace' as const })),
  ];
  for (const { name, verb } of changes) {
    const installed = base.find(name);
    if (installed === undefined) continue;
    if (held.has(name) || installed.flags.includes('hold')) blockers.push(heldBlocker(installed, verb));
    if (!isForced(request, name)) blockers.push(...criticalBlocker(problem, installed, verb));
  }
  return [...blockers, ...checkLocal(problem)];
}

function isForced({ forceCritical }: SolveRequest, name: PackageName): boolean {
  return typeof forceCritical === 'object' ? forceCritical.has(name) : forceCritical === true;
}

function heldBlocker({ name, version }: InstalledPackage, verb: 'remove' | 'replace'): Blocker {
  return {
    package: name,
    chain: [name],
    reason: 'held',
    text: `cannot ${verb} ${name}: it is held at ${version}`,
    remedy: `opkg-ostree override reset ${name}`,
    code: 'WOULD_CHANGE_BASE',
  };
}

function criticalBlocker(
  problem: Problem,
  { name, version, essential }: InstalledPackage,
  verb: 'remove' | 'replace',
): readonly Blocker[] {
  const critical = problem.universe.source.criticalPackages.has(name);
  if (!critical && !(essential && verb === 'remove')) return [];
  return [
    {
      package: name,
      chain: [name],
      reason: 'essential',
      text: `cannot ${verb} ${name} ${version}: ${critical ? 'no system runs without it' : 'it is marked essential'}`,
      remedy: `opkg-ostree override ${verb} ${name} --force-critical, if the risk is known`,
      code: 'WOULD_CHANGE_BASE',
    },
  ];
}

function checkLocal(problem: Problem): readonly Blocker[] {
  const blockers: Blocker[] = [];
  for (const item of problem.request.local) {
    const kept = problem.base.kept(item.name);
    if (kept === undefined || kept.version === item.version) continue;
    const file = item.origin.kind === 'local' ? item.origin.path : `${item.name}=${item.version}`;
    blockers.push({
      package: item.name,
      chain: [item.name],
      reason: 'conflict',
      text: `${item.name} ${item.version} would take the place of the base's ${kept.version}`,
      remedy: `opkg-ostree override replace ${file}`,
      code: 'WOULD_CHANGE_BASE',
    });
  }
  return blockers;
}
