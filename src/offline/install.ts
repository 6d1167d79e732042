/** Installing one package and what it needs (opkg.md section 8). */
import { isOpkgOstreeError } from '../base/index.ts';
import { compareVersions } from '../ipk/index.ts';
import { conflictsOf, conflictsWith } from './choose.ts';
import { mayPlace, moveOwnership, removeObsolete, takeOwnership } from './clashes.ts';
import { backUp, dropBackups, noteConffiles, resolveConffiles } from './conffiles.ts';
import { replaceFile } from './copy.ts';
import { toPath } from './messages.ts';
import { flags, type Package } from './model.ts';
import { obtainPackage } from './obtain.ts';
import { removeOrphans } from './orphans.ts';
import { eachEntry, openPackageFile, type PackageFile } from './package-file.ts';
import { removeFiles, removeInfo, removePackage } from './remove.ts';
import { runScript, writeScratch } from './scripts.ts';
import { lackOfSpace } from './space.ts';
import { Stopped } from './stopped.ts';
import type { Transaction } from './transaction.ts';

/** Installs the package unless it is there already; false after an error that is noted. */
export function installPackage(
  transaction: Transaction,
  pkg: Package,
  fromUpgrade: boolean,
): Promise<boolean> {
  return new Installation(transaction, pkg, fromUpgrade).run();
}

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
    const lack = lackOfSpace(this.#run.settings, pkg);
    if (lack !== undefined) this.#stop(lack, 'verify_pkg_installable');
    const path = await obtainPackage(this.#transaction, pkg);
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

/** Why an older version does not come. */
export function notDowngrading(old: Package, chosen: Package): string {
  return `Not downgrading package ${old.name} on ${old.destination?.name} from ${old.version} to ${chosen.version}.\n`;
}
