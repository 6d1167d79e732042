/**
 * The switch: writes a list of deployments so that a power cut at any moment leaves the old list or the new one
 * (docs/formats/boot.md has the order and what each step leaves behind).
 *
 * ```
 * boot state -> kernels -> entries + loader files in loader.<B'> -> boot.<B'>.<S'> -> flush -> rename of boot/loader -> flush
 * ```
 */
import { dirname, join } from 'node:path/posix';
import { type OperationContext, RefusedError } from '../base/index.ts';
import {
  exists,
  link,
  linkDurable,
  lstatIfExists,
  mkdirp,
  now,
  readlink,
  readText,
  removeTree,
  renameDurable,
  symlink,
  symlinkDurable,
  tempNameFor,
  writeFile,
} from '../sys/index.ts';
import { type BootEntry, entryField, renderBootEntry, withField } from './bls.ts';
import { readBootState } from './boot-state.ts';
import { type DeploymentItem, deploymentName, sameDeployment } from './deployment.ts';
import { readSubVersion } from './deployments.ts';
import { hasEarlyBoot } from './early-boot.ts';
import { type FirmwareStep, firmwareIsCurrent, publishFirmware } from './firmware.ts';
import { flushFileSystems } from './flush.ts';
import { setStoredCount, setStoredEnvironment } from './fw-setenv.ts';
import type { InitPlace } from './kargs.ts';
import { directoryTree, findKernel, kernelFolder } from './kernel.ts';
import { installKernel, withKernel } from './kernel-install.ts';
import type { LoaderEntry, LoaderFile } from './loaders/index.ts';
import { entryTitle, parseOsRelease } from './os-release.ts';
import { other, type PlannedDeployment, plannedOptions, planSwitch, type SwitchPlan } from './switch-plan.ts';
import type { Sysroot } from './sysroot.ts';
import { beginTrial, loaderTrial, requireGoodKept, trialOf } from './trial.ts';

/** The steps of a switch, in order; what comes after `commit` only tidies up. */
export type SwitchStep =
  | 'state'
  | 'kernels'
  | 'entries'
  | 'loader-files'
  | 'links'
  | 'flush'
  | 'commit'
  | 'flush-after'
  // Only where the loader reads a FAT partition; `firmware-commit` is its commit point.
  | FirmwareStep
  | 'done';

export interface WriteOptions {
  /** Called before each step; what it throws ends the switch there. For tests of crashes. */
  readonly onStep?: (step: SwitchStep) => void;
  /** Write everything anew even where the list is the same. */
  readonly force?: boolean;
  /** Seconds that the admin has to confirm the new default after its checks passed (commit-confirm). */
  readonly confirmSeconds?: number | undefined;
}

/**
 * Makes the list what boots, its first item by default; true when something was written. Items that are not on the old
 * list must have been staged. DEPLOYMENT_BOOTED where the running deployment would be dropped. The caller holds the lock.
 */
export async function writeDeployments(
  sysroot: Sysroot,
  list: readonly DeploymentItem[],
  ctx: OperationContext,
  options: WriteOptions = {},
): Promise<boolean> {
  const current = sysroot.deployments();
  const booted = current.find((deployment) => deployment.booted);
  if (booted !== undefined && !list.some((item) => sameDeployment(item, booted))) {
    throw new RefusedError('DEPLOYMENT_BOOTED', `${booted.id} is running and cannot be dropped`, {
      hint: 'start another deployment first',
    });
  }
  const plan = planSwitch(sysroot.bootVersions(), current, list, {
    // A loader that counts must not go on with the count of the trial that this switch ends.
    entriesToo: trialOf(readBootState(sysroot.path), current) !== undefined,
    forced: options.force,
    sysrootInit: hasEarlyBoot(sysroot.path),
  });
  if (plan.kind === 'none') return false;
  ctx.onProgress({
    phase: 'boot',
    message: `switching to ${list[0] === undefined ? 'nothing' : deploymentName(list[0])}`,
  });
  const step = (name: SwitchStep) => options.onStep?.(name);
  requireGoodKept(sysroot.path, current, list);
  step('state');
  beginTrial(sysroot.path, current, list, options.confirmSeconds);
  if (plan.kind === 'full') fullSwitch(sysroot, plan, step);
  else linksSwitch(sysroot, plan, step);
  step('done');
  sysroot.touch(now());
  return true;
}

type Step = (name: SwitchStep) => void;

/** Same kernels, arguments, titles and order: only what the boot links lead to changes, and /boot is not touched. */
function linksSwitch(sysroot: Sysroot, plan: SwitchPlan, step: Step): void {
  step('links');
  const name = writeBootLinks(sysroot, plan);
  step('flush');
  flushFileSystems([join(sysroot.path, 'ostree')]);
  step('commit');
  symlinkDurable(name, join(sysroot.path, `ostree/boot.${plan.boot}`));
  step('flush-after');
  flushFileSystems([join(sysroot.path, 'ostree')]);
}

function fullSwitch(sysroot: Sysroot, plan: SwitchPlan, step: Step): void {
  const boot = join(sysroot.path, 'boot');
  const folder = join(boot, `loader.${plan.boot}`);
  followEntries(sysroot);
  setStoredEnvironment(sysroot);
  step('kernels');
  const entries = plan.deployments.map((planned, index) => finalEntry(sysroot, plan, planned, index));
  step('entries');
  removeTree(folder);
  mkdirp(join(folder, 'entries'));
  plan.deployments.forEach(({ item }, index) => {
    const entry = entries[index];
    if (entry === undefined) return;
    const name = `ostree-${plan.deployments.length - index}-${item.stateroot}.conf`;
    writeFile(join(folder, 'entries', name), renderBootEntry(entry));
  });
  step('loader-files');
  writeLoaderFiles(
    sysroot,
    folder,
    plan.deployments.map(({ item }) => item),
    entries,
  );
  step('links');
  symlinkDurable(writeBootLinks(sysroot, plan), join(sysroot.path, `ostree/boot.${plan.boot}`));
  // So that `/boot/...` is a path on a boot partition too.
  if (!exists(join(boot, 'boot'))) symlink('.', join(boot, 'boot'));
  symlink(`loader.${plan.boot}`, join(folder, linkName));
  keepLink(boot);
  step('flush');
  flushFileSystems([join(sysroot.path, 'ostree'), boot]);
  step('commit');
  renameDurable(beside(join(folder, linkName), boot), join(boot, 'loader'));
  step('flush-after');
  flushFileSystems([join(sysroot.path, 'ostree'), boot]);
  publishFirmware(sysroot, plan.boot, entries, step);
  const items = plan.deployments.map(({ item }) => item);
  setStoredCount(sysroot, loaderTrial(sysroot.path, items) !== undefined);
}

/**
 * Another name of the symlink boot/loader, in the folder that it leads to. A loader that does not replay the journal sees the
 * blocks of the rename one by one: the directory names the new inode or the old one, and both have to be whole on the disk. The new
 * one is flushed before, the old one is not freed, because it has this name too.
 */
const linkName = 'link';

/** Gives the current boot/loader its other name, where another tool or an older version made it. */
function keepLink(boot: string): void {
  const current = join(boot, 'loader');
  if (!exists(current)) return;
  const name = join(boot, readlink(current), linkName);
  if (!exists(name) && exists(dirname(name))) linkDurable(current, name);
}

/** A hard link of the file below a temporary name of the folder. */
function beside(path: string, folder: string): string {
  const temp = tempNameFor(join(folder, 'loader'));
  link(path, temp);
  return temp;
}

/**
 * Brings a FAT partition in line with the entries that stand, where a power cut came between the two: what it starts may need the
 * bootversion that the next switch overwrites. True when something was written.
 */
export function followEntries(sysroot: Sysroot): boolean {
  const deployments = sysroot.deployments();
  const { boot } = sysroot.bootVersions();
  if (deployments.length === 0 || firmwareIsCurrent(sysroot, boot)) return false;
  publishFirmware(
    sysroot,
    boot,
    deployments.map(({ entry }) => entry),
  );
  return true;
}

/** Makes `ostree/boot.<B>.<S>` for the S that is not in use, and returns its name. */
function writeBootLinks(sysroot: Sysroot, plan: SwitchPlan): string {
  const name = `boot.${plan.boot}.${other(readSubVersion(sysroot.path, plan.boot))}`;
  const root = join(sysroot.path, 'ostree', name);
  removeTree(root);
  mkdirp(root);
  for (const { item, bootSerial } of plan.deployments) {
    const folder = join(root, item.stateroot, item.bootChecksum);
    mkdirp(folder);
    const target = `../../../deploy/${item.stateroot}/deploy/${deploymentName(item)}`;
    symlink(target, join(folder, String(bootSerial)));
  }
  return name;
}

/** The entry as it will stand: title, place, boot link, and a kernel that is really there. */
function finalEntry(
  sysroot: Sysroot,
  plan: SwitchPlan,
  planned: PlannedDeployment,
  index: number,
): BootEntry {
  const { item } = planned;
  const withFiles = ensureKernel(sysroot, item);
  const title = entryTitle({
    osRelease: parseOsRelease(readOsRelease(item.path)),
    version: item.version,
    index,
    stateroot: plan.severalStateroots ? item.stateroot : undefined,
  });
  const place = entryField(withFiles, 'initrd') !== undefined ? 'initramfs' : sysrootPlace(sysroot);
  let entry = withField(withFiles, 'title', title);
  entry = withField(entry, 'version', String(plan.deployments.length - index));
  return withField(entry, 'options', plannedOptions(planned, place));
}

function sysrootPlace(sysroot: Sysroot): InitPlace {
  return hasEarlyBoot(sysroot.path) ? 'sysroot' : 'deployment';
}

/** The item's entry when the kernel that it names is in /boot; otherwise the kernel is installed from the deployment. */
function ensureKernel(sysroot: Sysroot, item: DeploymentItem): BootEntry {
  const boot = join(sysroot.path, 'boot');
  const named = ['linux', 'initrd', 'devicetree', 'fdtdir'].map((key) => entryField(item.entry, key));
  const present = named.every((path) => path === undefined || exists(join(boot, path)));
  if (named[0] !== undefined && present) return item.entry;
  const layout = findKernel(directoryTree(item.path));
  const folder = kernelFolder(item.stateroot, item.bootChecksum);
  installKernel(sysroot.path, item.path, folder, layout);
  return withKernel(item.entry, folder, layout);
}

function writeLoaderFiles(
  sysroot: Sysroot,
  folder: string,
  items: readonly DeploymentItem[],
  entries: readonly BootEntry[],
): void {
  for (const { name, text } of renderLoaderFiles(sysroot, items, entries))
    writeFile(join(folder, name), text);
}

/** What the loader reads, for that list and its entries. */
export function renderLoaderFiles(
  sysroot: Sysroot,
  items: readonly DeploymentItem[],
  entries: readonly BootEntry[],
): readonly LoaderFile[] {
  const trial = loaderTrial(sysroot.path, items);
  const options = { ...sysroot.loaderOptions, ...(trial === undefined ? {} : { trial }) };
  return sysroot.loader.render(loaderEntries(items, entries), options);
}

/** The entries with what the first deployment's tree adds to U-Boot's environment. */
function loaderEntries(
  items: readonly { readonly path: string }[],
  entries: readonly BootEntry[],
): LoaderEntry[] {
  return entries.map((entry, index) => {
    const extra =
      index === 0 ? readPlain(join(items[index]?.path ?? '', 'usr/lib/ostree-boot/uEnv.txt')) : undefined;
    return extra === undefined ? { entry } : { entry, extraEnvironment: extra };
  });
}

function readOsRelease(path: string): string {
  for (const name of ['usr/lib/os-release', 'usr/etc/os-release', 'etc/os-release']) {
    const text = readPlain(join(path, name));
    if (text !== undefined) return text;
  }
  return '';
}

const maxPlainBytes = 64 * 1024;

/** A small regular file's text; symlinks are not followed: on the sysroot they would lead out of the tree. */
function readPlain(path: string): string | undefined {
  const stats = lstatIfExists(path);
  if (stats?.isFile() !== true || stats.size > maxPlainBytes) return undefined;
  return readText(path);
}
