/** A disk image that boots, from a branch of a repository. */
import { basename, dirname, join } from 'node:path/posix';
import { type Checksum, RefusedError, toRefName, UsageError } from '../base/index.ts';
import {
  changeKargs,
  defaultKargs,
  findTarget,
  finishDeployment,
  type ImageLayout,
  loaderFor,
  loaderOptions,
  mergeEnvironment,
  newOrigin,
  Sysroot,
  stageDeployment,
  type Target,
} from '../boot/index.ts';
import {
  buildImage,
  type LoaderSource,
  planDisk,
  requireImageTools,
  type StoredEnvironment,
} from '../image/index.ts';
import { pullLocal, Repository } from '../ostree/index.ts';
import { atTime, makeTempDir, rememberingOwners, removeTree, writeFile } from '../sys/index.ts';
import type { Environment } from './environment.ts';

export interface BuildImageRequest {
  readonly target: string;
  /** The folder of a repository. */
  readonly repo: string;
  readonly branch: string;
  readonly output: string;
  readonly bytes: number;
  readonly stateroot: string;
  /** Kernel arguments after the target's own. */
  readonly kargs: readonly string[];
  /** What the board's loader comes from: a file or a folder; `none` for an image without it. */
  readonly loader: string | undefined;
}

export interface BuildImageResult {
  readonly output: string;
  readonly target: string;
  readonly bytes: number;
  readonly checksum: Checksum;
  readonly kargs: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Makes the image: a sysroot in a folder beside it, the branch's newest commit deployed there, and the disk around it.
 * UNKNOWN_TARGET for a board without an image layout. Any user can make one: owners are remembered, and set in the image.
 */
export async function buildDiskImage(
  env: Environment,
  request: BuildImageRequest,
): Promise<BuildImageResult> {
  const target = findTarget(request.target);
  const layout = target.image;
  if (layout === undefined) {
    throw new RefusedError('UNKNOWN_TARGET', `no disk image can be made for ${target.title}`, {
      hint: "'sysroot init' and 'deploy' work on a mounted disk of your own",
    });
  }
  const loader = loaderSource(target, layout, request.loader);
  const source = Repository.open(request.repo);
  const branch = toRefName(request.branch);
  const commit = source.resolveRev(branch);
  const { label, first, partitions } = layout;
  const seed = `${target.id} ${commit}`;
  const plan = planDisk({ label, bytes: request.bytes, first, partitions, seed });
  const efiPlatform = efiPlatformOf(target);
  requireImageTools(plan, efiPlatform);
  const kargs = changeKargs([`root=PARTUUID=${plan.sysroot.uuid}`, ...defaultKargs(target)], {
    append: request.kargs,
  });
  const environment = storedEnvironment(target);
  // What is stamped with a time gets that of the commit.
  const made = source.loadCommit(commit).timestamp * 1000;
  const build = async () => {
    const folder = makeTempDir(`.${basename(request.output)}.sysroot-`, dirname(request.output));
    try {
      const { sysroot, notes } = await fillSysroot(env, request, target, { source, commit, kargs, folder });
      if (request.loader === 'none' && layout.loader !== undefined) {
        notes.push(`the image does not start by itself: it has no loader (${layout.loader.what})`);
      }
      await buildImage(
        {
          plan,
          sysroot,
          output: request.output,
          efiPlatform,
          ...(loader === undefined ? {} : { loader }),
          ...(environment === undefined ? {} : { environment }),
        },
        env,
      );
      env.onProgress({ phase: 'done' });
      return { output: request.output, target: target.id, bytes: plan.bytes, checksum: commit, kargs, notes };
    } finally {
      removeTree(folder);
    }
  };
  return await atTime(made, async () => await rememberingOwners(build));
}

/** Makes the sysroot with its first deployment in a folder. */
async function fillSysroot(
  env: Environment,
  { branch, stateroot }: BuildImageRequest,
  target: Target,
  from: { source: Repository; commit: Checksum; kargs: readonly string[]; folder: string },
): Promise<{ sysroot: string; notes: string[] }> {
  const { source, commit, kargs, folder } = from;
  const ref = toRefName(branch);
  const sysroot = Sysroot.init(join(folder, 'sysroot'), { target, stateroot });
  await pullLocal(sysroot.repo, source, [ref], {}, env);
  const notes = await sysroot.withLock(async () => {
    const origin = newOrigin(ref);
    const staged = await stageDeployment(sysroot, { commit, origin, stateroot, kargs }, env);
    return [...(await finishDeployment(sysroot, staged, env)).notes];
  }, env);
  // Asks the first start to make the sysroot as large as the disk (files/usr/lib/opkg-ostree/grow.sh).
  writeFile(join(sysroot.path, 'ostree/opkg-ostree/grow'), '');
  return { sysroot: sysroot.path, notes };
}

/** Where the loader comes from; USAGE, saying what to pass, where the board needs one and none is named. */
function loaderSource(
  target: Target,
  { loader }: ImageLayout,
  path: string | undefined,
): LoaderSource | undefined {
  if (loader === undefined) {
    if (path === undefined || path === 'none') return undefined;
    throw new UsageError('USAGE', `${target.title} takes no --loader: all that its disk needs is made here`);
  }
  if (path === 'none') return undefined;
  if (path !== undefined) return { path, ...loader };
  throw new UsageError('USAGE', `${target.title} starts from a loader that no repository holds`, {
    hint: `--loader takes ${loader.what}; '--loader none' makes an image without it`,
  });
}

/** What U-Boot's environment has to hold for the board to find the sysroot, added to what its own image brings. */
function storedEnvironment(target: Target): StoredEnvironment | undefined {
  const { environment } = target;
  const ours = loaderFor(target.loader.id).environment?.(loaderOptions(target));
  if (environment === undefined || ours === undefined) return undefined;
  const { offset, redundantOffset, size, variables } = environment;
  const offsets = redundantOffset === undefined ? [offset] : [offset, redundantOffset];
  return {
    offsets,
    size,
    render: (copies) =>
      mergeEnvironment(copies, { size, redundant: offsets.length > 1 }, [Object.entries(variables), ours]),
  };
}

/** GRUB's name of the platform that the target's EFI firmware is. */
function efiPlatformOf({ architecture, loader }: Target): string | undefined {
  if (!loader.firmware.includes('efi')) return undefined;
  return architecture === 'aarch64' ? 'arm64-efi' : 'x86_64-efi';
}
