import { RefusedError } from '../base/index.ts';
import { carryOrigin, type Origin } from '../boot/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change } from './change.ts';
import type { Environment } from './environment.ts';
import { readInstalled, readTreeState } from './installed.ts';
import { requireDeployment, type Where } from './session.ts';
import { parseName } from './wish.ts';

export interface OverrideRequest extends ChangeOptions {
  readonly names: readonly string[];
}

/** Hides packages of the base. */
export function overrideRemove(
  env: Environment,
  where: Where,
  request: OverrideRequest,
): Promise<ChangeResult> {
  return change(env, where, request, (session) => {
    const { origin, checksum } = requireDeployment(session);
    const { repo } = session.sysroot;
    const base = readInstalled(repo, readTreeState(repo, checksum).base);
    const unknown = request.names.map(parseName).find((name) => !base.has(name));
    if (unknown !== undefined) {
      throw new RefusedError('PACKAGE_UNKNOWN', `the base has no package '${unknown}'`, {
        hint: `'opkg-ostree remove ${unknown}' drops a layered package; 'opkg-ostree list --installed' shows all`,
      });
    }
    const remove = [...new Set([...origin.overrides.remove, ...request.names.map(parseName)])].sort();
    return aimAt(session, { origin: withOverrides(origin, { remove }), feeds: 'pinned', fetch: false }, env);
  });
}

/** Takes overrides back: those of the named packages, or all. PACKAGE_NOT_LAYERED for a name without one. */
export function overrideReset(
  env: Environment,
  where: Where,
  request: OverrideRequest & { readonly all: boolean },
): Promise<ChangeResult> {
  return change(env, where, request, (session) => {
    const { origin } = requireDeployment(session);
    const names = new Set(request.names.map(parseName));
    const { remove } = origin.overrides;
    const unknown = [...names].find((name) => !remove.includes(name));
    if (unknown !== undefined) {
      throw new RefusedError('PACKAGE_NOT_LAYERED', `${unknown} has no override`, {
        hint: remove.length === 0 ? 'there are no overrides' : `overridden: ${remove.join(', ')}`,
      });
    }
    const kept = request.all ? [] : remove.filter((name) => !names.has(name));
    return aimAt(
      session,
      { origin: withOverrides(origin, { remove: kept }), feeds: 'pinned', fetch: false },
      env,
    );
  });
}

function withOverrides(origin: Origin, changed: Partial<Origin['overrides']>): Origin {
  const carried = carryOrigin(origin);
  return { ...carried, overrides: { ...carried.overrides, ...changed } };
}
