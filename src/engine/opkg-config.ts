/**
 * The opkg configuration and keys that the next deployment will have. A file that the admin did not touch is taken from
 * the new base already, as the merge of `/etc` is going to do: an upgrade to another release looks into that release's
 * feeds. Only regular files count: on a sysroot that is not booted a symlink would lead out of the tree.
 */
import { join } from 'node:path/posix';
import { type Checksum, equalBytes, type RelPath, textOf, toRelPath } from '../base/index.ts';
import {
  type OpkgConf,
  parseKeyRing,
  parseOpkgConf,
  type TransferOptions,
  transferOptionsOf,
  type UsignKeyRing,
} from '../ipk/index.ts';
import { MutableTree, type Repository } from '../ostree/index.ts';
import { lstatIfExists, readdirIfExists, readFile } from '../sys/index.ts';
import type { Session } from './session.ts';

const maxConfigBytes = 1 << 20;
const mainFile = 'opkg.conf';
const confFolder = 'opkg';
const keyFolder = 'opkg/keys';

export interface FeedConfig {
  readonly opkg: OpkgConf;
  readonly keys: UsignKeyRing;
  /** Proxy and certificate settings, for every download. */
  readonly transfer: TransferOptions;
  /** Lines of the configuration and key files that are not used. */
  readonly warnings: readonly string[];
}

/** A session, or a repository in which nothing is deployed. */
export interface ConfigPlace {
  readonly sysroot: { readonly repo: Repository };
  readonly merge: Session['merge'];
}

/** The configuration for a deployment of `base` that follows the session's merge deployment. */
export function readFeedConfig(session: ConfigPlace, base: Checksum): FeedConfig {
  const etc = new EtcView(session, base);
  const names = etc.list(confFolder).filter((name) => name.endsWith('.conf'));
  const files = [mainFile, ...names.map((name) => `${confFolder}/${name}`)].flatMap((path) => {
    const content = etc.read(path);
    return content === undefined ? [] : [{ path: `/etc/${path}`, text: textOf(content) }];
  });
  const opkg = parseOpkgConf(files);
  const ring = parseKeyRing(
    etc
      .list(keyFolder)
      .map((name) => ({ name, text: textOf(etc.read(`${keyFolder}/${name}`) ?? new Uint8Array()) })),
  );
  const warnings = opkg.warnings.map(({ file, line, text }) => `${file}:${line}: ${text}`);
  return {
    opkg,
    keys: ring.keys,
    transfer: transferOptionsOf(opkg),
    warnings: [...warnings, ...ring.warnings],
  };
}

/** `/etc` as the merge will leave it, for single regular files. */
class EtcView {
  readonly #repo: Repository;
  readonly #current: string | undefined;
  readonly #oldDefault: MutableTree | undefined;
  readonly #newDefault: MutableTree;

  constructor(session: ConfigPlace, base: Checksum) {
    this.#repo = session.sysroot.repo;
    this.#current = session.merge === undefined ? undefined : join(session.merge.path, 'etc');
    this.#oldDefault =
      session.merge === undefined ? undefined : MutableTree.fromCommit(this.#repo, session.merge.checksum);
    this.#newDefault = MutableTree.fromCommit(this.#repo, base);
  }

  /** The names of regular files in a folder below `/etc`, in byte order. */
  list(folder: string): string[] {
    const path = defaultPath(folder);
    const isFolder = this.#newDefault.lookup(path)?.kind === 'dir';
    const names = new Set(isFolder ? this.#newDefault.list(path).map((entry) => entry.name) : []);
    if (this.#current !== undefined) {
      for (const name of readdirIfExists(join(this.#current, folder))) names.add(name);
    }
    return [...names].filter((name) => this.read(`${folder}/${name}`) !== undefined).sort();
  }

  /** The file's bytes; undefined where there will be no such regular file. */
  read(path: string): Uint8Array | undefined {
    const next = this.#default(this.#newDefault, path);
    if (this.#current === undefined) return next;
    const current = this.#currentFile(path);
    const old = this.#oldDefault === undefined ? undefined : this.#default(this.#oldDefault, path);
    if (current === undefined) return old === undefined ? next : undefined;
    return old !== undefined && equalBytes(old, current) ? next : current;
  }

  #currentFile(path: string): Uint8Array | undefined {
    const full = join(this.#current ?? '', path);
    if (this.#isRedirected(path)) return undefined;
    const stats = lstatIfExists(full);
    return stats?.isFile() === true && stats.size <= maxConfigBytes ? readFile(full) : undefined;
  }

  /** True where a folder on the way to the file is a symlink, which may lead anywhere. */
  #isRedirected(path: string): boolean {
    const folders = path.split('/').slice(0, -1);
    return folders.some((_, index) => {
      const folder = join(this.#current ?? '', ...folders.slice(0, index + 1));
      return lstatIfExists(folder)?.isDirectory() !== true;
    });
  }

  #default(tree: MutableTree, path: string): Uint8Array | undefined {
    const entry = tree.lookup(defaultPath(path));
    if (entry?.kind !== 'file') return undefined;
    const file = this.#repo.loadFile(entry.checksum);
    return file.target === undefined && file.size <= maxConfigBytes
      ? file.readAll(maxConfigBytes)
      : undefined;
  }
}

function defaultPath(path: string): RelPath {
  return toRelPath(`usr/etc/${path}`);
}
