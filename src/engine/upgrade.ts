import {
  type Checksum,
  isChecksum,
  isRefName,
  type RefName,
  RefusedError,
  toRefName,
  UsageError,
} from '../base/index.ts';
import {
  carryOrigin,
  changeKargs as changedKargs,
  defaultKargs,
  newOrigin,
  type Origin,
} from '../boot/index.ts';
import type { Repository } from '../ostree/index.ts';
import { exists, realpath } from '../sys/index.ts';
import { type Aim, aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change, type Target } from './change.ts';
import type { composeRoot } from './compose.ts';
import type { Environment } from './environment.ts';
import { readTreeState } from './installed.ts';
import { newestCommit } from './remote.ts';
import { openSession, requireDeployment, type Session, type Where, withSession } from './session.ts';
import { needsFeeds } from './wish.ts';

export interface UpgradeRequest extends ChangeOptions {
  /** Keep the base. */
  readonly packagesOnly: boolean;
  readonly allowDowngrade: boolean;
  /** Set requests aside that cannot be met on the new base. */
  readonly skipBroken: boolean;
  /** Keep names that the new base's release no longer has. */
  readonly keepNames?: boolean;
  /** Make what was given up before once more. */
  readonly retry?: boolean;
}

/** The newest commit of the branch as the base, the newest packages, the same wish. */
export function upgrade(env: Environment, where: Where, request: UpgradeRequest): Promise<ChangeResult> {
  return change(env, where, { ...request, refuseGivenUp: request.retry !== true }, async (session) => {
    const deployment = requireDeployment(session);
    const origin = carryOrigin(deployment.origin);
    const current = readTreeState(session.sysroot.repo, deployment.checksum).base;
    const base = request.packagesOnly ? current : await newestCommit(session, followedBranch(origin), env);
    if (!request.allowDowngrade) refuseOlder(session, current, base);
    const target = await aimAt(
      session,
      { origin, base, keepNames: request.keepNames === true, ...feedsFor(origin, request) },
      env,
    );
    return { ...target, skipBroken: request.skipBroken };
  });
}

export interface RebaseRequest extends ChangeOptions {
  /** A branch, or the path of an OpenWrt root. */
  readonly target: string;
  readonly kernel?: string;
  readonly kernelRelease?: string;
  readonly allowDowngrade: boolean;
  readonly keepNames: boolean;
  /** Makes the commit of an OpenWrt root: not this module's own import, for a program loads it only when it is called for. */
  readonly compose: typeof composeRoot;
}

/** Another branch, or an OpenWrt root as the new base; same wish. */
export async function rebase(env: Environment, where: Where, request: RebaseRequest): Promise<ChangeResult> {
  const imports = isRootfs(where, request.target);
  const branch = branchName(imports ? rootfsBranch(request.target) : request.target);
  let imported: { readonly before: Checksum | undefined } | undefined;
  const changed = change(env, where, request, async (session) => {
    const { repo } = session.sysroot;
    const deployment = requireDeployment(session);
    const carried = carryOrigin(deployment.origin);
    const before = imports ? repo.readRef(branch) : undefined;
    if (imports) {
      imported = { before };
      await importRoot(env, session, request, branch);
    }
    const origin = { ...carried, refspec: branch };
    const base = await newestCommit(session, branch, env);
    // A plan leaves no branch behind: what was composed for it goes with the next cleanup.
    if (imports && request.dryRun) await repo.withTransaction((txn) => txn.setRef(branch, before));
    else if (imports) await dropOtherRootfs(session, branch);
    if (!request.allowDowngrade) refuseOlder(session, readTreeState(repo, deployment.checksum).base, base);
    const { keepNames } = request;
    return aimAt(session, { origin, base, keepNames, ...feedsFor(origin, request) }, env);
  });
  try {
    return await changed;
  } catch (error) {
    if (imported !== undefined) await forgetImport(env, where, branch, imported.before);
    throw error;
  }
}

/** The branch as it was before an import that came to nothing: the next upgrade must not follow it there. */
async function forgetImport(
  env: Environment,
  where: Where,
  branch: RefName,
  before: Checksum | undefined,
): Promise<void> {
  // An interrupt that ended the change must not end its tidying up.
  const calm = { ...env, signal: new AbortController().signal };
  await withSession(calm, where, ({ sysroot }) =>
    sysroot.repo.withTransaction((txn) => txn.setRef(branch, before)),
  );
}

const rootfsPrefix = 'rootfs/';

/** The branch that an imported root gets: its file or folder name, as far as a ref can hold it. */
function rootfsBranch(path: string): string {
  const name = path.split('/').findLast((part) => part !== '' && part !== '.') ?? 'root';
  const plain = name
    .replace(/\.(?:tar|tar\.gz|tgz)$/u, '')
    .replace(/[^\w.-]/gu, '_')
    .replace(/^[.-]/u, '_');
  return `${rootfsPrefix}${plain}`;
}

/** Imported roots that no deployment follows are only in the way: their commits stay as long as a deployment needs them. */
async function dropOtherRootfs({ sysroot, deployments }: Session, kept: string): Promise<void> {
  const followed = new Set([kept, ...deployments.map((deployment) => deployment.origin.refspec)]);
  const unused = [...sysroot.repo.listRefs().keys()].filter(
    (ref) => ref.startsWith(rootfsPrefix) && !followed.has(ref),
  );
  if (unused.length === 0) return;
  await sysroot.repo.withTransaction((txn) => {
    for (const ref of unused) txn.setRef(toRefName(ref), undefined);
  });
}

/** True for the path of something that no branch is called by. */
function isRootfs(where: Where, target: string): boolean {
  const isBranch = isRefName(target) && openSession(where).sysroot.repo.readRef(target) !== undefined;
  return !isBranch && exists(target);
}

async function importRoot(
  env: Environment,
  { sysroot }: Session,
  request: RebaseRequest,
  branch: RefName,
): Promise<void> {
  const source = realpath(request.target);
  if (source === '/' || `${realpath(sysroot.path)}/`.startsWith(`${source}/`)) {
    throw new UsageError('USAGE', `${request.target} holds the sysroot itself`, {
      hint: 'name the archive or folder of an OpenWrt root',
    });
  }
  await request.compose(env, {
    rootfs: request.target,
    repo: sysroot.repo.path,
    branch,
    ...(request.kernel === undefined ? {} : { kernel: request.kernel }),
    ...(request.kernelRelease === undefined ? {} : { kernelRelease: request.kernelRelease }),
    ...(sysroot.target === undefined ? {} : { target: sysroot.target.id }),
  });
}

/** True for a checksum or the beginning of one that no branch is called by. */
function isCommitName(repo: Repository, rev: string): boolean {
  if (isChecksum(rev)) return true;
  return /^[0-9a-f]{4,63}$/u.test(rev) && repo.readRef(toRefName(rev)) === undefined;
}

function branchName(text: string): RefName {
  if (isRefName(text)) return toRefName(text);
  throw new UsageError('USAGE', `'${text}' is not the name of a branch`, {
    hint: "'opkg-ostree repo refs' lists the branches",
  });
}

export interface DeployRequest extends ChangeOptions {
  readonly rev: string;
  /** Kernel arguments to append. */
  readonly kargs: readonly string[];
  /** Start without the previous deployment's arguments. */
  readonly kargsNone: boolean;
}

/** A deployment of a branch or commit; keeps the wish of the merge deployment. */
export function deploy(env: Environment, where: Where, request: DeployRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const { merge } = session;
    const carried = merge === undefined ? newOrigin(undefined) : carryOrigin(merge.origin);
    const { repo } = session.sysroot;
    const pinned = isCommitName(repo, request.rev);
    const base = pinned
      ? repo.resolveRev(request.rev)
      : await newestCommit(session, branchName(request.rev), env);
    if (!repo.hasObject('commit', base)) {
      throw new RefusedError('OSTREE_REF_NOT_FOUND', `the repository has no commit ${base}`, {
        hint: "'opkg-ostree repo refs' lists the branches",
      });
    }
    const origin: Origin = pinned
      ? { ...carried, overrideCommit: base }
      : { ...carried, refspec: branchName(request.rev) };
    const target = await aimAt(session, { origin, base, feeds: 'pinned', fetch: needsFeeds(origin) }, env);
    return { ...target, force: true, ...deployKargs(session, request) };
  });
}

function deployKargs(session: Session, request: DeployRequest): { kargs?: readonly string[] } {
  if (request.kargs.length === 0 && !request.kargsNone) return {};
  const start = request.kargsNone ? [] : currentKargs(session);
  return { kargs: changedKargs(start, { append: request.kargs }) };
}

export interface KargsRequest extends ChangeOptions {
  readonly append: readonly string[];
  readonly delete: readonly string[];
  readonly replace: readonly string[];
}

/** The same tree with other kernel arguments. */
export function changeKargs(env: Environment, where: Where, request: KargsRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session): Promise<Target> => {
    const deployment = requireDeployment(session);
    const aim: Aim = { origin: carryOrigin(deployment.origin), feeds: 'pinned', fetch: false };
    return { ...(await aimAt(session, aim, env)), kargs: changedKargs(deployment.kargs, request) };
  });
}

/** The kernel arguments that the next deployment would get, without those that each switch writes. */
export function readKargs(where: Where): readonly string[] {
  return currentKargs(openSession(where));
}

function currentKargs({ merge, sysroot }: Session): readonly string[] {
  return merge?.kargs ?? (sysroot.target === undefined ? [] : defaultKargs(sysroot.target));
}

function feedsFor(origin: Origin, options: ChangeOptions): Pick<Aim, 'feeds' | 'fetch'> {
  if (!needsFeeds(origin)) return { feeds: 'newest', fetch: false };
  return options.cacheOnly === true ? { feeds: 'newest', fetch: false } : { feeds: 'fresh', fetch: true };
}

function followedBranch(origin: Origin) {
  if (origin.refspec !== undefined) return toRefName(origin.refspec);
  throw new UsageError('USAGE', 'the deployment follows no branch', {
    hint: "choose one with 'opkg-ostree rebase REF'",
  });
}

/** Refuses a base that is older than the present one: a mirror that serves yesterday's branch undoes fixes. */
function refuseOlder(session: Session, current: Checksum, next: Checksum): void {
  const { repo } = session.sysroot;
  const [now, then] = [repo.loadCommit(current), repo.loadCommit(next)].map((commit) => commit.timestamp);
  if (now === undefined || then === undefined || then >= now) return;
  const date = (seconds: number) => new Date(seconds * 1000).toISOString();
  throw new RefusedError(
    'DOWNGRADE_REFUSED',
    `the commit of ${date(then)} is older than the base of ${date(now)}`,
    {
      hint: 'give --allow-downgrade if that is what you want',
    },
  );
}
