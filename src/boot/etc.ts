/** The merge of a deployment's `/etc`: planned once, for the rehearsal, the preview and the switch alike. */
import { join } from 'node:path/posix';
import { type Checksum, sha256Hex, toRelPath } from '../base/index.ts';
import { fileTypeMask, isSymlink, MutableTree, type Repository } from '../ostree/index.ts';
import {
  applyEtcMerge,
  conflictsFile,
  copyEtcTree,
  type EtcConflict,
  type EtcNode,
  type EtcReport,
  type EtcTree,
  parseConflicts,
  planEtc,
  planEtcTrees,
  readEtcTree,
  resultBytes,
  writeEtc,
} from '../state/index.ts';
import { lstatIfExists, readFile } from '../sys/index.ts';
import { accountOwner } from './account-owner.ts';
import { foreignOwners } from './foreign-owners.ts';
import type { Sysroot } from './sysroot.ts';
import { configGroup } from './sysroot-init.ts';

/** One path of the merged `/etc`. */
export interface EtcAfter {
  readonly kind: EtcNode['kind'];
  readonly bytes?: Uint8Array;
  readonly target?: string;
}

/** A planned merge of `/etc`. */
export interface PlannedEtc extends EtcReport {
  /** What the admin has to look at afterwards. */
  readonly conflicts: readonly EtcConflict[];
  /** What a path of the plan's entries will be: a file's bytes, a link's target, or neither for anything else. */
  after(path: string): EtcAfter | undefined;
  /** Writes the result to a directory that does not exist; `defaults` is where the new defaults are. Notes come back. */
  write(defaults: string, dest: string, onStep?: (path: string) => void): string[];
}

/**
 * Plans the merge of a deployment's `/etc` into new defaults. A sysroot that another tool made may hold any system: there it is
 * libostree's merge, by whole files, and so where the repository's config has `etc-merge=files`. `deployment` is where the new
 * one is, as far as there is one: a clash of ids names its packages.
 */
export function planEtcOf(
  sysroot: Pick<Sysroot, 'target' | 'repo'>,
  merge: { readonly path: string },
  defaults: EtcTree,
  deployment?: string,
): PlannedEtc {
  const live = join(merge.path, 'etc');
  const sides = { base: readEtcTree(join(merge.path, 'usr/etc')), live: readEtcTree(live), target: defaults };
  if (mergesWholeFiles(sysroot)) {
    const plan = planEtcTrees(sides.base, sides.live, sides.target);
    const actions = new Map(plan.entries.map(({ path, action }) => [path, action]));
    return {
      ...plan,
      conflicts: [],
      after(path) {
        const action = actions.get(path);
        if (action === 'remove') return undefined;
        return nodeAfter(action === 'copy' ? sides.live : sides.target, path);
      },
      write(from, dest) {
        copyEtcTree(from, dest);
        return applyEtcMerge(plan, live, dest);
      },
    };
  }
  const owners = [...(deployment === undefined ? [] : [deployment]), merge.path].map(accountOwner);
  const pure = planEtc(sides, (file, name) => {
    const found = owners.map((owner) => owner(file, name));
    return found.find((owner) => owner !== undefined);
  });
  const foreign = deployment === undefined ? undefined : foreignOwners(deployment, pure.owners);
  const plan = { ...pure, notes: [...pure.notes, ...(foreign === undefined ? [] : [foreign])] };
  return {
    ...plan,
    after(path) {
      const node = plan.result.get(path);
      return node?.kind === 'file' ? { kind: 'file', bytes: resultBytes(sides, node.content) } : node;
    },
    write: (target, dest, onStep) => writeEtc(plan, { live, target }, dest, onStep),
  };
}

/** Whether a sysroot's `/etc` is merged as libostree does it, without rules, decisions and conflicts on record. */
export function mergesWholeFiles({ target, repo }: Pick<Sysroot, 'target' | 'repo'>): boolean {
  return target === undefined || repo.config.get(configGroup, 'etc-merge') === 'files';
}

function nodeAfter(tree: EtcTree, path: string): EtcAfter | undefined {
  const node = tree.nodes.get(path);
  return node?.kind === 'file' ? { kind: 'file', bytes: tree.read(path) } : node;
}

/** A folder of a commit as one side of a merge; an empty tree where the commit has no such folder. */
export function commitEtcTree(repo: Repository, commit: Checksum, folder = 'usr/etc'): EtcTree {
  const tree = MutableTree.fromCommit(repo, commit);
  const root = toRelPath(folder);
  const nodes = new Map<string, EtcNode>();
  const checksums = new Map<string, Checksum>();
  if (root !== '' && tree.lookup(root)?.kind !== 'dir') return emptyTree(nodes);
  for (const entry of tree.walk(root)) {
    const path = root === '' ? entry.path : entry.path.slice(root.length + 1);
    if (entry.kind === 'dir') {
      nodes.set(path, { ...ownerOf(entry.attributes), kind: 'dir', size: 0 });
      continue;
    }
    const { attributes, size, target } = repo.loadFile(entry.checksum);
    checksums.set(path, entry.checksum);
    nodes.set(
      path,
      isSymlink(attributes)
        ? { ...ownerOf(attributes), mode: 0o777, kind: 'symlink', size: 0, target: target ?? '' }
        : { ...ownerOf(attributes), kind: 'file', size },
    );
  }
  const read = (path: string) => {
    const checksum = checksums.get(path);
    return checksum === undefined ? new Uint8Array() : repo.loadFile(checksum).readAll();
  };
  const digests = new Map<string, Checksum>();
  const digest = (path: string) => {
    const known = digests.get(path) ?? sha256Hex(read(path));
    digests.set(path, known);
    return known;
  };
  return { nodes, notes: [], read, digest };
}

function emptyTree(nodes: ReadonlyMap<string, EtcNode>): EtcTree {
  const none = new Uint8Array();
  return { nodes, notes: [], read: () => none, digest: () => sha256Hex(none) };
}

function ownerOf(a: { readonly uid: number; readonly gid: number; readonly mode: number }) {
  return { uid: a.uid, gid: a.gid, mode: a.mode & ~fileTypeMask };
}

const maxRecordBytes = 1024 * 1024;

/** The conflicts that the last merge of a deployment's `/etc` left and nobody settled. */
export function readConflicts(deployment: { readonly path: string }): EtcConflict[] {
  const path = join(deployment.path, 'etc', conflictsFile);
  const stats = lstatIfExists(path);
  return stats?.isFile() === true && stats.size <= maxRecordBytes ? parseConflicts(readFile(path)) : [];
}
