/** Why a package is on the router: the chains of dependencies from the requests to it, told by the deployment's own database. */
import { compareBytes, type PackageName, RefusedError } from '../base/index.ts';
import { opkgSource } from '../ipk/index.ts';
import { type Dependency, formatDependency, type InstalledPackage, satisfies } from '../packages/index.ts';
import { readTreeState, type TreeState } from './installed.ts';
import { openSession, requireDeployment, type Where } from './session.ts';
import { parseName, parseRequest } from './wish.ts';

/** One link of a chain: a package, and what the one before it asked for. */
export interface WhyLink {
  readonly name: string;
  readonly version: string;
  /** The dependency that it answers; null for a request. */
  readonly answers: string | null;
}

export interface WhyDocument {
  /** The package that was asked about, or the one that provides that name. */
  readonly name: string;
  readonly version: string;
  readonly state: 'layered' | 'base';
  readonly reason: 'requested' | 'depends' | 'recommends' | 'base';
  /** The shortest chain from each request that needs it, requests sorted. */
  readonly chains: readonly (readonly WhyLink[])[];
  /** Installed packages that depend on it directly, sorted. */
  readonly 'required-by': readonly { readonly name: string; readonly version: string }[];
}

/** Why the next deployment has the package; PACKAGE_UNKNOWN for one that it does not have. */
export function whyPackage(where: Where, text: string): WhyDocument {
  const session = openSession(where);
  const { checksum, origin } = requireDeployment(session);
  const tree = readTreeState(session.sysroot.repo, checksum);
  const wanted = parseName(text);
  const found = suppliers(tree, [{ name: wanted }])[0];
  if (found === undefined) {
    throw new RefusedError('PACKAGE_UNKNOWN', `${wanted} is not installed`, {
      hint: `'opkg-ostree info ${wanted}' shows whether a feed has it`,
    });
  }
  const member = tree.layer?.packages.find(({ name }) => name === found.name);
  const requests = [
    ...origin.requested.map((request) => parseRequest(request).name),
    ...origin.requestedLocal.map(({ name }) => name),
  ].sort(compareBytes);
  return {
    name: found.name,
    version: found.version,
    state: member === undefined ? 'base' : 'layered',
    reason: member?.reason ?? 'base',
    chains: requests.flatMap((request) => chainTo(tree, request, found.name) ?? []),
    'required-by': [...tree.installed.values()]
      .filter((item) => needsOf(item).some((need) => suppliers(tree, need).includes(found)))
      .filter(({ name }) => name !== found.name)
      .map(({ name, version }) => ({ name, version }))
      .sort((a, b) => compareBytes(a.name, b.name)),
  };
}

/** Breadth first, so that the chain is the shortest; the outer array makes it one element for flatMap. */
function chainTo(tree: TreeState, request: PackageName, goal: PackageName): [WhyLink[]] | undefined {
  const start = suppliers(tree, [{ name: request }])[0];
  if (start === undefined) return undefined;
  const paths = new Map<PackageName, WhyLink[]>([
    [start.name, [{ name: start.name, version: start.version, answers: null }]],
  ]);
  // A Map is walked in insertion order, entries that are added meanwhile included.
  for (const [name, path] of paths) {
    if (name === goal) return [path];
    const item = tree.installed.get(name);
    for (const need of item === undefined ? [] : needsOf(item)) {
      for (const next of suppliers(tree, need)) {
        if (paths.has(next.name)) continue;
        const link = { name: next.name, version: next.version, answers: formatDependency(need) };
        paths.set(next.name, [...path, link]);
      }
    }
  }
  return undefined;
}

function needsOf(item: InstalledPackage): readonly Dependency[] {
  return [...item.depends, ...item.recommends];
}

/** Installed packages by every name that they answer to, for each tree once. */
const indices = new WeakMap<TreeState, ReadonlyMap<string, readonly [InstalledPackage, string][]>>();

function suppliers(tree: TreeState, need: Dependency): InstalledPackage[] {
  const index = indices.get(tree) ?? indexOf(tree);
  indices.set(tree, index);
  return need.flatMap(({ name, constraint }) =>
    (index.get(name) ?? [])
      .filter(([, version]) => satisfies(opkgSource, version, constraint))
      .map(([item]) => item),
  );
}

function indexOf(tree: TreeState): Map<string, [InstalledPackage, string][]> {
  const index = new Map<string, [InstalledPackage, string][]>();
  for (const item of [...tree.installed.values()].sort((a, b) => compareBytes(a.name, b.name))) {
    const own = { name: item.name, version: item.version };
    for (const { name, version } of [own, ...item.provides]) {
      const list = index.get(name) ?? [];
      // The package of that very name before those that only provide it.
      if (name === item.name) list.unshift([item, item.version]);
      else list.push([item, version ?? item.version]);
      index.set(name, list);
    }
  }
  return index;
}
