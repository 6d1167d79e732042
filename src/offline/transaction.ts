/** One change of a root by opkg: what its steps share, from the lock to the written database. */
import { dirname } from 'node:path/posix';
import { BusyError } from '../base/index.ts';
import {
  acquireLock,
  environment,
  findProgram,
  fsyncDirectory,
  makeTempDir,
  mkdirp,
  readFileIfExists,
  removeTree,
  runSync,
  unlinkIfExists,
  writeFileDurable,
} from '../sys/index.ts';
import { replaceFile } from './copy.ts';
import { toByteText, toPath } from './messages.ts';
import { flags, type Package } from './model.ts';
import { Placer } from './place.ts';
import { renderDatabase } from './render.ts';
import type { Run } from './run.ts';
import type { ScriptRunner } from './scripts.ts';

/** What a transaction needs from its caller. */
export interface TransactionContext {
  readonly signal: AbortSignal;
  /** Called before a script writes to our streams. */
  readonly beforeScript: () => void;
  /** Unix seconds. */
  readonly now: () => number;
}

const flushTimeout = 300_000;

/** The state that install, remove and configure work on. */
export class Transaction {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly runner: ScriptRunner;
  readonly now: () => number;
  readonly #scratch: string;
  /** Files that an upgrade left without an owner, with the package that had them. */
  readonly obsolete = new Map<string, Package>();
  readonly #placers = new Map<string, Placer>();
  #count = 0;

  constructor(run: Run, context: TransactionContext, scratch: string) {
    this.run = run;
    this.signal = context.signal;
    this.now = context.now;
    this.runner = { beforeScript: context.beforeScript, variables: {} };
    this.#scratch = scratch;
  }

  /** Places entries in a destination; one for all its packages, which remembers where folders are. */
  placerFor(root: string): Placer {
    const known = this.#placers.get(root);
    if (known !== undefined) return known;
    const made = new Placer(toPath(root));
    this.#placers.set(root, made);
    return made;
  }

  /** Where a path of this root really lies: links on the way are followed inside the root. */
  locate(file: string): string {
    const root = this.run.settings.offlineRoot ?? '';
    const inside = root !== '' && file.startsWith(root) ? file.slice(root.length) : file;
    return this.placerFor(root === '' ? '/' : root).locate(toPath(inside));
  }

  /** A new path below the scratch folder, as text of bytes. */
  scratch(name: string): string {
    this.#count++;
    return toByteText(`${this.#scratch}/${this.#count}-`) + name.replaceAll('/', '_');
  }

  /** Writes the database where something changed: changed file lists first, then the status of every destination. */
  writeDatabase(): void {
    const { run } = this;
    if (!run.changed || run.settings.on('noaction')) return;
    run.messages.info('write_status_files_if_changed', 'Writing status file.\n');
    for (const pkg of run.universe.installed()) if (pkg.has(flags.filelistChanged)) this.writeFileList(pkg);
    this.#flush();
    for (const destination of run.settings.destinations) {
      const text = run.universe
        .available()
        .filter((pkg) => pkg.destination === destination && isRemembered(pkg))
        .map(renderDatabase)
        .join('');
      this.#writeStatus(toPath(destination.statusFile), Buffer.from(text, 'latin1'));
    }
    run.changed = false;
  }

  #writeStatus(path: string, bytes: Uint8Array): void {
    const before = readFileIfExists(path);
    if (before !== undefined && Buffer.compare(before, bytes) === 0) return;
    mkdirp(dirname(path));
    writeFileDurable(path, bytes);
  }

  /** Writes the package's file list from what it owns. */
  writeFileList(pkg: Package): void {
    const { run } = this;
    if (run.settings.on('noaction') || pkg.destination === undefined) return;
    const path = `${pkg.destination.infoFolder}/${pkg.name}.list`;
    run.messages.info('pkg_write_filelist', `Creating ${path} file for pkg ${pkg.name}.\n`);
    const text = run
      .ownedBy(pkg)
      .map((file) => `${file}\n`)
      .join('');
    replaceFile(toPath(path), Buffer.from(text, 'latin1'));
    pkg.flags &= ~flags.filelistChanged;
  }

  /** The database must not name files that a power cut could still take. */
  #flush(): void {
    const root = toPath(this.run.settings.defaultDestination.root);
    const sync = findProgram('sync');
    if (sync === undefined) fsyncDirectory(root);
    else if (runSync(sync, ['-f', root], { timeout: flushTimeout }).status !== 0)
      runSync(sync, [], { timeout: flushTimeout });
  }
}

/** Which packages the database keeps, as opkg decides it. */
function isRemembered(pkg: Package): boolean {
  if (pkg.state !== 'not-installed') return true;
  if (pkg.want === 'deinstall') return (pkg.flags & ~flags.needDetail) === flags.hold;
  return pkg.want === 'install';
}

/**
 * Runs the body under opkg's lock with a scratch folder of its own. Undefined, with an error noted, where another opkg
 * has the lock.
 */
export async function withTransaction<T>(
  run: Run,
  context: TransactionContext,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T | undefined> {
  const { settings, messages } = run;
  const lockPath = toPath(settings.lockFile);
  let lock: ReturnType<typeof acquireLock>;
  try {
    lock = acquireLock(lockPath, { exclusive: true, kind: 'ofd', wait: 0 });
  } catch (error) {
    if (!(error instanceof BusyError)) throw error;
    messages.error(
      'opkg_conf_load',
      `Could not lock ${settings.lockFile}: Resource temporarily unavailable.\n`,
    );
    return undefined;
  }
  const base = settings.value('tmp_dir');
  const scratch = makeTempDir('opkg-', base === undefined ? (environment('TMPDIR') ?? '/tmp') : toPath(base));
  try {
    for (const destination of settings.destinations) mkdirp(toPath(destination.infoFolder));
    return await body(new Transaction(run, context, scratch));
  } finally {
    removeTree(scratch);
    unlinkIfExists(lockPath);
    lock.release();
  }
}
