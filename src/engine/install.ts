import { carryOrigin } from '../boot/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change } from './change.ts';
import type { Environment } from './environment.ts';
import { isPackageFile, localRequest, readLocalFiles } from './local-files.ts';
import { requireDeployment, type Where } from './session.ts';
import { addRequests, dropRequests, parseName, parseRequest } from './wish.ts';

export interface InstallRequest extends ChangeOptions {
  /** NAME, NAME=VERSION, FILE.ipk, or a URL. */
  readonly requests: readonly string[];
  /** Requests to drop in the same transaction. */
  readonly uninstall: readonly string[];
  readonly idempotent: boolean;
  /** Accept a URL without a digest. */
  readonly allowUnsigned: boolean;
}

/** Layers packages on the base of the merge deployment; names are looked up in the newest feed snapshot. */
export function install(env: Environment, where: Where, request: InstallRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const deployment = requireDeployment(session);
    const files = request.requests.filter(isPackageFile);
    const names = request.requests.filter((text) => !isPackageFile(text)).map(parseRequest);
    const local = await readLocalFiles(session, files, request, env);
    const dropped = dropRequests(carryOrigin(deployment.origin), request.uninstall.map(parseName), {
      idempotent: request.idempotent,
      explain: () => "'opkg-ostree status' lists what is requested",
    });
    const origin = addRequests(dropped, {
      requests: names,
      local: local.map(localRequest),
      idempotent: request.idempotent,
    });
    const target = await aimAt(
      session,
      {
        origin,
        files: local,
        feeds: names.length > 0 ? 'newest' : 'pinned',
        fetch: names.length > 0 && request.cacheOnly !== true,
      },
      env,
    );
    return { ...target, wanted: new Set([...names, ...local].map(({ name }) => name)) };
  });
}

export interface RemoveRequest extends ChangeOptions {
  readonly names: readonly string[];
  readonly idempotent: boolean;
}

/** Drops requests; what only they needed goes with them, as the layer is built anew. Needs no network. */
export function remove(env: Environment, where: Where, request: RemoveRequest): Promise<ChangeResult> {
  return change(env, where, request, (session) => {
    const deployment = requireDeployment(session);
    const names = request.names.map(parseName);
    const origin = dropRequests(carryOrigin(deployment.origin), names, {
      idempotent: request.idempotent,
      explain: (name) =>
        `'opkg-ostree override remove ${name}' hides a package of the base; 'opkg-ostree status' lists the requests`,
    });
    return aimAt(session, { origin, feeds: 'pinned', fetch: false }, env);
  });
}
