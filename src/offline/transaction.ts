/** One change of a root by opkg: what its steps share, from the lock to the written database. */
import { dirname, join } from 'node:path/posix';
import { BusyError } from '../base/index.ts';
import {
  acquireLock,
  environment,
  findProgram,
  fsyncDirectory,
  type HeldLock,
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
import type { Settings } from './options.ts';
import { Placer } from './place.ts';
import { renderDatabase } from './render.ts';
import type { Run } from './run.ts';
import type { ScriptRunner } from './scripts.ts';
import { Undo } from './undo.ts';

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
  readonly #undo: Undo;
  #isWritten = false;
  #count = 0;

  constructor(run: Run, context: TransactionContext, scratch: string) {
    this.run = run;
    this.signal = context.signal;
    this.now = context.now;
    this.runner = { beforeScript: context.beforeScript, variables: {} };
    this.#scratch = scratch;
    this.#undo = undoOf(run.settings);
  }

  /** Has to come before each change of a file of the root: what is there is put back if the transaction does not end. */
  touch(...paths: readonly string[]): void {
    if (!this.run.settings.on('noaction')) this.#undo.before(paths);
  }

  /** Removes a file of the root. */
  unlink(path: string): void {
    this.touch(path);
    unlinkIfExists(path);
  }

  /** Makes the changes final, or takes them back where the database could not be written. */
  end(): void {
    if (this.#isWritten || !this.#undo.isUnfinished) this.#undo.commit();
    else this.#undo.rollBack();
  }

  /** Places entries in a destination; one for all its packages, which remembers where folders are. */
  placerFor(root: string): Placer {
    const known = this.#placers.get(root);
    if (known !== undefined) return known;
    const made = new Placer(toPath(root), (path) => this.touch(path));
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
    if (!run.changed || run.settings.on('noaction')) {
      this.#isWritten = true;
      return;
    }
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
    this.#isWritten = true;
  }

  #writeStatus(path: string, bytes: Uint8Array): void {
    const before = readFileIfExists(path);
    if (before !== undefined && Buffer.compare(before, bytes) === 0) return;
    mkdirp(dirname(path));
    this.touch(path);
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
    this.touch(toPath(path));
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

/** Where the transactions of a root keep what they change. */
function undoOf({ offlineRoot, defaultDestination }: Settings): Undo {
  const root = toPath(offlineRoot ?? '/');
  const folder = join(dirname(toPath(defaultDestination.infoFolder)), '.opkg-ostree-undo');
  return new Undo(root, folder, new Placer(root));
}

/** Takes back what a run that was cut left in the root; true where there was such a thing. BusyError where another opkg is at work. */
export function takeBackUnfinished(settings: Settings): boolean {
  const undo = undoOf(settings);
  if (!undo.hasLeftovers) return false;
  const lock = lockRoot(settings);
  try {
    const { isUnfinished } = undo;
    undo.rollBack();
    return isUnfinished;
  } finally {
    unlinkIfExists(toPath(settings.lockFile));
    lock.release();
  }
}

function lockRoot({ lockFile }: Settings): HeldLock {
  return acquireLock(toPath(lockFile), { exclusive: true, kind: 'ofd', wait: 0 });
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
  let lock: HeldLock;
  try {
    lock = lockRoot(settings);
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
    const transaction = new Transaction(run, context, scratch);
    try {
      return await body(transaction);
    } finally {
      transaction.end();
    }
  } finally {
    removeTree(scratch);
    unlinkIfExists(toPath(settings.lockFile));
    lock.release();
  }
}
