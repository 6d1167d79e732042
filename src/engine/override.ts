/** Changes to the base's own packages, and versions that are held. */
import { type PackageName, RefusedError } from '../base/index.ts';
import { carryOrigin, type LocalPackage, type Origin } from '../boot/index.ts';
import { opkgSource } from '../ipk/index.ts';
import { importInstalled } from '../layer/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change } from './change.ts';
import type { Environment } from './environment.ts';
import { readInstalled, readTreeState } from './installed.ts';
import { isPackageFile, localRequest, readLocalFiles } from './local-files.ts';
import { requireDeployment, type Session, type Where } from './session.ts';
import { parseName, parseRequest, renderRequest } from './wish.ts';

export interface OverrideRequest extends ChangeOptions {
  readonly names: readonly string[];
}

export interface RiskyRequest extends OverrideRequest {
  /** Accept to change packages that no system runs without. */
  readonly forceCritical: boolean;
}

/** Hides packages of the base. PACKAGE_UNKNOWN for a name that the base lacks. */
export function overrideRemove(env: Environment, where: Where, request: RiskyRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const { origin } = requireDeployment(session);
    const names = request.names.map(parseName);
    requireInBase(session, names);
    const remove = [...new Set([...origin.overrides.remove, ...names])].sort();
    const next = withOverrides(origin, { remove });
    const target = await aimAt(session, { origin: next, feeds: 'pinned', fetch: false }, env);
    return { ...target, forceCritical: request.forceCritical };
  });
}

export interface ReplaceRequest extends RiskyRequest {
  /** NAME, NAME=VERSION, FILE.ipk, or a URL. */
  readonly names: readonly string[];
  readonly allowUnsigned: boolean;
}

/** Puts other versions in the place of the base's packages. PACKAGE_UNKNOWN for one that the base lacks. */
export function overrideReplace(
  env: Environment,
  where: Where,
  request: ReplaceRequest,
): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const { origin } = requireDeployment(session);
    const files = await readLocalFiles(session, request.names.filter(isPackageFile), request, env);
    const wishes = request.names.filter((text) => !isPackageFile(text)).map(parseRequest);
    const names = [...wishes, ...files].map(({ name }) => name);
    requireInBase(session, names);
    const { replace, replaceLocal, remove } = origin.overrides;
    const others = (entry: { readonly name: PackageName }) => !names.includes(entry.name);
    const next = withOverrides(origin, {
      remove: remove.filter((name) => !names.includes(name)),
      replace: [...replace.map(parseRequest).filter(others), ...wishes].map(renderRequest).sort(),
      replaceLocal: [...replaceLocal.filter(others), ...files.map(localRequest)],
    });
    const fetch = wishes.length > 0 && request.cacheOnly !== true;
    const feeds = wishes.length > 0 ? ('newest' as const) : ('pinned' as const);
    const target = await aimAt(session, { origin: next, files, feeds, fetch }, env);
    return { ...target, forceCritical: request.forceCritical };
  });
}

/** Keeps packages, of the base or layered, at their present version over upgrades. PACKAGE_UNKNOWN for what is not installed. */
export function overrideHold(env: Environment, where: Where, request: RiskyRequest): Promise<ChangeResult> {
  return change(env, where, request, async (session) => {
    const { origin } = requireDeployment(session);
    const held = new Map(origin.overrides.hold.map((entry) => [entry.name, entry]));
    for (const name of request.names.map(parseName)) {
      if (held.has(name)) continue;
      if (opkgSource.criticalPackages.has(name) && !request.forceCritical) throw criticalHold(name);
      held.set(name, await presentPackage(session, name, request.dryRun));
    }
    const next = withOverrides(origin, { hold: [...held.values()] });
    return aimAt(session, { origin: next, feeds: 'pinned', fetch: false }, env);
  });
}

/** The installed package, pinned. One of the base goes into the cache, so that it can outlive its base. */
export async function presentPackage(
  session: Session,
  name: PackageName,
  dryRun: boolean,
): Promise<LocalPackage> {
  const { repo } = session.sysroot;
  const tree = readTreeState(repo, requireDeployment(session).checksum);
  const member = tree.layer?.packages.find((entry) => entry.name === name);
  const installed = tree.installed.get(name);
  if (installed === undefined) throw notInstalled(name, 'there is no installed package');
  const { version, architecture } = installed;
  if (member !== undefined) return { name, version, architecture, sha256: member.sha256 };
  if (dryRun) return { name, version, architecture, sha256: tree.base };
  const { sha256 } = await importInstalled(repo, tree.base, name);
  return { name, version, architecture, sha256 };
}

/** Takes overrides and holds back: those of the named packages, or all. PACKAGE_NOT_LAYERED for a name without one. */
export function overrideReset(
  env: Environment,
  where: Where,
  request: OverrideRequest & { readonly all: boolean },
): Promise<ChangeResult> {
  return change(env, where, request, (session) => {
    const { origin } = requireDeployment(session);
    const names = new Set(request.names.map(parseName));
    const present = overriddenNames(origin);
    const unknown = [...names].find((name) => !present.has(name));
    if (unknown !== undefined) {
      throw new RefusedError('PACKAGE_NOT_LAYERED', `${unknown} has no override`, {
        hint: present.size === 0 ? 'there are no overrides' : `overridden: ${[...present].sort().join(', ')}`,
      });
    }
    const kept = (name: PackageName) => !request.all && !names.has(name);
    const { remove, replace, replaceLocal, hold } = origin.overrides;
    const next = withOverrides(origin, {
      remove: remove.filter(kept),
      replace: replace.filter((text) => kept(parseRequest(text).name)),
      replaceLocal: replaceLocal.filter(({ name }) => kept(name)),
      hold: hold.filter(({ name }) => kept(name)),
    });
    return aimAt(session, { origin: next, feeds: 'pinned', fetch: false }, env);
  });
}

function overriddenNames({ overrides }: Origin): Set<PackageName> {
  return new Set([
    ...overrides.remove,
    ...overrides.replace.map((text) => parseRequest(text).name),
    ...[...overrides.replaceLocal, ...overrides.hold].map(({ name }) => name),
  ]);
}

function requireInBase(session: Session, names: readonly PackageName[]): void {
  const { repo } = session.sysroot;
  const base = readInstalled(repo, readTreeState(repo, requireDeployment(session).checksum).base);
  const unknown = names.find((name) => !base.has(name));
  if (unknown !== undefined) throw notInstalled(unknown, 'the base has no package');
}

function notInstalled(name: PackageName, fact: string): RefusedError {
  return new RefusedError('PACKAGE_UNKNOWN', `${fact} '${name}'`, {
    hint: `'opkg-ostree install' and 'opkg-ostree remove ${name}' are for layered packages; 'opkg-ostree list --installed' shows all`,
  });
}

function criticalHold(name: PackageName): RefusedError {
  return new RefusedError(
    'WOULD_CHANGE_BASE',
    `an older ${name} on a newer base may not start: no system runs without it`,
    { hint: `opkg-ostree override hold ${name} --force-critical, if the risk is known` },
  );
}

/** The carried origin with other overrides. */
export function withOverrides(origin: Origin, changed: Partial<Origin['overrides']>): Origin {
  const carried = carryOrigin(origin);
  return { ...carried, overrides: { ...carried.overrides, ...changed } };
}
