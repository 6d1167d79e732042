import { type Checksum, type RefName, RefusedError, toRefName, UsageError } from '../base/index.ts';
import { findTarget } from '../boot/index.ts';
import { composeRootfs } from '../compose/index.ts';
import { parseKeyLines, parseSecretKey, type RepoMode, Repository, signCommit } from '../ostree/index.ts';
import { effectiveUser, exists, productVersion, readText, statIfExists } from '../sys/index.ts';
import { productFiles } from '../sys/rare.ts';
import { addPackages } from './compose-packages.ts';
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
  /** Packages to put into the base: files, names, or NAME=VERSION. */
  readonly addPackages?: readonly string[];
  /** A file of ed25519 secret keys, base64, one a line: each signs the commit. */
  readonly signKey?: string;
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
  // A key that cannot be read is told before the work, not after it.
  const secrets =
    request.signKey === undefined ? [] : parseKeyLines(readText(request.signKey), parseSecretKey);
  if (request.signKey !== undefined && secrets.length === 0)
    throw new UsageError('USAGE', `${request.signKey} holds no key`);
  const repo = openOrInit(request.repo, request.mode);
  const { rootfs: path, kernel, kernelRelease, dtb, initramfs, version } = request;
  const before = repo.readRef(branch);
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
  const added = request.addPackages ?? [];
  const commit =
    added.length === 0
      ? result.commit
      : await withRefKept(repo, branch, before, () =>
          addPackages(repo, { commit: result.commit, branch }, added, env),
        );
  if (secrets.length > 0) await signCommit(repo, commit, secrets);
  return {
    commit,
    branch,
    version: result.version,
    kernelRelease: result.kernelRelease,
    packages: readInstalled(repo, commit).size,
    warnings: result.warnings,
  };
}

/** A base without the packages that were asked for is not what the branch should name. */
async function withRefKept<T>(
  repo: Repository,
  branch: RefName,
  before: Checksum | undefined,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    await repo.withTransaction((txn) => txn.setRef(branch, before));
    throw error;
  }
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
