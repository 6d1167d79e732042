/** Looking at packages: search, list, info, files. Reads the current feed snapshot and the next deployment's database. */
import { join } from 'node:path/posix';
import { type PackageName, RefusedError, toRelPath } from '../base/index.ts';
import { type FeedIndex, type IndexRow, opkgSource } from '../ipk/index.ts';
import {
  type AvailablePackage,
  formatDependency,
  formatRelation,
  type InstalledPackage,
  type PackageRecord,
} from '../packages/index.ts';
import { readTextIfExists } from '../sys/index.ts';
import type { PackageSummary } from './documents.ts';
import { loadCurrentSnapshot } from './feed-snapshot.ts';
import { readTreeState, type TreeState } from './installed.ts';
import { openSession, requireDeployment, type Where } from './session.ts';
import { parseName } from './wish.ts';

export type ListKind = 'available' | 'installed' | 'layered' | 'upgradable';

/** All that is told of one package. */
export interface PackageDetails {
  readonly name: string;
  readonly versions: readonly VersionDetails[];
}

export interface VersionDetails {
  readonly version: string;
  readonly architecture: string;
  readonly state: 'layered' | 'base' | 'available';
  readonly feed: string | null;
  readonly depends: readonly string[];
  readonly conflicts: readonly string[];
  readonly provides: readonly string[];
  readonly section: string;
  readonly description: string;
  readonly 'download-bytes': number | null;
  readonly 'installed-bytes': number;
}

interface Catalog {
  readonly tree: TreeState | undefined;
  readonly indices: readonly FeedIndex[];
  /** The newest entry of each name, of the first feed that has it. */
  readonly newest: ReadonlyMap<PackageName, Offer>;
}

interface Offer {
  readonly index: FeedIndex;
  readonly row: IndexRow;
}

/** Packages whose name or description holds the text, whatever its case; sorted by name. */
export async function searchPackages(where: Where, text: string): Promise<PackageSummary[]> {
  const wanted = text.toLowerCase();
  const holds = (value: string) => value.toLowerCase().includes(wanted);
  const catalog = await openCatalog(where);
  return [...namesOf(catalog)].sort().flatMap((name) => {
    const found = summary(catalog, name);
    return found !== undefined && (holds(name) || holds(found.description)) ? [found] : [];
  });
}

/** The packages of that kind whose name fits the pattern (`*` and `?`), sorted by name. */
export async function listPackages(
  where: Where,
  kind: ListKind,
  pattern: string | undefined,
): Promise<PackageSummary[]> {
  const catalog = await openCatalog(where);
  return namesOfKind(catalog, kind, pattern).flatMap((name) => summary(catalog, name) ?? []);
}

/** As `listPackages`, the names alone: what a shell completes, without a look into the indices. */
export async function listNames(
  where: Where,
  kind: ListKind,
  pattern: string | undefined,
): Promise<readonly string[]> {
  return namesOfKind(await openCatalog(where), kind, pattern);
}

function namesOfKind(catalog: Catalog, kind: ListKind, pattern: string | undefined): readonly PackageName[] {
  const fits = pattern === undefined ? () => true : matcher(pattern);
  const { tree, newest } = catalog;
  const isOfKind = (name: PackageName) => {
    const installed = tree?.installed.get(name)?.version;
    if (kind === 'installed') return installed !== undefined;
    if (kind === 'layered') return isLayered(name, tree);
    if (kind === 'available') return true;
    const offered = newest.get(name)?.row.version;
    if (offered === undefined || installed === undefined) return false;
    return opkgSource.compareVersions(offered, installed) > 0;
  };
  return [...namesOf(catalog)].filter((name) => fits(name) && isOfKind(name)).sort();
}

/** Every version of a package that is installed or on offer; PACKAGE_UNKNOWN where there is none. */
export async function packageInfo(where: Where, name: string): Promise<PackageDetails> {
  const { tree, indices } = await openCatalog(where);
  const wanted = parseName(name);
  const installed = tree?.installed.get(wanted);
  const offered = indices
    .flatMap((index) => index.named(wanted))
    .sort((a, b) => opkgSource.compareVersions(b.version, a.version));
  const versions = [
    ...(installed === undefined ? [] : [installedDetails(installed, tree)]),
    ...offered.filter((entry) => entry.version !== installed?.version).map(offeredDetails),
  ];
  if (versions.length === 0) throw unknownPackage(name);
  return { name, versions };
}

/** The files of a package of the next deployment, absolute; PACKAGE_UNKNOWN where it is not installed. */
export function packageFiles(where: Where, name: string): { name: string; version: string; files: string[] } {
  const session = openSession(where);
  const deployment = requireDeployment(session);
  const wanted = parseName(name);
  const record = readTreeState(session.sysroot.repo, deployment.checksum).installed.get(wanted);
  if (record === undefined) throw unknownPackage(name);
  const list = readTextIfExists(join(deployment.path, toRelPath(`usr/lib/opkg/info/${wanted}.list`))) ?? '';
  return {
    name,
    version: record.version,
    files: list
      .split('\n')
      .filter((line) => line !== '')
      .sort(),
  };
}

async function openCatalog(where: Where): Promise<Catalog> {
  const session = openSession(where);
  const { repo } = session.sysroot;
  const tree = session.merge === undefined ? undefined : readTreeState(repo, session.merge.checksum);
  const snapshot = await loadCurrentSnapshot(repo);
  const indices = snapshot?.indices ?? [];
  const newest = new Map<PackageName, Offer>();
  for (const index of indices) {
    for (const row of index.rows) {
      const known = newest.get(row.name)?.row.version;
      if (known === undefined || opkgSource.compareVersions(row.version, known) > 0)
        newest.set(row.name, { index, row });
    }
  }
  return { tree, indices, newest };
}

function namesOf({ tree, newest }: Catalog): ReadonlySet<PackageName> {
  return new Set([...newest.keys(), ...(tree?.installed.keys() ?? [])]);
}

/** What is told of a name in lists: the newest entry on offer, else what is installed. */
function summary({ tree, newest }: Catalog, name: PackageName): PackageSummary | undefined {
  const installed = tree?.installed.get(name);
  const offer = newest.get(name);
  const shown = offer?.row ?? installed;
  if (shown === undefined) return undefined;
  return {
    name,
    version: shown.version,
    architecture: shown.architecture,
    feed: offer?.index.feed.name ?? null,
    installed: installed?.version ?? null,
    layered: isLayered(name, tree),
    description: offer?.index.description(offer.row) ?? installed?.description ?? '',
  };
}

function isLayered(name: PackageName, tree: TreeState | undefined): boolean {
  return tree?.layer?.packages.some((entry) => entry.name === name) ?? false;
}

function installedDetails(record: InstalledPackage, tree: TreeState | undefined): VersionDetails {
  return {
    ...details(record),
    state: isLayered(record.name, tree) ? 'layered' : 'base',
    feed: null,
    'download-bytes': null,
  };
}

function offeredDetails(record: AvailablePackage): VersionDetails {
  const feed = record.origin.kind === 'feed' ? record.origin.feed : null;
  return { ...details(record), state: 'available', feed, 'download-bytes': record.size };
}

function details(record: PackageRecord) {
  return {
    version: record.version,
    architecture: record.architecture,
    depends: record.depends.map(formatDependency),
    conflicts: record.conflicts.map((relation) => formatRelation(relation)),
    provides: record.provides.map((provided) => provided.name),
    section: record.section,
    description: record.description,
    'installed-bytes': record.installedSize,
  };
}

/** A matcher for `*` and `?`, linear in the name whatever the pattern. */
function matcher(pattern: string): (name: string) => boolean {
  return (name) => {
    let at = 0;
    let star = -1;
    let resume = 0;
    let index = 0;
    while (index < name.length) {
      const wanted = pattern[at];
      if (wanted === '?' || (wanted === name[index] && wanted !== '*')) {
        at += 1;
        index += 1;
      } else if (wanted === '*') {
        star = at;
        resume = index;
        at += 1;
      } else if (star >= 0) {
        at = star + 1;
        resume += 1;
        index = resume;
      } else return false;
    }
    return [...pattern.slice(at)].every((rest) => rest === '*');
  };
}

function unknownPackage(name: string): RefusedError {
  return new RefusedError('PACKAGE_UNKNOWN', `no package '${name}'`, {
    hint: "'opkg-ostree update' fetches the feeds' newest indices, 'opkg-ostree search TEXT' looks through them",
  });
}
