/** Where a file of a deployment comes from: package, feed, digest and commit; or the admin, a script, or the assembly. */
import {
  type Checksum,
  cleanRelPath,
  compareBytes,
  type PackageName,
  RefusedError,
  type RelPath,
  textOf,
  toRelPath,
  UsageError,
} from '../base/index.ts';
import type { Deployment } from '../boot/index.ts';
import { parseFileList } from '../ipk/index.ts';
import { findPackageCommit, payloadPath } from '../layer/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import { mapPath } from '../state/index.ts';
import { readTreeState, type TreeState } from './installed.ts';
import { openSession, requireDeployment, type Where } from './session.ts';
import { type EtcState, etcStateOf } from './whence-etc.ts';

/** One package that lists the file. */
export interface FileOwner {
  readonly name: string;
  readonly version: string;
  readonly from: 'base' | 'layer';
  /** `alternative`: the link is this package's, chosen among others by its priority. */
  readonly role: 'file' | 'alternative';
  /** False where the package lists the path and something else is there now. */
  readonly current: boolean;
  /** The feed of a layered package, `local` for a file that the admin gave; null for the base's. */
  readonly feed: string | null;
  /** Of the layered package's file; null for the base's. */
  readonly sha256: string | null;
  /** The commit that brings it: the cached package's, or the base. */
  readonly commit: string | null;
}

export interface WhenceDocument {
  /** As the running system sees it. */
  readonly path: string;
  /** Where the commit has it; null for what only the admin made. */
  readonly 'tree-path': string | null;
  readonly deployment: string;
  readonly kind: 'file' | 'symlink' | 'directory' | 'missing';
  readonly target: string | null;
  /** The object of the store; null where the file on disk is no object. */
  readonly object: string | null;
  /** `package`, or what else put it there. */
  readonly source: 'package' | 'base' | 'layer' | 'admin';
  readonly owners: readonly FileOwner[];
  /** How the deployment's own copy in /etc relates to the default; null outside /etc. */
  readonly etc: EtcState | null;
  /** One sentence for people. */
  readonly text: string;
}

/** What is behind a file of the next deployment; OSTREE_PATH_NOT_FOUND where there is no such file. */
export function whenceFile(where: Where, text: string): WhenceDocument {
  const session = openSession(where);
  const deployment = requireDeployment(session);
  const { repo } = session.sysroot;
  const path = cleanRelPath(text);
  if (path === undefined || path === '') throw new UsageError('USAGE', `'${text}' names no file`);
  const mapped = mapPath(path);
  if (mapped.kind === 'forbidden') throw notFound(path, deployment);
  const tree = readTreeState(repo, deployment.checksum);
  const inEtc = path === 'etc' || path.startsWith('etc/');
  const etc = inEtc ? etcStateOf(deployment, path) : null;
  const entry = placeOf(MutableTree.fromCommit(repo, deployment.checksum), mapped.path);
  if (entry === undefined && (etc === null || etc.state !== 'added')) throw notFound(path, deployment);
  const owners = entry === undefined ? [] : ownersOf(repo, deployment, tree, entry);
  const source = sourceOf(repo, tree, entry, owners);
  const shown = entry?.object;
  const object = etc !== null && etc.state !== 'default' ? null : (shown ?? null);
  const target = shown === undefined ? undefined : repo.loadFile(shown).target;
  const document = {
    path: `/${path}`,
    'tree-path': entry?.path ?? null,
    deployment: deployment.id,
    kind: etc?.state === 'deleted' ? 'missing' : kindOf(entry, target),
    target: target ?? null,
    object,
    source,
    owners,
    etc,
  };
  return { ...document, text: describe(document) };
}

interface TreePlace {
  readonly path: RelPath;
  readonly object: Checksum | undefined;
}

function placeOf(tree: MutableTree, path: RelPath): TreePlace | undefined {
  const entry = tree.lookup(path);
  if (entry === undefined) return undefined;
  return { path, object: entry.kind === 'file' ? entry.checksum : undefined };
}

/** Every package whose list names the tree path, and those whose alternative it is, in the database of the deployment. */
function ownersOf(repo: Repository, deployment: Deployment, tree: TreeState, entry: TreePlace): FileOwner[] {
  const commit = MutableTree.fromCommit(repo, deployment.checksum);
  const base = MutableTree.fromCommit(repo, tree.base);
  const members = new Map((tree.layer?.packages ?? []).map((member) => [member.name, member]));
  const target = entry.object === undefined ? undefined : repo.loadFile(entry.object).target;
  return [...tree.installed.values()]
    .sort((a, b) => compareBytes(a.name, b.name))
    .flatMap((item): FileOwner[] => {
      const { name, version, architecture } = item;
      const alternative = item.alternatives.some(
        (link) => link.target === target && mappedPath(link.path) === entry.path,
      );
      const lists = listedPaths(repo, commit, name).has(entry.path);
      if (!lists && !alternative) return [];
      const role = alternative ? 'alternative' : 'file';
      const member = members.get(name);
      if (member === undefined) {
        const current = alternative || objectAt(base, entry.path) === entry.object;
        return [{ name, version, role, from: 'base', feed: null, sha256: null, commit: tree.base, current }];
      }
      const cached = findPackageCommit(repo, name, version, architecture, member.sha256);
      const own =
        cached === undefined
          ? undefined
          : objectAt(MutableTree.fromCommit(repo, cached.commit), toRelPath(`${payloadPath}/${entry.path}`));
      const feed = member.feed === '' ? 'local' : member.feed;
      const rest = { sha256: member.sha256, commit: cached?.commit ?? null };
      return [
        { name, version, role, from: 'layer', feed, ...rest, current: alternative || own === entry.object },
      ];
    });
}

function objectAt(tree: MutableTree, path: RelPath): Checksum | undefined {
  const entry = tree.lookup(path);
  return entry?.kind === 'file' ? entry.checksum : undefined;
}

function mappedPath(text: string): RelPath | undefined {
  const clean = cleanRelPath(text);
  const mapped = clean === undefined ? undefined : mapPath(clean);
  return mapped === undefined || mapped.kind === 'forbidden' ? undefined : mapped.path;
}

function listedPaths(repo: Repository, tree: MutableTree, name: PackageName): Set<string> {
  const entry = tree.lookup(toRelPath(`usr/lib/opkg/info/${name}.list`));
  if (entry?.kind !== 'file') return new Set();
  const listed = parseFileList(textOf(repo.loadFile(entry.checksum).readAll(maxListBytes)));
  return new Set(listed.flatMap((text) => mappedPath(text) ?? []));
}

const maxListBytes = 32 << 20;

function sourceOf(
  repo: Repository,
  tree: TreeState,
  entry: TreePlace | undefined,
  owners: readonly FileOwner[],
): WhenceDocument['source'] {
  if (entry === undefined) return 'admin';
  if (owners.some(({ current }) => current)) return 'package';
  const base = MutableTree.fromCommit(repo, tree.base).lookup(entry.path);
  const same = base?.kind === 'file' ? base.checksum === entry.object : base?.kind === 'dir';
  return same ? 'base' : 'layer';
}

function kindOf(entry: TreePlace | undefined, target: string | undefined): WhenceDocument['kind'] {
  if (entry === undefined) return 'file';
  if (entry.object === undefined) return 'directory';
  return target === undefined ? 'file' : 'symlink';
}

function describe(found: Omit<WhenceDocument, 'text'>): string {
  const current = found.owners.filter((owner) => owner.current);
  const owners = current.map((owner) =>
    owner.from === 'base'
      ? `${owner.name} ${owner.version} of the base`
      : `${owner.name} ${owner.version} from ${owner.feed}`,
  );
  const origin = {
    package: owners.join(' and '),
    base: 'the base, without a package that lists it',
    layer: 'the layer: made by a script, an alternative or a service link, not by a package itself',
    admin: 'made on this router, in no package and no base',
  }[found.source];
  const etc = found.etc === null || found.source === 'admin' ? '' : `; ${found.etc.text}`;
  return `${found.path}: ${origin}${etc}`;
}

function notFound(path: string, deployment: Deployment): RefusedError {
  return new RefusedError('OSTREE_PATH_NOT_FOUND', `${deployment.id} has no /${path}`, {
    hint: `'opkg-ostree search ${path.split('/').at(-1) ?? path}' looks for a package; /var and /tmp are not part of a deployment`,
    details: { path: `/${path}` },
  });
}
