/** Installing one package and what it needs (opkg.md section 8). */
import { isOpkgOstreeError } from '../base/index.ts';
import { compareVersions } from '../ipk/index.ts';
import { currentFolder, fileSystemSpace, mkdirp, statIfExists } from '../sys/index.ts';
import { conflictsOf, conflictsWith } from './choose.ts';
import { mayPlace, moveOwnership, removeObsolete, takeOwnership } from './clashes.ts';
import { backUp, dropBackups, noteConffiles, resolveConffiles } from './conffiles.ts';
import { replaceFile } from './copy.ts';
import { downloadPackage, isIntact } from './download.ts';
import { toByteText, toPath } from './messages.ts';
import { flags, type Package } from './model.ts';
import { eachEntry, openPackageFile, type PackageFile } from './package-file.ts';
import { countDependents, removeFiles, removeInfo, removePackage } from './remove.ts';
import { runScript, writeScratch } from './scripts.ts';
import type { Transaction } from './transaction.ts';
import { isSigned } from './verify.ts';

/** Installs the package unless it is there already; false after an error that is noted. */
export function installPackage(
  transaction: Transaction,
  pkg: Package,
  fromUpgrade: boolean,
): Promise<boolean> {
  return new Installation(transaction, pkg, fromUpgrade).run();
}

/** Chooses the package of that name and installs it; asking for a name makes it the user's. */
export async function installByName(transaction: Transaction, name: string): Promise<boolean> {
  const { run } = transaction;
  const old = run.universe.installedByName(name);
  const chosen = run.chooser.byName(name);
  if (chosen === undefined) {
    run.messages.notice(`Unknown package '${name}'.\n`);
    return false;
  }
  chosen.flags |= flags.user;
  if (old !== undefined) {
    let order = compareVersions(old.version ?? '', chosen.version ?? '');
    if (run.settings.on('force_downgrade') && order > 0) order = -1;
    if (order === 0) {
      run.messages.notice(
        `Package ${old.name} (${old.version}) installed in ${old.destination?.name} is up to date.\n`,
      );
      return true;
    }
    if (order > 0) {
      run.messages.notice(notDowngrading(old, chosen));
      return true;
    }
    chosen.destination = old.destination;
    old.want = 'deinstall';
  }
  return installPackage(transaction, chosen, false);
}

/** Upgrades an installed package to the best that the lists have. */
export async function upgradePackage(transaction: Transaction, old: Package): Promise<boolean> {
  const { run } = transaction;
  if (old.has(flags.hold)) {
    run.messages.notice(
      `Not upgrading package ${old.name} which is marked hold (flags=0x${old.flags.toString(16)}).\n`,
    );
    return true;
  }
  const chosen = run.chooser.byName(old.name);
  if (chosen === undefined) {
    run.messages.notice(`Assuming locally installed package ${old.name} (${old.version}) is up to date.\n`);
    return true;
  }
  const order = compareVersions(old.version ?? '', chosen.version ?? '');
  if (order === 0) {
    run.messages.info(
      'opkg_upgrade_pkg',
      `Package ${old.name} (${old.version}) installed in ${old.destination?.name} is up to date.\n`,
    );
    return true;
  }
  if (order > 0) {
    run.messages.notice(notDowngrading(old, chosen));
    return true;
  }
  chosen.destination = old.destination;
  old.want = 'deinstall';
  chosen.flags |= flags.user;
  return installPackage(transaction, chosen, true);
}

function notDowngrading(old: Package, chosen: Package): string {
  return `Not downgrading package ${old.name} on ${old.destination?.name} from ${old.version} to ${chosen.version}.\n`;
}

/** Ends an installation that failed after its error was noted. */
class Stopped extends Error {}

/** One package on its way; the steps and their order are opkg's. */
class Installation {
  readonly #transaction: Transaction;
  readonly #pkg: Package;
  readonly #fromUpgrade: boolean;
  #old: Package | undefined;

  constructor(transaction: Transaction, pkg: Package, fromUpgrade: boolean) {
    this.#transaction = transaction;
    this.#pkg = pkg;
    this.#fromUpgrade = fromUpgrade;
  }

  async run(): Promise<boolean> {
    try {
      await this.#steps();
      return true;
    } catch (error) {
      if (error instanceof Stopped) return false;
      throw error;
    }
  }

  get #run() {
    return this.#transaction.run;
  }

  get #nodeps(): boolean {
    return this.#run.settings.on('nodeps');
  }

  #stop(text: string, where = 'opkg_install_pkg'): never {
    this.#run.messages.error(where, text);
    throw new Stopped();
  }

  async #steps(): Promise<void> {
    const pkg = this.#pkg;
    const { settings, messages, universe } = this.#run;
    if (pkg.state === 'installed' && !this.#nodeps) {
      await this.#satisfy();
      messages.notice(`Package ${pkg.name} is already installed on ${pkg.destination?.name}.\n`);
      return;
    }
    pkg.destination ??= settings.defaultDestination;
    this.#old = universe.installedByName(pkg.name);
    this.#announce();
    pkg.want = 'install';
    if (this.#old !== undefined) this.#old.want = 'deinstall';
    this.#checkConflicts();
    if (pkg.state === 'installed') return;
    this.#checkSpace();
    const path = await this.#obtain();
    if (settings.on('download_only')) {
      if (!this.#nodeps) await this.#satisfy();
      return;
    }
    const file = await this.#open(path);
    const files = file.names.map((name) => `${pkg.destination?.root}${name}`);
    takeOwnership(this.#transaction, files, pkg, this.#old);
    if (!this.#nodeps) {
      await this.#satisfy();
      // A circle of dependencies may have brought it meanwhile.
      if (this.#pkg.isPresent && this.#pkg.state === 'unpacked') return;
    }
    await this.#change(file, files);
  }

  #announce(): void {
    const { settings, messages } = this.#run;
    const pkg = this.#pkg;
    const old = this.#old;
    const say = (text: string) => {
      if (!settings.on('download_only')) messages.notice(text);
    };
    if (old === undefined) {
      const verb = this.#fromUpgrade ? 'Upgrading' : 'Installing';
      say(`${verb} ${pkg.name} (${pkg.version}) to ${pkg.destination?.name}...\n`);
      return;
    }
    const order = compareVersions(old.version ?? '', pkg.version ?? '');
    const where = `${old.destination?.name}`;
    if (order === 0) {
      say(`${pkg.name} (${pkg.version}) already install on ${where}.\n`);
      throw new Stopped();
    }
    if (order > 0 && !settings.on('force_downgrade')) {
      say(notDowngrading(old, pkg));
      throw new Stopped();
    }
    const verb = order > 0 ? 'Downgrading' : 'Upgrading';
    say(`${verb} ${pkg.name} on ${where} from ${old.version} to ${pkg.version}...\n`);
    pkg.destination = old.destination;
  }

  #checkConflicts(): void {
    const { settings, messages } = this.#run;
    if (settings.on('force_depends')) return;
    const conflicts = conflictsOf(this.#pkg);
    if (conflicts.length === 0) return;
    const where = 'check_conflicts_for';
    messages.error(where, `The following packages conflict with ${this.#pkg.name}:\n`);
    for (const { name } of conflicts) messages.error(where, `\t${name}`);
    messages.error(undefined, '\n');
    throw new Stopped();
  }

  #checkSpace(): void {
    const { settings } = this.#run;
    const pkg = this.#pkg;
    if (settings.on('force_space') || pkg.installedSize === 0) return;
    const overlay = settings.value('overlay_root');
    const useOverlay =
      pkg.destination?.name === 'root' &&
      overlay !== undefined &&
      statIfExists(toPath(overlay))?.isDirectory();
    const root = useOverlay === true ? overlay : (pkg.destination ?? settings.defaultDestination).root;
    const free = Math.floor(fileSystemSpace(toPath(root)).free / 1024);
    const needed = Math.ceil(pkg.installedSize / 1024);
    if (needed < free) return;
    this.#stop(
      `Only have ${free}kb available on filesystem ${root}, pkg ${pkg.name} needs ${needed}\n`,
      'verify_pkg_installable',
    );
  }

  /** The package file, downloaded where it is not here, checked against what the list says. */
  async #obtain(): Promise<string> {
    const { settings, messages } = this.#run;
    const pkg = this.#pkg;
    if (pkg.file === undefined) {
      const keep = settings.on('download_only') && settings.value('cache') === undefined;
      const folder = keep ? toByteText(currentFolder()) : this.#scratchFolder('download');
      if (!(await downloadPackage(this.#run, pkg, folder, this.#transaction.signal)))
        this.#stop(`Failed to download ${pkg.name}. Perhaps you need to run 'opkg update'?\n`);
    }
    const path = pkg.file ?? '';
    await this.#checkSignature();
    if (isIntact(this.#run, pkg, path)) return path;
    if (!settings.on('force_checksum')) {
      this.#stop(
        `Checksum or size mismatch for package ${pkg.name}. Either the opkg or the package index are corrupt. Try 'opkg update'.\n`,
      );
    }
    messages.notice(`Ignored ${pkg.name} checksum or size mismatch.\n`);
    return path;
  }

  #scratchFolder(name: string): string {
    const folder = this.#transaction.scratch(name);
    mkdirp(toPath(folder));
    return folder;
  }

  /** A package of a feed is only as good as its list, which may have been changed since it came. */
  async #checkSignature(): Promise<void> {
    const { settings } = this.#run;
    const { source, name } = this.#pkg;
    if (!settings.on('check_signature') || source === undefined) return;
    const list = `${settings.listsFolder}/${source.name}`;
    if (!this.#run.exists(`${list}.sig`)) {
      const text = `Signature file is missing for ${name}. Perhaps you need to run 'opkg update'?\n`;
      if (!settings.on('force_signature')) this.#stop(text);
      this.#run.messages.error('opkg_install_pkg', text);
    } else if (!(await isSigned(this.#run, list, `${list}.sig`))) {
      const text = `Failed to verify the signature of ${list}.\n`;
      if (!settings.on('force_signature')) this.#stop(text);
      this.#run.messages.error('opkg_install_pkg', text);
    }
  }

  async #open(path: string): Promise<PackageFile> {
    try {
      const file = await openPackageFile(path);
      noteConffiles(this.#transaction, this.#pkg, file.conffiles);
      return file;
    } catch (error) {
      if (!isOpkgOstreeError(error) || error.kind === 'interrupted') throw error;
      this.#run.messages.error('openPackageFile', `${error.message}.\n`);
      return this.#stop(`Failed to unpack control files from ${path}.\n`);
    }
  }

  /** Installs what the package needs and what is not on disk yet. */
  async #satisfy(): Promise<void> {
    const { settings, messages, chooser } = this.#run;
    const pkg = this.#pkg;
    const { install, unresolved } = chooser.missing(pkg, 'install');
    if (unresolved.length > 0) {
      messages.error(
        'satisfy_dependencies_for',
        `Cannot satisfy the following dependencies for ${pkg.name}:\n`,
      );
      for (const [index, item] of unresolved.entries())
        if (item !== unresolved[index - 1]) messages.error(undefined, `\t${item}\n`);
      if (!settings.on('force_depends')) throw new Stopped();
    }
    for (const dependency of install) {
      dependency.destination ??= pkg.destination;
      dependency.want = 'install';
    }
    for (const dependency of install) {
      if (dependency.isPresent) continue;
      const done = await installPackage(this.#transaction, dependency, false);
      dependency.autoInstalled = true;
      if (!done) throw new Stopped();
    }
  }

  async #change(file: PackageFile, files: readonly string[]): Promise<void> {
    const transaction = this.#transaction;
    const pkg = this.#pkg;
    const old = this.#old;
    const replaced = this.#installedReplaced();
    this.#run.changed = true;
    pkg.flags |= flags.filelistChanged;
    if (old !== undefined) {
      removeOrphans(transaction, pkg, old);
      old.isUpgrade = true;
      pkg.isUpgrade = true;
    }
    try {
      for (const other of replaced) {
        other.flags |= flags.replace;
        if (!removePackage(transaction, other)) throw new Stopped();
      }
      this.#runBefore(file);
      backUp(transaction, pkg, old);
      if (!mayPlace(transaction, files, pkg, old)) {
        dropBackups(transaction, pkg, old);
        throw new Stopped();
      }
      this.#runOld('postrm');
    } catch (error) {
      // What was taken away for a package that does not come is put back.
      if (error instanceof Stopped) {
        for (const other of replaced) {
          if (other.state !== 'installed') await installPackage(transaction, other, false);
        }
      }
      throw error;
    }
    if (this.#run.settings.on('noaction')) return;
    await this.#unpack(file, files);
  }

  /** Installed packages that this one replaces and conflicts with. */
  #installedReplaced(): Package[] {
    return (this.#pkg.replaces ?? [])
      .flatMap(({ packages }) => packages ?? [])
      .filter((other) => other.state === 'installed' && conflictsWith(this.#pkg, other));
  }

  /** The old version's prerm, then the new one's preinst. */
  #runBefore(file: PackageFile): void {
    const pkg = this.#pkg;
    const old = this.#old;
    this.#runOld('prerm');
    const scratch = this.#transaction.scratch(pkg.name);
    if (file.members.some(({ name }) => name === 'preinst')) writeScratch(file, scratch);
    const args =
      old !== undefined
        ? ['upgrade', old.version ?? '']
        : pkg.state === 'config-files'
          ? ['install', pkg.version ?? '']
          : ['install'];
    if (runScript(this.#run, this.#transaction.runner, pkg, 'preinst', args, scratch) !== 0)
      this.#stop(`Aborting installation of ${pkg.name}.\n`, 'preinst_configure');
  }

  #runOld(script: 'prerm' | 'postrm'): void {
    const old = this.#old;
    if (old === undefined) return;
    const args = ['upgrade', this.#pkg.version ?? ''];
    if (runScript(this.#run, this.#transaction.runner, old, script, args, undefined) !== 0)
      this.#stop(`${script} script for package "${old.name}" failed\n`, `${script}_upgrade_old_pkg`);
  }

  async #unpack(file: PackageFile, files: readonly string[]): Promise<void> {
    const transaction = this.#transaction;
    const { run } = transaction;
    const pkg = this.#pkg;
    const old = this.#old;
    if (old !== undefined) {
      old.want = 'deinstall';
      if (!old.has(flags.noprune)) removeObsolete(transaction, files, old);
      removeFiles(transaction, old);
      removeInfo(transaction, old);
    }
    run.messages.info(
      'opkg_install_pkg',
      `${pkg.isUpgrade ? 'Upgrading' : 'Installing'} maintainer scripts.\n`,
    );
    this.#writeInfo(file);
    run.messages.info('opkg_install_pkg', `Installing data files for ${pkg.name}.\n`);
    const placer = transaction.placerFor(pkg.destination?.root ?? '/');
    transaction.touch(...file.names.map((name) => placer.locate(toPath(name))));
    try {
      await eachEntry(file.path, (entry) => placer.place(entry));
    } catch (error) {
      if (!isOpkgOstreeError(error) || error.kind === 'interrupted') throw error;
      run.messages.error('install_data_files', `${error.message}.\n`);
      this.#stop(`Failed to extract data files for ${pkg.name}. Package debris may remain!\n`);
    }
    pkg.files = [...files];
    transaction.writeFileList(pkg);
    moveOwnership(transaction, files, pkg);
    run.messages.info('opkg_install_pkg', `Resolving conf files for ${pkg.name}\n`);
    resolveConffiles(transaction, pkg);
    pkg.state = 'unpacked';
    pkg.flags &= ~flags.prefer;
    if (old !== undefined) old.state = 'not-installed';
    pkg.installedTime = transaction.now();
    if (pkg.parent !== undefined) pkg.parent.state = 'unpacked';
  }

  #writeInfo({ members }: PackageFile): void {
    const folder = this.#pkg.destination?.infoFolder ?? '';
    const pathOf = (name: string) => toPath(`${folder}/${this.#pkg.name}.${name}`);
    this.#transaction.touch(...members.map(({ name }) => pathOf(name)));
    for (const { name, bytes, mode } of members) replaceFile(pathOf(name), bytes, mode);
  }
}

/** Removes what only the old version needed and was pulled in for it, as opkg does even without `--autoremove`. */
function removeOrphans(transaction: Transaction, pkg: Package, old: Package): void {
  const { universe, messages } = transaction.run;
  const kept = new Set(
    (pkg.requirements ?? [])
      .filter(({ kind }) => kind === 'depend')
      .flatMap(({ possibilities }) => possibilities),
  );
  for (const { kind, possibilities } of old.requirements ?? []) {
    if (kind !== 'depend') continue;
    for (const possibility of possibilities) {
      if (kept.has(possibility)) continue;
      const dependency = universe.installedByName(possibility.target.name);
      if (dependency?.autoInstalled !== true) continue;
      const others = countDependents(dependency) - 1;
      if (others === 0) {
        messages.notice(`${dependency.name} was autoinstalled and is now orphaned, removing.\n`);
        dependency.flags |= flags.replace;
        removePackage(transaction, dependency);
      } else {
        messages.info(
          'pkg_remove_orphan_dependent',
          `${dependency.name} was autoinstalled and is still required by ${others} installed packages.\n`,
        );
      }
    }
  }
}
