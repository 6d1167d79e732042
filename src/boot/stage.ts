/**
 * Makes a deployment on disk: checkout, `/etc`, origin, kernel. Nothing names it until the switch, so that a crash at
 * any point leaves a folder which the next run sweeps.
 */
import { dirname, join } from 'node:path/posix';
import { type Checksum, type OperationContext, RefusedError, throwIfAborted } from '../base/index.ts';
import { checkout } from '../ostree/index.ts';
import { copyEtcTree, type EtcReport, readEtcTree, refuseTypeConflicts } from '../state/index.ts';
import {
  lstatIfExists,
  mkdirp,
  readdirIfExists,
  removeTree,
  rename,
  rmdir,
  tempNameFor,
  unlinkIfExists,
  writeFileDurable,
} from '../sys/index.ts';
import { type BootEntry, entryField, withField } from './bls.ts';
import {
  type Deployment,
  deployFolder,
  deploymentId,
  deploymentPath,
  parseDeploymentName,
} from './deployment.ts';
import { commitVersion } from './deployments.ts';
import { planEtcOf } from './etc.ts';
import { firmwareSpaceFor, installFirmwareKernel, sweepFirmware } from './firmware.ts';
import { renderKargs } from './kargs.ts';
import { bootChecksum, commitTree, findKernel, type KernelLayout, kernelFolder } from './kernel.ts';
import {
  bootSpaceFor,
  installKernel,
  removeUnusedKernels,
  requireBootSpace,
  withKernel,
} from './kernel-install.ts';
import { type Origin, renderOrigin } from './origin.ts';
import { dropStaged, type StagedDeployment } from './staged.ts';
import { sweepDeployments, usedBootChecksums } from './sweep.ts';
import { followEntries } from './switch.ts';
import type { Sysroot } from './sysroot.ts';
import { defaultKargs } from './target.ts';

export interface StageRequest {
  readonly commit: Checksum;
  readonly origin: Origin;
  readonly stateroot: string;
  /** Absent: those of `mergeFrom`, else the target's. */
  readonly kargs?: readonly string[];
  /** Where `/etc` comes from at the switch; absent for a fresh one. */
  readonly mergeFrom?: Deployment | undefined;
}

/**
 * A complete deployment that no boot entry names yet. Idempotent: leftovers of an interrupted run go first, a
 * deployment that waited for `finalize` is replaced. The caller holds the sysroot's lock. NOT_BOOTABLE, BOOT_SPACE and ETC_TYPE_CONFLICT come before
 * anything is switched.
 */
export async function stageDeployment(
  sysroot: Sysroot,
  request: StageRequest,
  ctx: OperationContext,
): Promise<StagedDeployment> {
  requireStateroot(sysroot, request.stateroot);
  ctx.onProgress({ phase: 'checkout', message: 'reserving space for the kernel' });
  const tree = commitTree(sysroot.repo, request.commit);
  const layout = findKernel(tree);
  const kernelChecksum = bootChecksum(tree, layout);
  dropStaged(sysroot);
  sweepDeployments(sysroot);
  reserveBootSpace(sysroot, request.stateroot, kernelChecksum, layout);
  throwIfAborted(ctx.signal);

  const identity = { ...request, checksum: request.commit, serial: nextSerial(sysroot, request) };
  const path = deploymentPath(sysroot.path, identity);
  mkdirp(dirname(path));
  try {
    ctx.onProgress({ phase: 'checkout', message: `checking out ${request.commit.slice(0, 12)}` });
    await checkout(sysroot.repo, request.commit, path, { userMode: sysroot.repo.mode !== 'bare' }, ctx);
    throwIfAborted(ctx.signal);
    makeEtc(path);
    const etc = rehearse(sysroot, path, request.mergeFrom, ctx);
    const folder = kernelFolder(request.stateroot, kernelChecksum);
    installKernel(sysroot.path, path, folder, layout);
    installFirmwareKernel(sysroot, folder, kernelChecksum);
    writeFileDurable(`${path}.origin`, renderOrigin(request.origin));
    return {
      stateroot: request.stateroot,
      checksum: request.commit,
      serial: identity.serial,
      bootChecksum: kernelChecksum,
      entry: withKernel(firstEntry(sysroot, request), folder, layout),
      version: commitVersion(sysroot.repo, request.commit),
      path,
      origin: request.origin,
      booted: false,
      pinned: request.origin.pinned,
      mergeFrom: request.mergeFrom === undefined ? undefined : deploymentId(request.mergeFrom),
      etc,
    };
  } catch (error) {
    unlinkIfExists(`${path}.origin`);
    removeTree(path);
    throw error;
  }
}

/**
 * Checks the room on /boot; kernels that no deployment names are dropped first where it is short. BOOT_SPACE otherwise.
 * Installing the kernel while staging is the reservation: the switch then needs a few kilobytes.
 */
export function reserveBootSpace(
  sysroot: Sysroot,
  stateroot: string,
  checksum: string,
  layout: KernelLayout,
): void {
  const space = () => bootSpaceFor(sysroot.path, stateroot, checksum, layout);
  const first = space();
  if (first.needed > first.free) removeUnusedKernels(sysroot.path, usedBootChecksums(sysroot));
  requireBootSpace(space());
  const onFirmware = () => firmwareSpaceFor(sysroot, checksum, layout.files);
  const before = onFirmware();
  if (before === undefined) return;
  // What the firmware starts must be on the list before anything goes.
  if (before.needed > before.free && !followEntries(sysroot))
    sweepFirmware(sysroot, usedBootChecksums(sysroot));
  requireBootSpace(onFirmware() ?? before);
}

function requireStateroot(sysroot: Sysroot, stateroot: string): void {
  if (sysroot.stateroots().includes(stateroot)) return;
  throw new RefusedError('SYSROOT_INVALID', `${sysroot.path} has no stateroot '${stateroot}'`, {
    hint: `there are: ${sysroot.stateroots().join(', ') || 'none'}`,
  });
}

function nextSerial(sysroot: Sysroot, { stateroot, commit }: StageRequest): number {
  const serials = readdirIfExists(deployFolder(sysroot.path, stateroot)).flatMap((name) => {
    const parsed = parseDeploymentName(name);
    return parsed?.checksum === commit ? [parsed.serial] : [];
  });
  return Math.max(-1, ...serials) + 1;
}

/** The entry's options before the boot link is known: explicit arguments, else those of the merge deployment's entry. */
function firstEntry(sysroot: Sysroot, { kargs, mergeFrom }: StageRequest): BootEntry {
  const inherited = mergeFrom === undefined ? undefined : entryField(mergeFrom.entry, 'options');
  const fallback = sysroot.target === undefined ? [] : defaultKargs(sysroot.target);
  const options = kargs === undefined ? (inherited ?? renderKargs(fallback)) : renderKargs(kargs);
  return withField({ fields: [] }, 'options', options);
}

/** `/etc` as a private copy of `usr/etc`: hard links would let the admin's edits reach into the repository. */
function makeEtc(path: string): void {
  const etc = join(path, 'etc');
  const defaults = join(path, 'usr/etc');
  const content = isFilledDirectory(etc);
  const hasDefaults = isFilledDirectory(defaults);
  if (content && hasDefaults) {
    throw new RefusedError('NOT_BOOTABLE', 'the commit has files in both /etc and /usr/etc', {
      hint: 'compose it again: defaults belong to /usr/etc',
    });
  }
  if (content) {
    removeTree(defaults);
    rename(etc, defaults);
  } else if (lstatIfExists(etc)?.isDirectory() === true) {
    rmdir(etc);
  }
  if (lstatIfExists(defaults)?.isDirectory() !== true) return;
  const temp = tempNameFor(etc);
  copyEtcTree(defaults, temp);
  unlinkIfExists(join(temp, '.updated'));
  rename(temp, etc);
}

function isFilledDirectory(path: string): boolean {
  return lstatIfExists(path)?.isDirectory() === true && readdirIfExists(path).length > 0;
}

function rehearse(
  sysroot: Sysroot,
  path: string,
  mergeFrom: Deployment | undefined,
  ctx: OperationContext,
): EtcReport | undefined {
  if (mergeFrom === undefined) return undefined;
  ctx.onProgress({ phase: 'merge-etc', message: 'rehearsing the merge of /etc' });
  return refuseTypeConflicts(planEtcOf(sysroot, mergeFrom, readEtcTree(join(path, 'usr/etc')), path));
}
