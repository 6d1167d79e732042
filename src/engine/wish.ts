/**
 * The wish: what the admin asked for, as it stands in a deployment's origin. Pure: each operation makes the next wish
 * from the present one, and the layered tree follows from the wish alone.
 */
import { type Checksum, isPackageName, type PackageName, RefusedError, UsageError } from '../base/index.ts';
import type { Origin } from '../boot/index.ts';

/** Why a package is in the layer. */
export type DependencyReason = 'requested' | 'depends' | 'recommends';

/** One request: a name, or exactly one version of it. */
export interface Request {
  readonly name: PackageName;
  readonly version?: string;
}

/** `NAME` or `NAME=VERSION` as a request; UsageError for anything else. */
export function parseRequest(text: string): Request {
  const separator = text.indexOf('=');
  const name = separator < 0 ? text : text.slice(0, separator);
  if (!isPackageName(name)) {
    throw new UsageError('USAGE', `'${text}' is not a package name`, {
      hint: 'name a package, NAME=VERSION, a file ending in .ipk, or a URL with #sha256=',
    });
  }
  const version = separator < 0 ? '' : text.slice(separator + 1);
  if (version === '') return { name };
  if (/^[!-~]+$/u.test(version)) return { name, version };
  throw new UsageError('USAGE', `'${text}' names no version`, { hint: `name it as in ${name}=1.2-r3` });
}

/** A word of the command line as a package name; UsageError for anything else. */
export function parseName(text: string): PackageName {
  if (isPackageName(text)) return text;
  throw new UsageError('USAGE', `'${text}' is not a package name`, {
    hint: "'opkg-ostree list' shows the packages",
  });
}

/** A request as it stands in an origin. */
export function renderRequest(request: Request): string {
  return request.version === undefined ? request.name : `${request.name}=${request.version}`;
}

/** A package file that the admin gave, pinned by its digest. */
export interface LocalRequest {
  readonly name: PackageName;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: Checksum;
}

/** What an install adds to a wish. */
export interface Additions {
  readonly requests: readonly Request[];
  readonly local: readonly LocalRequest[];
  readonly idempotent: boolean;
}

/** The wish with more requests; RefusedError PACKAGE_ALREADY_REQUESTED unless idempotent. */
export function addRequests(origin: Origin, additions: Additions): Origin {
  const requested = new Map(origin.requested.map((text) => [parseRequest(text).name, text]));
  const local = new Map(origin.requestedLocal.map((entry) => [entry.name, entry]));
  const known: PackageName[] = [];
  for (const request of additions.requests) {
    const text = renderRequest(request);
    if (
      requested.get(request.name) === text ||
      (request.version === undefined && requested.has(request.name))
    ) {
      known.push(request.name);
    } else {
      requested.set(request.name, text);
      local.delete(request.name);
    }
  }
  for (const entry of additions.local) {
    if (local.get(entry.name)?.sha256 === entry.sha256) known.push(entry.name);
    local.set(entry.name, entry);
    requested.delete(entry.name);
  }
  const first = known[0];
  if (first !== undefined && !additions.idempotent) {
    throw new RefusedError('PACKAGE_ALREADY_REQUESTED', `${known.join(', ')}: already requested`, {
      hint: "'opkg-ostree upgrade' looks for newer versions; --idempotent makes this no error",
      details: { packages: known },
    });
  }
  return { ...origin, requested: [...requested.values()].sort(), requestedLocal: [...local.values()] };
}

/** The wish without these requests; RefusedError PACKAGE_NOT_LAYERED where one is not requested, unless idempotent. */
export function dropRequests(
  origin: Origin,
  names: readonly PackageName[],
  options: { readonly idempotent: boolean; readonly explain: (name: PackageName) => string },
): Origin {
  const dropped = new Set(names);
  const known = new Set<PackageName>([
    ...origin.requested.map((text) => parseRequest(text).name),
    ...origin.requestedLocal.map((entry) => entry.name),
  ]);
  const missing = names.filter((name) => !known.has(name));
  const first = missing[0];
  if (first !== undefined && !options.idempotent) {
    throw new RefusedError('PACKAGE_NOT_LAYERED', `${first} is not requested`, {
      hint: options.explain(first),
      details: { packages: missing },
    });
  }
  return {
    ...origin,
    requested: origin.requested.filter((text) => !dropped.has(parseRequest(text).name)),
    requestedLocal: origin.requestedLocal.filter((entry) => !dropped.has(entry.name)),
  };
}

/** True when packages have to be looked up in a feed. */
export function needsFeeds(origin: Origin): boolean {
  return origin.requested.length > 0 || origin.overrides.replace.length > 0;
}
