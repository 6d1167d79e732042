import { RefusedError, toRefName, UsageError } from '../base/index.ts';
import { findTarget } from '../boot/index.ts';
import { composeRootfs } from '../compose/index.ts';
import { type RepoMode, Repository } from '../ostree/index.ts';
import { effectiveUser, exists, productFiles, productVersion, statIfExists } from '../sys/index.ts';
import type { Environment } from './environment.ts';
import { readInstalled } from './installed.ts';

export interface ComposeRootRequest {
  /** A directory, `.tar` or `.tar.gz`. */
  readonly rootfs: string;
  /** The folder of a repository; made where there is none. */
  readonly repo: string;
  readonly branch: string;
  readonly kernel?: string;
  readonly kernelRelease?: string;
  readonly dtb?: string;
  readonly initramfs?: string;
  readonly target?: string;
  readonly version?: string;
  /** Of a repository that is made. */
  readonly mode?: string;
}

export interface ComposeRootResult {
  readonly commit: string;
  readonly branch: string;
  readonly version: string | undefined;
  readonly kernelRelease: string | undefined;
  /** How many packages the base holds. */
  readonly packages: number;
  readonly warnings: readonly string[];
}

/** Commits an OpenWrt root to a branch of a repository. */
export async function composeRoot(env: Environment, request: ComposeRootRequest): Promise<ComposeRootResult> {
  const branch = toRefName(request.branch);
  if (branch.includes(':')) throw new UsageError('USAGE', `--branch names a local branch, not '${branch}'`);
  const stats = statIfExists(request.rootfs);
  if (stats === undefined) throw new UsageError('USAGE', `there is no ${request.rootfs}`);
  const target = request.target === undefined ? undefined : findTarget(request.target).id;
  const repo = openOrInit(request.repo, request.mode);
  const { rootfs: path, kernel, kernelRelease, dtb, initramfs, version } = request;
  const result = await composeRootfs(
    repo,
    {
      source: { kind: stats.isDirectory() ? 'directory' : 'tar', path },
      branch,
      kernel,
      kernelRelease,
      dtb,
      initramfs,
      version,
      target,
      bootFiles: productFiles(),
      productVersion: productVersion(),
    },
    env,
  );
  return {
    commit: result.commit,
    branch,
    version: result.version,
    kernelRelease: result.kernelRelease,
    packages: readInstalled(repo, result.commit).size,
    warnings: result.warnings,
  };
}

const modes: readonly RepoMode[] = ['bare', 'bare-user', 'bare-user-only', 'archive'];

function openOrInit(path: string, wanted: string | undefined): Repository {
  if (exists(`${path}/config`)) return Repository.open(path);
  const fallback = effectiveUser() === 0 ? 'bare' : 'bare-user';
  const mode = modes.find((known) => known === (wanted ?? fallback));
  if (mode === undefined)
    throw new UsageError('USAGE', `unknown repository mode '${wanted}'`, { hint: modes.join(', ') });
  if (mode === 'bare' && effectiveUser() !== 0) {
    throw new RefusedError(
      'OSTREE_MODE_UNSUPPORTED',
      'a bare repository holds files of other owners: only root can write it',
      {
        hint: 'choose --mode bare-user or --mode archive',
      },
    );
  }
  return Repository.init(path, { mode });
}
