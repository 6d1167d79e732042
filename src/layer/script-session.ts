/**
 * The sandbox of one layer: the tree checked out once with hard links, each script on an overlay of its own above it
 * and above what the scripts before it changed.
 */
import { join } from 'node:path/posix';
import { type Checksum, type OperationContext, type PackageName, RefusedError } from '../base/index.ts';
import { checkout, type MutableTree, type Repository } from '../ostree/index.ts';
import {
  effectiveUser,
  expectSuccess,
  makeSandboxDirectory,
  mkdirp,
  prepareSandbox,
  realpath,
  removeTree,
  run,
  runSandboxed,
  type SandboxResult,
} from '../sys/index.ts';
import { findChanges, type TreeChange } from './script-changes.ts';

/** What is run: an action of the driver and its arguments. */
export interface ScriptCommand {
  readonly package: PackageName;
  readonly action: 'preinst' | 'postinst' | 'postinst-pkg' | 'enable';
  /** The service to enable; '' for the others. */
  readonly service: string;
  readonly upgrade: boolean;
}

export interface SessionOptions {
  /** Seconds, for scripts that honour SOURCE_DATE_EPOCH. */
  readonly timestamp: number;
  /** Milliseconds for one script. */
  readonly timeout: number;
}

/** A run, and the name of the directory that holds what it changed. */
export interface SessionRun {
  readonly result: SandboxResult<TreeChange[]>;
  readonly name: string;
}

const maxOutput = 64 * 1024;
const copyTimeout = 600_000;

/**
 * Runs in the tree (or beside it) with IPKG_INSTROOT set. A postinst is run as opkg does; postinst-pkg is sourced with
 * the names that default_postinst has by then.
 */
const driver = `
root=$IPKG_INSTROOT
action=$1 pkgname=$2 service=$3
info="$root/usr/lib/opkg/info"
cd "$root" || exit 125
case $action in
preinst) set -- install ;;
*) set -- configure ;;
esac
case $action in
preinst | postinst)
  if [ "$root" = / ]; then exec "$info/$pkgname.$action" "$@"; fi
  exec /bin/sh "$info/$pkgname.$action" "$@"
  ;;
postinst-pkg)
  [ ! -s "$root/lib/functions.sh" ] || . "$root/lib/functions.sh"
  set -- "$info/$pkgname.postinst" "$@"
  ( . "$info/$pkgname.postinst-pkg" )
  ;;
enable) exec /bin/sh "$root/etc/rc.common" "$root/etc/init.d/$service" enable ;;
esac
`;

/** One layer's sandbox. Close it, whatever happens. */
export class ScriptSession {
  readonly #repo: Repository;
  readonly #work: string;
  readonly #options: SessionOptions;
  readonly #ctx: OperationContext;
  #lowers = ['base'];
  #mode: 'overlay' | 'copy' = 'overlay';
  #place: 'inside' | 'outside' = 'inside';
  #count = 0;

  private constructor(repo: Repository, work: string, options: SessionOptions, ctx: OperationContext) {
    this.#repo = repo;
    this.#work = work;
    this.#options = options;
    this.#ctx = ctx;
  }

  /** A session on a tree whose objects are in the repository. */
  static async open(
    repo: Repository,
    root: { readonly tree: Checksum; readonly meta: Checksum },
    options: SessionOptions,
    ctx: OperationContext,
  ): Promise<ScriptSession> {
    const parent = join(realpath(repo.path), 'tmp');
    mkdirp(parent);
    const session = new ScriptSession(repo, makeSandboxDirectory(parent), options, ctx);
    try {
      prepareSandbox(session.#work, driver);
      await checkout(repo, root, join(session.#work, 'base'), { userMode: effectiveUser() !== 0 }, ctx);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  /** Runs the command once, on a fresh view of the tree. RefusedError SCRIPT_SANDBOX_UNAVAILABLE. */
  async run(tree: MutableTree, command: ScriptCommand): Promise<SessionRun> {
    for (;;) {
      const name = `run${++this.#count}`;
      if (this.#mode === 'copy') await this.#copy(this.#lowers[0] ?? 'base', join(name, 'merged'));
      const result = await this.#start(name, tree, command);
      if (result.kind !== 'setup') return { result, name };
      this.drop(name);
      if (result.setup === 'overlay' && this.#mode === 'overlay') this.#mode = 'copy';
      else if (result.setup === 'foreign' && this.#place === 'inside') this.#place = 'outside';
      else throw unavailable(result.setup);
    }
  }

  /** Makes later scripts see what the run changed. */
  accept(name: string): void {
    this.#lowers = this.#mode === 'overlay' ? [join(name, 'upper'), ...this.#lowers] : [join(name, 'merged')];
  }

  /** Forgets a run. */
  drop(name: string): void {
    removeTree(join(this.#work, name));
  }

  close(): void {
    removeTree(this.#work);
  }

  #start(name: string, tree: MutableTree, command: ScriptCommand): Promise<SandboxResult<TreeChange[]>> {
    const root = this.#place === 'inside' ? '/' : join(this.#work, name, 'merged');
    const request = {
      ...{ work: this.#work, lowers: this.#lowers, run: name, mode: this.#mode, place: this.#place },
      args: [command.action, command.package, command.service],
      env: {
        IPKG_INSTROOT: root,
        PKG_ROOT: root,
        PKG_UPGRADE: command.upgrade ? '1' : '0',
        HOME: '/tmp',
        LC_ALL: 'C',
        TZ: 'UTC',
        SOURCE_DATE_EPOCH: `${this.#options.timestamp}`,
      },
      ...{ timeout: this.#options.timeout, maxOutput, signal: this.#ctx.signal },
    };
    return runSandboxed(request, (view) => findChanges(this.#repo, tree, view));
  }

  async #copy(from: string, to: string): Promise<void> {
    mkdirp(join(this.#work, to));
    const args = ['-a', `${join(this.#work, from)}/.`, join(this.#work, to)];
    expectSuccess('cp', await run('cp', args, { timeout: copyTimeout, signal: this.#ctx.signal }));
  }
}

function unavailable(step: string): RefusedError {
  return new RefusedError(
    'SCRIPT_SANDBOX_UNAVAILABLE',
    `a package's script cannot be run safely here: ${step} failed`,
    {
      hint: "run the command as root on a kernel with overlayfs, and install the packages 'unshare' and 'setpriv'",
    },
  );
}
