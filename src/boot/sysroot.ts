/** An opened sysroot: its repository, target and deployments. */
import { join } from 'node:path/posix';
import { type OperationContext, RefusedError, SystemError, silentContext } from '../base/index.ts';
import { Repository } from '../ostree/index.ts';
import {
  acquireLock,
  exists,
  type HeldLock,
  lstatIfExists,
  readdirIfExists,
  statIfExists,
  utimes,
  waitForLock,
  writeFileDurable,
} from '../sys/index.ts';
import type { Deployment } from './deployment.ts';
import { deploymentId, isStaterootName } from './deployment.ts';
import {
  type BootVersions,
  type RuntimeView,
  readBootVersions,
  readDeployments,
  runningSystem,
} from './deployments.ts';
import { type Loader, type LoaderOptions, loaderFor } from './loaders/index.ts';
import { renderOrigin } from './origin.ts';
import { readStock } from './stock/record.ts';
import { configGroup, type InitOptions, initSysroot, loaderOptions } from './sysroot-init.ts';
import { findTarget, type Target } from './target.ts';

/** Both locks of a sysroot: libostree's own, and flock for helpers that know no other. */
export interface SysrootLock {
  release(): void;
}

export class Sysroot {
  readonly path: string;
  readonly repo: Repository;
  /** Undefined on a sysroot that another tool made. */
  readonly target: Target | undefined;
  readonly #view: RuntimeView;

  private constructor(path: string, repo: Repository, target: Target | undefined, view: RuntimeView) {
    this.path = path;
    this.repo = repo;
    this.target = target;
    this.#view = view;
  }

  /** Makes an empty sysroot and opens it; see `initSysroot`. */
  static init(path: string, options: InitOptions): Sysroot {
    initSysroot(path, options);
    return Sysroot.open(path);
  }

  /** Opens a sysroot. SYSROOT_INVALID where there is none; UNKNOWN_TARGET where its target is not known to us. */
  static open(path: string, view: RuntimeView = runningSystem): Sysroot {
    if (!exists(join(path, 'ostree/repo/config'))) {
      throw new SystemError('SYSROOT_INVALID', `${path} is not a sysroot: it has no ostree/repo`, {
        hint: "name one with --sysroot DIR, or make one with 'opkg-ostree sysroot init DIR --target NAME'",
      });
    }
    refuseCoveredBoot(path);
    const repo = Repository.open(join(path, 'ostree/repo'));
    const id = repo.config.get(configGroup, 'target');
    return new Sysroot(path, repo, id === undefined ? undefined : findTarget(id), view);
  }

  /** The loader whose files a switch writes; entries alone where the sysroot is another tool's. */
  get loader(): Loader {
    if (this.target !== undefined) return loaderFor(this.target.loader.id);
    // How libostree finds out that a board reads uEnv.txt.
    const environment = exists(join(this.path, 'boot/loader/uEnv.txt'));
    return loaderFor(
      environment || this.repo.config.get('sysroot', 'bootloader') === 'uboot' ? 'uenv' : 'none',
    );
  }

  get loaderOptions(): LoaderOptions {
    return this.target === undefined ? { timeout: 3 } : loaderOptions(this.target);
  }

  /** In boot order: the first one is started next. */
  deployments(): Deployment[] {
    return readDeployments(this.path, this.repo, this.#view);
  }

  /** The running deployment, if the running system is one of this sysroot. */
  booted(): Deployment | undefined {
    return this.deployments().find((deployment) => deployment.booted);
  }

  /** The deployment of that place in the boot order; DEPLOYMENT_NOT_FOUND otherwise. */
  deploymentAt(index: number): Deployment {
    const deployments = this.deployments();
    const found = deployments[index];
    if (found !== undefined) return found;
    throw new RefusedError('DEPLOYMENT_NOT_FOUND', `there is no deployment ${index}`, {
      hint: deployments.length === 0 ? 'nothing is deployed yet' : `there are 0 to ${deployments.length - 1}`,
    });
  }

  /** What the next deployment takes `/etc` and kernel arguments from: the running one, else the stateroot's first. */
  mergeDeployment(stateroot: string): Deployment | undefined {
    const own = this.deployments().filter((deployment) => deployment.stateroot === stateroot);
    return own.find((deployment) => deployment.booted) ?? own[0];
  }

  bootVersions(): BootVersions {
    return readBootVersions(this.path);
  }

  /** The names of the stateroots, sorted. */
  stateroots(): string[] {
    const folder = join(this.path, 'ostree/deploy');
    return readdirIfExists(folder)
      .filter((name) => isStaterootName(name) && lstatIfExists(join(folder, name, 'var')) !== undefined)
      .sort();
  }

  /** The absolute path of a stateroot's `/var`. */
  varPath(stateroot: string): string {
    return join(this.path, 'ostree/deploy', stateroot, 'var');
  }

  /** Keeps or no longer keeps a deployment at cleanup. Only its origin changes. */
  setPinned(deployment: Deployment, pinned: boolean): void {
    writeFileDurable(`${deployment.path}.origin`, renderOrigin({ ...deployment.origin, pinned }));
  }

  /**
   * Takes the sysroot's lock, waiting `wait` milliseconds at most; BusyError LOCK_HELD otherwise. libostree's
   * commands exclude us and we them where an OFD lock is to be had, and every helper that flocks the same file.
   */
  async lock(
    options: { readonly wait?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<SysrootLock> {
    const path = join(this.path, 'ostree/lock');
    const request = { exclusive: true, wait: options.wait ?? 0 };
    const first = await waitForLock(path, { ...request, kind: 'ofd' }, options.signal);
    if (first.kind === 'flock') return first;
    let second: HeldLock;
    try {
      second = acquireLock(path, { ...request, kind: 'flock' });
    } catch (error) {
      first.release();
      throw error;
    }
    return {
      release() {
        second.release();
        first.release();
      },
    };
  }

  /** Runs `body` under the lock. */
  async withLock<T>(body: () => Promise<T> | T, ctx: OperationContext = silentContext, wait = 0): Promise<T> {
    const lock = await this.lock({ wait, signal: ctx.signal });
    try {
      return await body();
    } finally {
      lock.release();
    }
  }

  /** Tells readers that the list changed: libostree's processes watch this folder's time. */
  touch(now: number): void {
    utimes(join(this.path, 'ostree/deploy'), now / 1000, now / 1000);
  }
}

/** The deployment with that id; DEPLOYMENT_NOT_FOUND otherwise. */
export function findDeployment(deployments: readonly Deployment[], id: string): Deployment {
  const found = deployments.find((deployment) => deploymentId(deployment) === id);
  if (found !== undefined) return found;
  throw new RefusedError('DEPLOYMENT_NOT_FOUND', `there is no deployment ${id}`, {
    hint: "'opkg-ostree status' lists them",
  });
}

/**
 * The stock system of a conversion has its boot partition mounted over the sysroot's /boot: a sysroot without boot entries would
 * be seen, and cleaned of all that it deployed.
 */
function refuseCoveredBoot(path: string): void {
  if (readStock(path) === undefined) return;
  const [boot, ostree] = [statIfExists(join(path, 'boot')), statIfExists(join(path, 'ostree'))];
  if (boot === undefined || boot.dev === ostree?.dev) return;
  throw new SystemError(
    'SYSROOT_INVALID',
    `the boot partition of the old system is mounted on ${join(path, 'boot')}`,
    {
      hint: "restart into the deployment; here only 'opkg-ostree convert --plan' and '--apply' work",
    },
  );
}
