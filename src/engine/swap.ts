/** One package in the place of another that it conflicts with, in one transaction: the router is never without either. */
import { type PackageName, RefusedError } from '../base/index.ts';
import { carryOrigin, type Origin } from '../boot/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change } from './change.ts';
import type { Environment } from './environment.ts';
import { readInstalled, readTreeState, type TreeState } from './installed.ts';
import { isPackageFile, localRequest, readLocalFiles } from './local-files.ts';
import { withOverrides } from './override.ts';
import { requireDeployment, type Where } from './session.ts';
import { addRequests, dropRequests, parseName, parseRequest } from './wish.ts';

export interface SwapRequest extends ChangeOptions {
  /** A package of the base or a requested one. */
  readonly old: string;
  /** NAME, NAME=VERSION, FILE.ipk, or a URL; a package of the base that is hidden comes back. */
  readonly next: string;
  readonly allowUnsigned: boolean;
  readonly forceCritical: boolean;
}

/**
 * Drops or hides `old` and asks for `next`. The admin's files in `/etc` and the state of services of the same name are carried
 * as in every deployment. PACKAGE_NOT_LAYERED where `old` only came along with something else, PACKAGE_UNKNOWN where it is not there.
 */
export function swap(env: Environment, where: Where, request: SwapRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const deployment = requireDeployment(session);
    const { repo } = session.sysroot;
    const tree = readTreeState(repo, deployment.checksum);
    const base = new Set(readInstalled(repo, tree.base).keys());
    const without = withoutPackage(carryOrigin(deployment.origin), parseName(request.old), base, tree);
    const isFile = isPackageFile(request.next);
    const files = isFile ? await readLocalFiles(session, [request.next], request, env) : [];
    const names = isFile ? [] : [parseRequest(request.next)];
    const [wanted] = names;
    const hidden =
      wanted !== undefined && wanted.version === undefined && without.overrides.remove.includes(wanted.name);
    const origin =
      hidden && base.has(wanted.name)
        ? withOverrides(without, { remove: without.overrides.remove.filter((name) => name !== wanted.name) })
        : addRequests(without, { requests: names, local: files.map(localRequest), idempotent: true });
    const lookUp = names.length > 0 && !hidden;
    const target = await aimAt(
      session,
      { origin, files, feeds: lookUp ? 'newest' : 'pinned', fetch: lookUp && request.cacheOnly !== true },
      env,
    );
    return {
      ...target,
      wanted: new Set([...names, ...files].map(({ name }) => name)),
      forceCritical: request.forceCritical,
    };
  });
}

function withoutPackage(
  origin: Origin,
  old: PackageName,
  base: ReadonlySet<PackageName>,
  tree: TreeState,
): Origin {
  const requested = [...origin.requested.map(parseRequest), ...origin.requestedLocal];
  if (requested.some(({ name }) => name === old)) {
    return dropRequests(origin, [old], { idempotent: true, explain: () => '' });
  }
  if (base.has(old) && tree.installed.has(old)) {
    const { remove, replace, replaceLocal, hold } = origin.overrides;
    return withOverrides(origin, {
      remove: [...new Set([...remove, old])].sort(),
      replace: replace.filter((text) => parseRequest(text).name !== old),
      replaceLocal: replaceLocal.filter(({ name }) => name !== old),
      hold: hold.filter(({ name }) => name !== old),
    });
  }
  if (tree.installed.has(old)) {
    throw new RefusedError('PACKAGE_NOT_LAYERED', `${old} is not requested: it came with another package`, {
      hint: `'opkg-ostree why ${old}' shows what needs it`,
    });
  }
  throw new RefusedError('PACKAGE_UNKNOWN', `${old} is not installed`, {
    hint: "'opkg-ostree list --installed' shows the packages; 'opkg-ostree install' adds one",
  });
}
