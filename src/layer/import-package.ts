import {
  type Checksum,
  type OperationContext,
  RefusedError,
  type RelPath,
  sha256Hex,
  throwIfAborted,
  toRelPath,
  utf8,
} from '../base/index.ts';
import { fileStream, type IpkEntry, type IpkMeta, readIpk, renderFileList } from '../ipk/index.ts';
import { type Attributes, MutableTree, type Repository, type Transaction } from '../ostree/index.ts';
import type { Conffile } from '../packages/index.ts';
import { mapPath, relocateSymlink } from '../state/index.ts';
import { forbiddenPath, forbiddenReason } from './forbidden.ts';
import { isBusyboxTarget, isSelfLink } from './merged-names.ts';
import {
  decodePackageCommit,
  encodePackageMetadata,
  infoPath,
  type PackageCommit,
  packageRef,
  payloadPath,
} from './package-commit.ts';

export interface ImportOptions {
  /** The feed that the file came from; absent for a local file. */
  readonly feed?: string;
}

const rootDirectory: Attributes = { uid: 0, gid: 0, mode: 0o040755, xattrs: [] };
const plainFile: Attributes = { uid: 0, gid: 0, mode: 0o100644, xattrs: [] };
const scriptFile: Attributes = { uid: 0, gid: 0, mode: 0o100755, xattrs: [] };
/** Beyond it (the year 2242) a time is a mistake or an attack on whoever compares commits by age. */
const maxTimestamp = 2 ** 33;

/**
 * Unpacks an ipk into the repository in one pass, file by file straight into objects, and gives it its ref. Errors:
 * those of `readIpk`, LAYER_FORBIDDEN_PATH, FILE_CONFLICT where the package has two files for one path.
 */
export function importPackage(
  repo: Repository,
  ipkPath: string,
  options: ImportOptions,
  ctx: OperationContext,
): Promise<PackageCommit> {
  return repo.withTransaction(async (txn) => {
    const importer = new Importer(repo, txn, ctx);
    const meta = await readIpk(fileStream(ipkPath), { entry: (entry) => importer.entry(entry) });
    const commit = importer.finish(meta, options.feed ?? '');
    ctx.onProgress({
      phase: 'unpack',
      message: `${meta.record.name} ${meta.record.version}`,
      package: meta.record.name,
    });
    return commit;
  });
}

class Importer {
  readonly #repo: Repository;
  readonly #txn: Transaction;
  readonly #ctx: OperationContext;
  readonly #tree: MutableTree;
  /** Objects by the path that the package gives them, for hard links and conffiles. */
  readonly #objects = new Map<RelPath, Checksum>();
  readonly #listed: RelPath[] = [];
  /** Refusals wait for the end: the package's name may come after its data. */
  #refusal: ((name: string) => RefusedError) | undefined;
  #newest = 0;

  constructor(repo: Repository, txn: Transaction, ctx: OperationContext) {
    this.#repo = repo;
    this.#txn = txn;
    this.#ctx = ctx;
    this.#tree = MutableTree.empty(repo, rootDirectory);
    this.#tree.ensureDirectory(payloadPath, rootDirectory);
    this.#tree.ensureDirectory(infoPath, rootDirectory);
  }

  async entry(e: IpkEntry): Promise<void> {
    throwIfAborted(this.#ctx.signal);
    if (e.path === '') return;
    this.#newest = Math.max(this.#newest, Math.min(Math.floor(e.mtime), maxTimestamp));
    const mapped = mapPath(e.path);
    if (e.type === 'directory') {
      if (mapped.kind === 'forbidden') return;
      this.#directory(mapped.path, { uid: e.uid, gid: e.gid, mode: 0o040000 | e.mode, xattrs: [] });
      return;
    }
    const reason = mapped.kind === 'forbidden' ? mapped.reason : topOrForbidden(e.path, mapped.path);
    if (mapped.kind === 'forbidden' || reason !== undefined) {
      this.#refusal ??= (name) => forbiddenPath(name, e.path, reason ?? '');
      return;
    }
    const checksum = await this.#object(e);
    if (checksum === undefined) return;
    this.#listed.push(e.path);
    this.#objects.set(e.path, checksum);
    if (e.type === 'symlink' && isSelfLink(e.path, e.target)) return;
    this.#place(e.path, mapped.path, checksum);
  }

  finish(meta: IpkMeta, feed: string): PackageCommit {
    const { record } = meta;
    if (this.#refusal !== undefined) throw this.#refusal(record.name);
    const conffiles = this.#hashConffiles(meta.conffiles);
    this.#writeInfo(meta);
    const scripts = new Map(
      [...meta.members].filter(([member]) => member !== 'conffiles' && member !== 'control'),
    );
    const root = this.#tree.write(this.#txn);
    const commit = {
      metadata: encodePackageMetadata({
        ...{ controlText: meta.controlText, sha256: meta.sha256, size: meta.size },
        ...{ conffiles, scripts, feed },
      }),
      subject: `${record.name} ${record.version}`,
      body: '',
      timestamp: this.#newest,
      ...root,
    };
    const checksum = this.#txn.writeCommit(commit);
    this.#txn.setRef(packageRef(record.name, record.version, record.architecture, meta.sha256), checksum);
    const decoded = decodePackageCommit(commit, checksum);
    if (decoded === undefined) throw new Error('a package commit that was just made cannot be read');
    return decoded;
  }

  /** The entry's object; undefined for what is dropped. */
  async #object(e: Exclude<IpkEntry, { type: 'directory' }>): Promise<Checksum | undefined> {
    const owner = { uid: e.uid, gid: e.gid, xattrs: [] };
    switch (e.type) {
      case 'file':
        return writeStream(this.#txn, { ...owner, mode: 0o100000 | e.mode }, e.size, e.content);
      case 'symlink':
        return this.#txn.writeSymlink({ ...owner, mode: 0o120777 }, relocateSymlink(e.path, e.target));
      case 'hardlink': {
        const target = this.#objects.get(e.target);
        // A link to a file that is not in the package would take over whatever another package has there.
        if (target === undefined) this.#refusal ??= (name) => brokenHardLink(name, e.path, e.target);
        return target;
      }
      default:
        return undefined;
    }
  }

  #directory(path: RelPath, attributes: Attributes): void {
    const place = inPayload(path);
    if (this.#tree.lookup(place)?.kind === 'file') {
      this.#refusal ??= (name) => twoFiles(name, path);
      return;
    }
    if (!this.#parents(path)) return;
    this.#tree.ensureDirectory(place, attributes);
    // A parent that was made for a file before its own entry came has that entry's attributes all the same.
    this.#tree.setAttributes(place, attributes);
  }

  /** Puts the file at its place unless another file of the package, merged onto the same path, wins. */
  #place(packagePath: RelPath, path: RelPath, checksum: Checksum): void {
    if (!this.#parents(path)) return;
    const place = inPayload(path);
    const present = this.#tree.lookup(place);
    if (present?.kind === 'dir') {
      this.#refusal ??= (name) => twoFiles(name, packagePath);
      return;
    }
    if (present === undefined || this.#isBusyboxLink(present.checksum)) this.#tree.putFile(place, checksum);
    else if (present.checksum !== checksum && !this.#isBusyboxLink(checksum)) {
      this.#refusal ??= (name) => twoFiles(name, packagePath);
    }
  }

  /** Makes missing parents; false where one of them is a file. */
  #parents(path: RelPath): boolean {
    const parts = path.split('/').slice(0, -1);
    for (let i = 1; i <= parts.length; i++) {
      const parent = toRelPath(parts.slice(0, i).join('/'));
      const present = this.#tree.lookup(inPayload(parent));
      if (present?.kind === 'file') {
        this.#refusal ??= (name) => twoFiles(name, path);
        return false;
      }
      if (present === undefined) this.#tree.ensureDirectory(inPayload(parent), rootDirectory);
    }
    return true;
  }

  #isBusyboxLink(checksum: Checksum): boolean {
    const target = this.#repo.loadFile(checksum).target;
    return target !== undefined && isBusyboxTarget(target);
  }

  /** The listed files that the package has. A path that it lacks has no hash, and opkg could not compare it either. */
  #hashConffiles(paths: readonly string[]): Conffile[] {
    const found: Conffile[] = [];
    for (const path of paths) {
      const checksum = this.#objects.get(toRelPath(path));
      if (checksum === undefined) continue;
      const file = this.#repo.loadFile(checksum);
      if (file.target === undefined)
        found.push({ path: `/${toRelPath(path)}`, hash: sha256Hex(file.readAll()) });
    }
    return found;
  }

  #writeInfo(meta: IpkMeta): void {
    const put = (member: string, bytes: Uint8Array, attributes: Attributes) => {
      const path = toRelPath(`${infoPath}/${meta.record.name}.${member}`);
      this.#tree.putFile(path, this.#txn.writeFile(attributes, bytes));
    };
    put('control', meta.controlBytes, plainFile);
    put('list', utf8(renderFileList(this.#listed)), plainFile);
    for (const [member, bytes] of meta.members) {
      if (member === 'control' || member === 'list') continue;
      put(member, bytes, isScript(member) ? scriptFile : plainFile);
    }
  }
}

function isScript(member: string): boolean {
  return /^(?:pre|post)(?:inst|rm)(?:-pkg)?$/u.test(member);
}

async function writeStream(
  txn: Transaction,
  attributes: Attributes,
  size: number,
  content: AsyncIterable<Uint8Array>,
): Promise<Checksum> {
  const writer = txn.openFileWriter(attributes, size);
  try {
    for await (const chunk of content) writer.write(chunk);
    return writer.finish();
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/** A file in the place of /bin and the like would replace a link of the layout. */
function topOrForbidden(packagePath: RelPath, path: RelPath): string | undefined {
  if (!packagePath.includes('/')) return 'is a top folder of the system';
  return forbiddenReason(path);
}

function inPayload(path: RelPath): RelPath {
  return toRelPath(`${payloadPath}/${path}`);
}

function twoFiles(name: string, path: string): RefusedError {
  return new RefusedError('FILE_CONFLICT', `package ${name} has two different files for /${path}`, {
    details: { conflicts: [{ path: `/${path}`, owners: [name, name] }] },
    hint: `leave out ${name}: it does not fit a system where /bin is /usr/bin`,
  });
}

function brokenHardLink(name: string, path: string, target: string): RefusedError {
  return new RefusedError(
    'FILE_CONFLICT',
    `package ${name} links /${path} to /${target}, which it does not have`,
    {
      details: { conflicts: [{ path: `/${path}`, owners: [name, name] }] },
      hint: `leave out ${name}`,
    },
  );
}
