/** The package database of a tree, usr/lib/opkg: what the base has, and what opkg would have written of the layer. */
import {
  cleanRelPath,
  compareBytes,
  type PackageName,
  type RelPath,
  textOf,
  toRelPath,
} from '../base/index.ts';
import {
  isPresent,
  makeStatusEntry,
  parseControl,
  parseFileList,
  parseRecord,
  parseStatus,
  renderStatusParagraph,
  type StatusEntry,
} from '../ipk/index.ts';
import { MutableTree, type Repository, type Transaction } from '../ostree/index.ts';
import type { Alternative } from '../packages/index.ts';
import { mapPath } from '../state/index.ts';
import { infoPath } from './package-commit.ts';
import type { LayerPackage } from './spec.ts';
import { ensureParents, listNames, readTreeFile, readTreeText, writeTreeText } from './tree-files.ts';

const statusPath = toRelPath('usr/lib/opkg/status');
const infoFolder = toRelPath('usr/lib/opkg/info');

/** One path of a package's file list: as the package spells it, and where the tree has it. */
export interface ListedPath {
  readonly packagePath: string;
  readonly path: RelPath;
}

/**
 * The base's database, read from the tree as it was before anything changed. File lists are read when they are first
 * asked for: a layer that meets no file of the base reads none.
 */
export class BaseDatabase {
  readonly statusText: string;
  readonly entries: ReadonlyMap<PackageName, StatusEntry>;
  readonly #repo: Repository;
  readonly #tree: MutableTree;
  readonly #lists = new Map<string, readonly ListedPath[]>();
  #owners: Map<RelPath, PackageName[]> | undefined;
  #alternatives: Map<PackageName, readonly Alternative[]> | undefined;

  constructor(repo: Repository, tree: MutableTree) {
    this.#repo = repo;
    this.#tree = tree;
    this.statusText = readTreeText(repo, tree, statusPath) ?? '';
    const parsed = parseStatus(textOf(Buffer.from(this.statusText, 'latin1'))).filter(isPresent);
    this.entries = new Map(parsed.map((entry) => [entry.name, entry]));
  }

  /** The files of a base package. */
  listOf(name: PackageName): readonly ListedPath[] {
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    const text = this.#infoText(name, 'list') ?? '';
    const list = parseFileList(text).flatMap((packagePath) => {
      const mapped = mappedPath(packagePath);
      return mapped === undefined ? [] : [{ packagePath, path: mapped }];
    });
    this.#lists.set(name, list);
    return list;
  }

  /** The base packages whose lists name the tree path, by name. */
  ownersOf(path: RelPath): readonly PackageName[] {
    this.#owners ??= this.#indexOwners();
    return this.#owners.get(path) ?? [];
  }

  /** The base package's Alternatives: from status, or from its control file where status is too old to have any. */
  alternativesOf(name: PackageName): readonly Alternative[] {
    if (this.statusText.includes('\nAlternatives:')) return this.entries.get(name)?.alternatives ?? [];
    this.#alternatives ??= new Map();
    const known = this.#alternatives.get(name);
    if (known !== undefined) return known;
    const control = this.#infoText(name, 'control');
    const found = control === undefined ? [] : parseRecord(parseControl(control)).alternatives;
    this.#alternatives.set(name, found);
    return found;
  }

  /** The Require-User field of a base package; '' where it has none. */
  requireUserOf(name: PackageName): string {
    const control = this.#infoText(name, 'control') ?? '';
    return /^Require-User:(.*)$/mu.exec(control)?.[1]?.trim() ?? '';
  }

  #infoText(name: PackageName, member: string): string | undefined {
    const file = readTreeFile(this.#repo, this.#tree, infoFile(name, member));
    return file === undefined ? undefined : textOf(file.bytes);
  }

  #indexOwners(): Map<RelPath, PackageName[]> {
    const owners = new Map<RelPath, PackageName[]>();
    for (const name of [...this.entries.keys()].sort(compareBytes)) {
      for (const { path } of this.listOf(name)) owners.set(path, [...(owners.get(path) ?? []), name]);
    }
    return owners;
  }
}

/** Where the tree has a path of a package, or undefined where no commit can have it. */
export function mappedPath(packagePath: string): RelPath | undefined {
  const clean = cleanRelPath(packagePath);
  const mapped = clean === undefined ? undefined : mapPath(clean);
  return mapped === undefined || mapped.kind === 'forbidden' ? undefined : mapped.path;
}

/** The path of one of opkg's files of a package. */
function infoFile(name: string, member: string): RelPath {
  return toRelPath(`${infoFolder}/${name}.${member}`);
}

/** The text of status without the paragraphs of some packages; all else byte for byte. */
export function dropParagraphs(status: string, names: ReadonlySet<string>): string {
  return splitParagraphs(status)
    .filter((piece) => {
      const name = /^Package:[ \t]*(\S*)[ \t]*$/mu.exec(piece)?.[1];
      return name === undefined || !names.has(name);
    })
    .join('');
}

/** The text in pieces of one paragraph and the empty lines after it; joined they are the text again. */
export function splitParagraphs(status: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  let blank = false;
  for (let at = 0; at < status.length; ) {
    const newline = status.indexOf('\n', at);
    const end = newline === -1 ? status.length : newline + 1;
    const empty = status.slice(at, end).trim() === '';
    if (blank && !empty) {
      pieces.push(status.slice(start, at));
      start = at;
    }
    blank = empty;
    at = end;
  }
  if (start < status.length) pieces.push(status.slice(start));
  return pieces;
}

/** What the database step needs to know of a layer. */
export interface DatabaseChange {
  readonly packages: readonly LayerPackage[];
  /** Base packages that are gone. */
  readonly gone: readonly PackageName[];
  /** Tree paths that passed to another package, by the package that lost them. */
  readonly lost: ReadonlyMap<PackageName, ReadonlySet<RelPath>>;
  /** Seconds; Installed-Time of what is new. */
  readonly timestamp: number;
}

/** Writes status, info files and changed lists into the tree. */
export function writeDatabase(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  base: BaseDatabase,
  change: DatabaseChange,
): void {
  ensureParents(tree, infoFile('x', 'list'));
  for (const name of change.gone) removeInfo(tree, name);
  for (const { commit } of change.packages) addInfo(repo, tree, commit.commit);
  for (const [name, paths] of change.lost) dropFromList(repo, txn, tree, name, paths);
  const fresh = new Set<string>(change.packages.map((p) => p.commit.record.name));
  let status = dropParagraphs(base.statusText, new Set([...change.gone, ...fresh]));
  if (status !== '' && !status.endsWith('\n')) status += '\n';
  if (status !== '' && !status.endsWith('\n\n')) status += '\n';
  for (const paragraph of [...change.packages]
    .sort(byName)
    .map((p) => statusParagraph(p, change.timestamp))) {
    status += Buffer.from(paragraph).toString('latin1');
  }
  if (status !== base.statusText) writeTreeText(repo, txn, tree, statusPath, status);
}

function byName(a: LayerPackage, b: LayerPackage): number {
  return compareBytes(a.commit.record.name, b.commit.record.name);
}

/** `install user installed` for what was asked for, `install ok installed` and Auto-Installed for the rest, as opkg. */
function statusParagraph({ commit, reason }: LayerPackage, timestamp: number): string {
  const asked = reason === 'requested';
  const entry = makeStatusEntry(parseControl(commit.controlText), {
    want: 'install',
    flags: asked ? ['user'] : [],
    state: 'installed',
    autoInstalled: !asked,
    installedTime: timestamp,
    conffiles: commit.conffiles,
  });
  return renderStatusParagraph(entry);
}

/** Removes `<name>.<member>`. A dot in the rest would make it the file of a package whose name begins with this one. */
function removeInfo(tree: MutableTree, name: PackageName): void {
  for (const file of listNames(tree, infoFolder)) {
    if (file.startsWith(`${name}.`) && !file.slice(name.length + 1).includes('.')) {
      tree.remove(toRelPath(`${infoFolder}/${file}`));
    }
  }
}

function addInfo(repo: Repository, tree: MutableTree, commit: LayerPackage['commit']['commit']): void {
  for (const entry of MutableTree.fromCommit(repo, commit).walk(infoPath)) {
    if (entry.kind !== 'file') continue;
    const file = entry.path.slice(infoPath.length + 1);
    tree.putFile(toRelPath(`${infoFolder}/${file}`), entry.checksum);
  }
}

function dropFromList(
  repo: Repository,
  txn: Transaction,
  tree: MutableTree,
  name: PackageName,
  paths: ReadonlySet<RelPath>,
): void {
  const text = readTreeText(repo, tree, infoFile(name, 'list'));
  if (text === undefined) return;
  const kept = text.split('\n').filter((line) => {
    const path = mappedPath(Buffer.from(line, 'latin1').toString('utf8'));
    return path === undefined || !paths.has(path);
  });
  writeTreeText(repo, txn, tree, infoFile(name, 'list'), kept.join('\n'));
}
