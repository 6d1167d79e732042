/** One run of opkg on one root: its settings, its packages, and who owns which file. */

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { errnoOf, readFile, readFileIfExists, statIfExists } from '../sys/index.ts';
import { Chooser } from './choose.ts';
import { inHashOrder } from './hash-order.ts';
import { byteText, errnoText, type Messages, toPath } from './messages.ts';
import { type ConfigurationFile, flags, type Package } from './model.ts';
import type { Settings } from './options.ts';
import { type Taker, Universe } from './universe.ts';

/** How a command reads the sources. */
export interface RunOptions {
  /** Fields that the command has no use for. */
  readonly skip: ReadonlySet<string>;
  /** The command's arguments, as text of bytes. */
  readonly words: readonly string[];
  readonly keepLineBreaks: boolean;
}

/** Bytes of an unpacked list or database; OpenWrt's largest index is 4 MiB. */
const maxListBytes = 1 << 26;

/** What a command works with. */
export class Run {
  readonly settings: Settings;
  readonly messages: Messages;
  readonly universe: Universe;
  readonly chooser: Chooser;
  readonly words: readonly string[];
  readonly #owners = new Map<string, Package>();
  /** The database has to be written. */
  changed = false;

  constructor(settings: Settings, messages: Messages, options: RunOptions) {
    this.settings = settings;
    this.messages = messages;
    this.words = options.words;
    this.universe = new Universe({
      architectures: settings.architectures,
      skip: options.skip,
      keepLineBreaks: options.keepLineBreaks,
      messages,
    });
    this.chooser = new Chooser({ universe: this.universe, messages, words: new Set(options.words) });
  }

  /** Loads the lists of all feeds that are there. */
  loadFeeds(take?: Taker): void {
    this.messages.info('pkg_hash_load_feeds', '\n');
    for (const { text, source } of this.#indices()) {
      this.universe.load(text, { source }, { detail: true, merge: false, ...(take && { take }) });
    }
  }

  /** Loads from the lists what the flagged names lead to. */
  loadRelated(): void {
    this.universe.loadRelated([...this.#indices()]);
  }

  *#indices() {
    for (const source of this.settings.sources) {
      const bytes = readFileIfExists(toPath(`${this.settings.listsFolder}/${source.name}`));
      const text = bytes === undefined ? undefined : this.#unpack(bytes, source.name);
      if (text !== undefined) yield { text, source };
    }
  }

  #unpack(bytes: Uint8Array, name: string): string | undefined {
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return byteText(bytes.subarray(0, maxListBytes));
    try {
      return byteText(gunzipSync(bytes, { maxOutputLength: maxListBytes }));
    } catch {
      this.messages.error('gzip_exec', `The package list of ${name} is damaged; run 'opkg update'.\n`);
      return undefined;
    }
  }

  /** Loads the database of every destination. */
  loadDatabase(take?: Taker): void {
    this.messages.info('pkg_hash_load_status_files', '\n');
    for (const destination of this.settings.destinations) {
      const bytes = readFileIfExists(toPath(destination.statusFile));
      if (bytes === undefined) continue;
      const text = byteText(bytes.subarray(0, maxListBytes));
      this.universe.load(text, { destination }, { detail: true, merge: true, ...(take && { take }) });
    }
  }

  /** The package's files, the root before each path; from its list in the database. */
  filesOf(pkg: Package): readonly string[] {
    if (pkg.files !== undefined) return pkg.files;
    if (pkg.state === 'not-installed' || pkg.destination === undefined) return [];
    const path = `${pkg.destination.infoFolder}/${pkg.name}.list`;
    const { offlineRoot } = this.settings;
    try {
      pkg.files = byteText(readFile(toPath(path)).subarray(0, maxListBytes))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) =>
          offlineRoot !== undefined && !line.startsWith(offlineRoot) ? `${offlineRoot}${line}` : line,
        );
      return pkg.files;
    } catch (error) {
      this.messages.error(
        'pkg_get_installed_files',
        `Failed to open ${path}: ${errnoText(errnoOf(error))}.\n`,
      );
      return [];
    }
  }

  /** Notes the owner of every file of every installed package. */
  noteOwners(): void {
    for (const pkg of this.universe.installed()) {
      for (const file of this.filesOf(pkg)) this.setOwner(file, pkg);
    }
  }

  ownerOf(file: string): Package | undefined {
    return this.#owners.get(this.#key(file));
  }

  /** Makes the package the file's owner; what had it before has its list written anew. */
  setOwner(file: string, pkg: Package): void {
    if (file.endsWith('/')) return;
    const key = this.#key(file);
    const before = this.#owners.get(key);
    this.#owners.set(key, pkg);
    if (before === undefined) return;
    before.flags |= flags.filelistChanged;
    pkg.flags |= flags.filelistChanged;
  }

  dropOwner(file: string): void {
    this.#owners.delete(this.#key(file));
  }

  /** The paths that the package owns, absolute in the root, in the order of opkg's lists. */
  ownedBy(pkg: Package): string[] {
    const owned: string[] = [];
    for (const [path, owner] of this.#owners) if (owner === pkg) owned.push(path);
    return inHashOrder(owned, (path) => path);
  }

  #key(file: string): string {
    const { offlineRoot } = this.settings;
    return offlineRoot !== undefined && file.startsWith(offlineRoot) ? file.slice(offlineRoot.length) : file;
  }

  /** A path of the root's own as a path of this system. */
  inRoot(path: string): string {
    return `${this.settings.offlineRoot ?? ''}${path}`;
  }

  /** Whether a configuration file differs from the package's own version of it; one that is gone does. */
  isModified({ path, digest }: ConfigurationFile): boolean {
    if (digest === undefined) {
      this.messages.notice(`Conffile ${path} has no md5sum.\n`);
      return true;
    }
    const file = this.inRoot(path);
    const now = this.digestOf(file, digest.length > 33 ? 'sha256' : 'md5');
    if (now === undefined) return true;
    if (now === digest) return false;
    this.messages.info(
      'conffile_has_been_modified',
      `Conffile ${path}:\n\told chk=${now}\n\tnew chk=${digest}\n`,
    );
    return true;
  }

  /** The file's digest in hex; undefined, and an error noted, where it cannot be read. */
  digestOf(file: string, algorithm: 'sha256' | 'md5'): string | undefined {
    try {
      return createHash(algorithm)
        .update(readFile(toPath(file)))
        .digest('hex');
    } catch (error) {
      if (algorithm === 'sha256')
        this.messages.error(
          'file_sha256sum_alloc',
          `Failed to open file ${file}: ${errnoText(errnoOf(error))}.\n`,
        );
      else this.messages.error('file_md5sum_alloc', `Could't compute md5sum for ${file}.\n`);
      return undefined;
    }
  }

  /** True for an existing path, symlinks followed. */
  exists(file: string): boolean {
    return statIfExists(toPath(file)) !== undefined;
  }

  isFolder(file: string): boolean {
    return statIfExists(toPath(file))?.isDirectory() === true;
  }
}
