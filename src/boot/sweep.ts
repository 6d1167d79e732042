/** Takes away what no deployment uses: leftovers of killed runs and deployments that left the list. */
import { join } from 'node:path/posix';
import { SystemError } from '../base/index.ts';
import {
  errnoOf,
  findProgram,
  lstatIfExists,
  readdirIfExists,
  removeTree,
  runSync,
  unlinkIfExists,
} from '../sys/index.ts';
import { stateFolder } from './boot-state.ts';
import { deployFolder, deploymentId, parseDeploymentName } from './deployment.ts';
import { type BootVersions, runningSystem } from './deployments.ts';
import { readStaged } from './staged.ts';
import { other } from './switch-plan.ts';
import type { Sysroot } from './sysroot.ts';

/** Temporary names of ours carry this (src/sys/durable.ts). */
const tempMark = '.tmp-';

/** The boot checksums of all deployments and of the one that waits for `finalize`. */
export function usedBootChecksums(sysroot: Sysroot): Set<string> {
  const staged = readStaged(sysroot);
  const items = staged === undefined ? sysroot.deployments() : [...sysroot.deployments(), staged];
  return new Set(items.map((item) => item.bootChecksum));
}

/**
 * Removes the folders of deployments that neither the boot entries nor the staged record name, and temporary files beside them. The
 * folder goes last: it is what says that there is something to sweep. Returns the ids that went.
 */
export function sweepDeployments(sysroot: Sysroot): string[] {
  const staged = readStaged(sysroot);
  const kept = new Set(sysroot.deployments().map((deployment) => deployment.id));
  if (staged !== undefined) kept.add(deploymentId(staged));
  const removed: string[] = [];
  for (const stateroot of sysroot.stateroots()) {
    const folder = deployFolder(sysroot.path, stateroot);
    const names = readdirIfExists(folder);
    for (const name of names) {
      const base = name.endsWith('.origin') ? name.slice(0, -'.origin'.length) : name;
      const parsed = parseDeploymentName(base);
      if (parsed === undefined) {
        if (name.includes(tempMark)) removeDeployment(join(folder, name));
        continue;
      }
      const id = deploymentId({ stateroot, ...parsed });
      if (kept.has(id)) continue;
      // An origin without its folder is all that is left of a removal that was cut short.
      if (base !== name && !names.includes(base)) unlinkIfExists(join(folder, name));
      if (base === name && !isRunningRoot(join(folder, name))) {
        removeTree(join(sysroot.path, 'ostree/deploy', stateroot, 'backing', name));
        unlinkIfExists(join(folder, `${name}.origin`));
        removeDeployment(join(folder, name));
        removed.push(id);
      }
    }
  }
  return removed;
}

/** Removes the entries and boot links that are not in use, and temporary links of switches that were cut short. */
export function sweepBootVersions(sysroot: Sysroot, { boot, sub }: BootVersions): void {
  const idle = other(boot);
  removeTree(join(sysroot.path, `boot/loader.${idle}`));
  unlinkIfExists(join(sysroot.path, 'boot/loader.tmp'));
  unlinkIfExists(join(sysroot.path, `ostree/boot.${idle}`));
  for (const name of [`boot.${idle}.0`, `boot.${idle}.1`, `boot.${boot}.${other(sub)}`]) {
    removeTree(join(sysroot.path, 'ostree', name));
  }
  for (const folder of [
    'boot',
    'ostree',
    stateFolder,
    `boot/loader.${boot}`,
    `boot/loader.${boot}/entries`,
  ]) {
    for (const name of readdirIfExists(join(sysroot.path, folder))) {
      if (name.startsWith('.') && name.includes(tempMark)) removeTree(join(sysroot.path, folder, name));
    }
  }
}

/** The real ostree marks deployments immutable: the flag goes first where chattr exists. */
function removeDeployment(path: string): void {
  try {
    removeTree(path);
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno !== 'EPERM' && errno !== 'EACCES') throw error;
    const chattr = findProgram('chattr');
    if (chattr === undefined) {
      throw new SystemError('COMMAND_MISSING', `${path} is marked immutable and chattr is not installed`, {
        cause: error,
        hint: "install the package 'chattr', or remove the folder with 'ostree admin cleanup'",
      });
    }
    runSync(chattr, ['-i', path]);
    removeTree(path);
  }
}

function isRunningRoot(path: string): boolean {
  const root = lstatIfExists(runningSystem.root);
  const stats = lstatIfExists(path);
  return root !== undefined && stats !== undefined && root.dev === stats.dev && root.ino === stats.ino;
}
