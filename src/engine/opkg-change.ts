/** What opkg's command line asks of a deployment: several kinds of change as one transaction. */

import { join } from 'node:path/posix';
import type { PackageName } from '../base/index.ts';
import { carryOrigin, type Origin } from '../boot/index.ts';
import {
  exists,
  lstatIfExists,
  mkdirp,
  readFileIfExists,
  readTextIfExists,
  unlinkIfExists,
  writeFileDurable,
} from '../sys/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change } from './change.ts';
import type { Environment } from './environment.ts';
import { currentSnapshotId, readSnapshotFiles } from './feed-snapshot.ts';
import { readInstalled, readTreeState } from './installed.ts';
import { isPackageFile, localRequest, readLocalFiles } from './local-files.ts';
import { openSession, requireDeployment, type Where } from './session.ts';
import { addRequests, dropRequests, parseName, parseRequest } from './wish.ts';

/** opkg's words, sorted out. */
export interface OpkgChange extends ChangeOptions {
  /** Names, files and URLs; a name that the base has is to be had in a newer version. */
  readonly install: readonly string[];
  /** Names, layered or of the base. */
  readonly remove: readonly string[];
  /** Accept to change packages that no system runs without. */
  readonly forceCritical: boolean;
}

/** Makes the deployment that the changes lead to. Errors as `install`, `remove` and `override` have them. */
export function opkgChange(env: Environment, where: Where, request: OpkgChange): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const deployment = requireDeployment(session);
    const { repo } = session.sysroot;
    const base = readInstalled(repo, readTreeState(repo, deployment.checksum).base);
    const files = await readLocalFiles(
      session,
      request.install.filter(isPackageFile),
      { allowUnsigned: true },
      env,
    );
    const wishes = request.install.filter((text) => !isPackageFile(text)).map(parseRequest);
    const removed = request.remove.map(parseName);
    const inBase = (name: PackageName) => base.has(name);
    const dropped = dropRequests(carryOrigin(deployment.origin), removed, {
      idempotent: true,
      explain: () => '',
    });
    const added = addRequests(dropped, {
      requests: wishes.filter(({ name }) => !inBase(name)),
      local: files.filter(({ name }) => !inBase(name)).map(localRequest),
      idempotent: true,
    });
    const origin = withBase(added, {
      remove: removed.filter(inBase),
      replace: wishes.map(({ name }) => name).filter(inBase),
      replaceLocal: files.filter(({ name }) => inBase(name)).map(localRequest),
    });
    const names = wishes.length > 0;
    const target = await aimAt(
      session,
      { origin, files, feeds: names ? 'newest' : 'pinned', fetch: names && request.cacheOnly !== true },
      env,
    );
    const moving = new Set<string>([...wishes, ...files].map(({ name }) => name));
    return { ...target, forceCritical: request.forceCritical, moving };
  });
}

/** Changes to packages of the base. What is asked for is no longer hidden, what is removed no longer replaced. */
function withBase(
  origin: Origin,
  changes: Pick<Origin['overrides'], 'remove' | 'replaceLocal'> & {
    readonly replace: readonly PackageName[];
  },
): Origin {
  const { remove, replace, replaceLocal } = origin.overrides;
  const wanted = new Set([...changes.replace, ...changes.replaceLocal.map(({ name }) => name)]);
  const gone = new Set(changes.remove);
  const others = (name: PackageName) => !wanted.has(name) && !gone.has(name);
  return {
    ...origin,
    overrides: {
      ...origin.overrides,
      remove: [...new Set([...remove.filter((name) => !wanted.has(name)), ...gone])].sort(),
      replace: [...replace.filter((text) => others(parseRequest(text).name)), ...changes.replace].sort(),
      replaceLocal: [...replaceLocal.filter(({ name }) => others(name)), ...changes.replaceLocal],
    },
  };
}

/** Where opkg finds the system that a sysroot holds. */
export interface DeployedSystem {
  /** The root that is read: `/` where the deployment is booted, else its folder. */
  readonly root: string;
  readonly booted: boolean;
  /** The folder that the system has as /var. */
  readonly varPath: string;
}

/** The system that the next deployment follows, or the booted one; undefined where the sysroot holds no deployment. */
export function deployedSystem(where: Where): DeployedSystem | undefined {
  if (!exists(join(where.sysroot, 'ostree/repo/config'))) return undefined;
  const session = openSession(where);
  const booted = session.deployments.find((deployment) => deployment.booted);
  if (booted !== undefined) return { root: '/', booted: true, varPath: '/var' };
  if (session.merge === undefined) return undefined;
  const varPath = session.sysroot.varPath(session.stateroot);
  return { root: session.merge.path, booted: false, varPath };
}

/**
 * Writes the newest feed snapshot into opkg's folder of lists, as opkg would have: `<name>` and `<name>.sig`. Nothing is
 * written where the snapshot is the one that was written last; what that one had and this one has not goes.
 */
export function exportLists(where: Where, folder: string): void {
  const { repo } = openSession(where).sysroot;
  const id = currentSnapshotId(repo);
  const stamp = join(folder, stampName);
  const [lastId, ...lastNames] = (readTextIfExists(stamp) ?? '').split('\n');
  if (id === undefined || id === lastId) return;
  // LuCI looks for the lists with find, which does not follow the link that our /var has here.
  if (lstatIfExists(folder)?.isSymbolicLink() === true) unlinkIfExists(folder);
  mkdirp(folder);
  const files = readSnapshotFiles(repo);
  for (const { name, index, signature } of files) {
    put(join(folder, name), index);
    if (signature !== undefined) put(join(folder, `${name}.sig`), signature);
  }
  const names = files.map(({ name }) => name);
  for (const name of lastNames) {
    if (name === '' || name.includes('/') || names.includes(name)) continue;
    unlinkIfExists(join(folder, name));
    unlinkIfExists(join(folder, `${name}.sig`));
  }
  writeFileDurable(stamp, [id, ...names, ''].join('\n'));
}

/** Says which snapshot the lists are of. Readers of the folder pass over this ending. */
const stampName = '.snapshot.sig';

function put(path: string, bytes: Uint8Array): void {
  const before = readFileIfExists(path);
  if (before === undefined || Buffer.compare(before, bytes) !== 0) writeFileDurable(path, bytes);
}
