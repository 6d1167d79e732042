/**
 * The history of `/etc`: small commits in the system's own repository, at `opkg-ostree/etc/<stateroot>`. A file that
 * hides behind its own mode or its folder's is recorded so that its object hides too, or not at all.
 */
import { join } from 'node:path/posix';
import { type Checksum, isOpkgOstreeError, type RefName, toRefName, toRelPath } from '../base/index.ts';
import {
  type Attributes,
  fileChecksum,
  type LogEntry,
  log,
  MutableTree,
  type Repository,
  type Transaction,
  typeDirectory,
  typeRegular,
  typeSymlink,
  v,
} from '../ostree/index.ts';
import { type EtcNode, readEtcTree } from '../state/index.ts';
import { fileSystemSpace, lstat, now } from '../sys/index.ts';
import { configGroup } from './sysroot-init.ts';

const refPrefix = 'opkg-ostree/etc/';
/** How many records are kept, and how many where space is short. */
const keptRecords = { usual: 20, scarce: 5, scarceBytes: 8 * 1024 * 1024 } as const;
/** Larger files are no configuration. */
const maxFileBytes = 4 * 1024 * 1024;

/** The ref of a stateroot's history. */
export function etcHistoryRef(stateroot: string): RefName {
  return toRefName(`${refPrefix}${stateroot}`);
}

/** How many records a repository keeps: its config's `etc-history`, 0 for none, and few where space is short. */
function recordLimit(repo: Repository): number {
  const text = repo.config.get(configGroup, 'etc-history') ?? '';
  const limit = /^\d{1,3}$/u.test(text) ? Number(text) : keptRecords.usual;
  const scarce = fileSystemSpace(repo.path).free < keptRecords.scarceBytes;
  return scarce ? Math.min(limit, keptRecords.scarce) : limit;
}

/** The records of a stateroot, newest first, as far as they are kept. */
export function etcHistory(repo: Repository, stateroot: string): LogEntry[] {
  const tip = repo.readRef(etcHistoryRef(stateroot));
  return tip === undefined ? [] : [...log(repo, tip)];
}

/** The commits that a prune has to keep: the newest records of every stateroot. */
export function etcHistoryRoots(repo: Repository): Checksum[] {
  const limit = recordLimit(repo);
  return [...repo.listRefs(refPrefix).values()].flatMap((tip) =>
    [...log(repo, tip, limit)].map(({ checksum }) => checksum),
  );
}

/** What is recorded. */
export interface EtcRecord {
  readonly stateroot: string;
  /** The directory. */
  readonly etc: string;
  readonly subject: string;
  readonly deployment: string;
}

/**
 * Records a directory as the newest state of a stateroot's `/etc`; undefined where it is the one that was recorded last.
 * The caller holds the sysroot's lock.
 */
export async function recordEtc(repo: Repository, record: EtcRecord): Promise<Checksum | undefined> {
  if (recordLimit(repo) === 0) return undefined;
  const ref = etcHistoryRef(record.stateroot);
  const parent = repo.readRef(ref);
  const last = parent === undefined ? undefined : repo.loadCommit(parent);
  return await repo.withTransaction((txn) => {
    const { tree, meta } = writeEtcTree(repo, txn, record.etc);
    if (last !== undefined && last.tree === tree && last.meta === meta) return undefined;
    const commit = txn.writeCommit({
      metadata: [['opkgostree.etc-deployment', v.string(record.deployment)]],
      ...(parent === undefined ? {} : { parent }),
      subject: record.subject,
      body: '',
      timestamp: Math.floor(now() / 1000),
      tree,
      meta,
    });
    txn.setRef(ref, commit);
    return commit;
  });
}

/** Like `recordEtc`, but what fails is a note: no operation fails for want of its history. */
export async function noteEtc(repo: Repository, record: EtcRecord, notes: string[]): Promise<void> {
  try {
    await recordEtc(repo, record);
  } catch (error) {
    if (!isOpkgOstreeError(error)) throw error;
    notes.push(`the history of /etc was not written: ${error.message}`);
  }
}

function writeEtcTree(repo: Repository, txn: Transaction, etc: string): { tree: Checksum; meta: Checksum } {
  const found = readEtcTree(etc);
  const root = lstat(etc);
  const tree = MutableTree.empty(repo, attributesOf(typeDirectory, { ...root, mode: root.mode & 0o7777 }));
  const hidden = new Map<string, number>([['', visibleBits(root.mode)]]);
  for (const [path, node] of found.nodes) {
    const at = toRelPath(path);
    const visible = hidden.get(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '') ?? 0;
    if (node.kind === 'dir') {
      hidden.set(path, visible & visibleBits(node.mode));
      tree.ensureDirectory(at, attributesOf(typeDirectory, node));
    } else if (node.kind === 'symlink') {
      tree.putFile(at, txn.writeSymlink(attributesOf(typeSymlink, node), node.target ?? ''));
    } else if (node.kind === 'file') {
      const attributes = attributesOf(typeRegular, { ...node, mode: node.mode & visible });
      const stored = storeFile(repo, txn, { node, attributes, read: () => found.read(path) });
      if (stored !== undefined) tree.putFile(at, stored);
    }
  }
  return tree.write(txn);
}

interface FoundFile {
  readonly node: EtcNode;
  readonly attributes: Attributes;
  readonly read: () => Uint8Array;
}

function storeFile(repo: Repository, txn: Transaction, file: FoundFile): Checksum | undefined {
  if (file.node.size > maxFileBytes) return undefined;
  // Only a bare repository gives an object the mode of its file.
  if (repo.mode !== 'bare' && (file.attributes.mode & 0o004) === 0) return undefined;
  const content = file.read();
  const checksum = fileChecksum(file.attributes, content);
  return repo.hasObject('file', checksum) ? checksum : txn.writeFile(file.attributes, content);
}

/** Permission bits that mean anything below a folder with this mode. */
function visibleBits(mode: number): number {
  return 0o7700 | ((mode & 0o010) === 0 ? 0 : 0o070) | ((mode & 0o001) === 0 ? 0 : 0o007);
}

function attributesOf(
  type: number,
  node: { readonly uid: number; readonly gid: number; readonly mode: number },
): Attributes {
  return { uid: node.uid, gid: node.gid, mode: type | node.mode, xattrs: [] };
}

/** Where a deployment's `/etc` is. */
export function etcOf(deployment: { readonly path: string }): string {
  return join(deployment.path, 'etc');
}
