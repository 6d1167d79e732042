/** Package files onto the tree, and who wins where two packages have one path. */
import { type Checksum, type PackageName, RefusedError, type RelPath, toRelPath } from '../base/index.ts';
import { opkgSource } from '../ipk/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import { type PackageRecord, satisfies } from '../packages/index.ts';
import { type BaseDatabase, mappedPath } from './database.ts';
import { isBusyboxTarget } from './merged-names.ts';
import { payloadPath } from './package-commit.ts';
import type { LayerPackage } from './spec.ts';
import { linkTarget } from './tree-files.ts';

/** A path that two packages cannot share. */
export interface FileConflict {
  readonly path: string;
  /** Both owners; `base` for a file of the base that belongs to no package. */
  readonly owners: readonly string[];
  readonly reason: string;
}

/** The suffix of a package's version of a configuration file that the tree already has, as in opkg. */
const besideSuffix = '-opkg';

/** Puts packages on a tree, one after the other in an order that does not depend on the request. */
export class FilePlacer {
  readonly #repo: Repository;
  readonly #tree: MutableTree;
  readonly #base: BaseDatabase;
  readonly #gone: ReadonlySet<PackageName>;
  readonly #records = new Map<PackageName, PackageRecord>();
  /** Layered packages by tree path. */
  readonly #owners = new Map<RelPath, PackageName[]>();
  readonly conflicts: FileConflict[] = [];
  readonly lost = new Map<PackageName, Set<RelPath>>();
  readonly notes: string[] = [];

  constructor(repo: Repository, tree: MutableTree, base: BaseDatabase, gone: ReadonlySet<PackageName>) {
    this.#repo = repo;
    this.#tree = tree;
    this.#base = base;
    this.#gone = gone;
  }

  /** Adds the package's files; what cannot be placed is in `conflicts`. */
  place(item: LayerPackage): void {
    const { record, conffiles } = item.commit;
    this.#records.set(record.name, record);
    const configuration = new Set(conffiles.map((c) => mappedPath(c.path)));
    const payload = MutableTree.fromCommit(this.#repo, item.commit.commit);
    const blocked: string[] = [];
    for (const entry of payload.walk(payloadPath)) {
      const inner = entry.path.slice(payloadPath.length + 1);
      if (inner === '' || blocked.some((top) => inner.startsWith(top))) continue;
      const path = toRelPath(inner);
      if (entry.kind === 'file') this.#file(record, path, entry.checksum, configuration.has(path));
      else if (!this.#directory(record, path, entry.attributes)) blocked.push(`${path}/`);
    }
  }

  /** RefusedError FILE_CONFLICT that names every path and both owners, where there is one. */
  throwConflicts(): void {
    const [first] = this.conflicts;
    if (first === undefined) return;
    const more = this.conflicts.length > 1 ? ` (and ${this.conflicts.length - 1} more files)` : '';
    const [a = '', b = ''] = first.owners;
    const other = b === 'base' ? 'the base' : `package ${b}`;
    throw new RefusedError(
      'FILE_CONFLICT',
      `package ${a} and ${other} both have ${first.path}: ${first.reason}${more}`,
      {
        details: { conflicts: this.conflicts },
        hint:
          b === 'base' || this.#base.entries.has(b as PackageName)
            ? `leave out ${a}${b === 'base' ? '' : `, or use 'opkg-ostree swap ${b} ${a}' where it replaces ${b}`}`
            : `leave out ${a} or ${b}`,
      },
    );
  }

  #directory(
    record: PackageRecord,
    path: RelPath,
    attributes: Parameters<MutableTree['ensureDirectory']>[1],
  ): boolean {
    const present = this.#tree.lookup(path);
    if (present?.kind === 'file') {
      const link = linkTarget(this.#repo, present.checksum) !== undefined;
      this.#conflict(
        record,
        path,
        link ? 'a directory would go where a symlink is' : 'a directory would go where a file is',
      );
      return false;
    }
    if (present === undefined) this.#tree.ensureDirectory(path, attributes);
    return true;
  }

  #file(record: PackageRecord, path: RelPath, checksum: Checksum, isConffile: boolean): void {
    const present = this.#tree.lookup(path);
    if (present?.kind === 'dir') {
      this.#conflict(record, path, 'a file would go where a directory is');
      return;
    }
    if (present !== undefined && present.checksum !== checksum) {
      const verdict = this.#decide(record, path, present.checksum, checksum, isConffile);
      if (verdict === 'conflict') this.#conflict(record, path, 'they differ');
      if (verdict === 'beside') this.#beside(record, path, checksum);
      if (verdict !== 'replace') return;
    }
    this.#tree.putFile(path, checksum);
    this.#owners.set(path, [...(this.#owners.get(path) ?? []), record.name]);
  }

  #decide(
    record: PackageRecord,
    path: RelPath,
    present: Checksum,
    wanted: Checksum,
    isConffile: boolean,
  ): 'replace' | 'keep' | 'beside' | 'conflict' {
    if (this.#isBusyboxLink(wanted)) return 'keep';
    if (this.#isBusyboxLink(present)) return 'replace';
    if (isConffile) return 'beside';
    const owners = this.#ownersOf(path);
    if (owners.length === 0) {
      this.notes.push(`/${path}, which belonged to no package, is now that of ${record.name}`);
      return 'replace';
    }
    const wins = owners.every((owner) => this.#replaces(record, owner));
    const loses = owners.some((owner) => this.#replacedBy(record, owner));
    if (wins !== loses) {
      for (const loser of wins ? owners : [record.name]) this.#lose(loser, path);
      if (wins) this.#owners.delete(path);
      return wins ? 'replace' : 'keep';
    }
    return this.#byPriority(record, path, owners);
  }

  /** A file that is also an alternative of both: the higher priority has it. */
  #byPriority(
    record: PackageRecord,
    path: RelPath,
    owners: readonly PackageName[],
  ): 'replace' | 'keep' | 'conflict' {
    const mine = priorityAt(record.alternatives, path);
    const theirs = owners.map((owner) => priorityAt(this.#alternativesOf(owner), path));
    if (mine === undefined || theirs.includes(undefined)) return 'conflict';
    const highest = Math.max(...theirs.filter((p) => p !== undefined));
    if (mine === highest) return 'conflict';
    return mine > highest ? 'replace' : 'keep';
  }

  /** The tree's version of a configuration file stays, the package's goes beside it. */
  #beside(record: PackageRecord, path: RelPath, checksum: Checksum): void {
    const beside = toRelPath(`${path}${besideSuffix}`);
    if (this.#tree.lookup(beside)?.kind === 'dir') return;
    this.#tree.putFile(beside, checksum);
    this.notes.push(`the tree has /${path} already; that of ${record.name} is at /${beside}`);
  }

  #ownersOf(path: RelPath): readonly PackageName[] {
    const layered = this.#owners.get(path);
    if (layered !== undefined) return layered;
    return this.#base.ownersOf(path).filter((name) => !this.#gone.has(name));
  }

  #replaces(record: PackageRecord, owner: PackageName): boolean {
    const other = this.#recordOf(owner);
    if (other === undefined) return false;
    const names = new Set<string>([other.name, ...other.provides.map((p) => p.name)]);
    return record.replaces.some(
      ({ name, constraint: c }) => names.has(name) && satisfies(opkgSource, other.version, c),
    );
  }

  #replacedBy(record: PackageRecord, owner: PackageName): boolean {
    const other = this.#recordOf(owner);
    return (
      other?.replaces.some(
        ({ name, constraint: c }) =>
          (name === record.name || record.provides.some((p) => p.name === name)) &&
          satisfies(opkgSource, record.version, c),
      ) === true
    );
  }

  #recordOf(name: PackageName): PackageRecord | undefined {
    return this.#records.get(name) ?? this.#base.entries.get(name);
  }

  #alternativesOf(name: PackageName): PackageRecord['alternatives'] {
    return this.#records.get(name)?.alternatives ?? this.#base.alternativesOf(name);
  }

  #lose(name: PackageName, path: RelPath): void {
    const paths = this.lost.get(name) ?? new Set();
    paths.add(path);
    this.lost.set(name, paths);
  }

  #isBusyboxLink(checksum: Checksum): boolean {
    const target = linkTarget(this.#repo, checksum);
    return target !== undefined && isBusyboxTarget(target);
  }

  #conflict(record: PackageRecord, path: RelPath, reason: string): void {
    const owners = this.#ownersOf(path);
    this.conflicts.push({
      path: `/${path}`,
      owners: [record.name, ...(owners.length === 0 ? [this.#below(path) ?? 'base'] : owners)],
      reason,
    });
  }

  /** The layered package that has something below a directory that a file is in the way of. */
  #below(path: RelPath): PackageName | undefined {
    for (const [owned, names] of this.#owners) if (owned.startsWith(`${path}/`)) return names[0];
    return undefined;
  }
}

function priorityAt(alternatives: PackageRecord['alternatives'], path: RelPath): number | undefined {
  const here = alternatives.filter((a) => mappedPath(a.path) === path).map((a) => a.priority);
  return here.length === 0 ? undefined : Math.max(...here);
}
