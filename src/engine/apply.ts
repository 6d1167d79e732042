/** The wish made equal to a declarative manifest, and the manifest of the present wish. */
import { dirname, resolve as resolvePath } from 'node:path/posix';
import {
  type Checksum,
  ConfigError,
  isRefName,
  RefusedError,
  toRefName,
  UsageError,
  VerificationError,
} from '../base/index.ts';
import { carryOrigin, defaultKargs, kargKey, type LocalPackage, type Origin } from '../boot/index.ts';
import { findPackageCommit } from '../layer/index.ts';
import { lstatIfExists, readTextIfExists } from '../sys/index.ts';
import { aimAt } from './aim.ts';
import { type ChangeOptions, type ChangeResult, change, type Target } from './change.ts';
import type { Environment } from './environment.ts';
import { readTreeState } from './installed.ts';
import { localRequest, readLocalFiles } from './local-files.ts';
import {
  type Manifest,
  type ManifestFile,
  maxManifestBytes,
  parseManifest,
  renderManifest,
} from './manifest.ts';
import type { LocalFile } from './obtain.ts';
import { readFeedConfig } from './opkg-config.ts';
import { presentPackage } from './override.ts';
import { newestCommit } from './remote.ts';
import { openSession, requireDeployment, type Session, type Where } from './session.ts';
import { needsFeeds, parseRequest } from './wish.ts';

export interface ApplyRequest extends ChangeOptions {
  /** The manifest's path. */
  readonly file: string;
  /** Take the risk of changing packages that no system runs without. */
  readonly forceCritical: boolean;
}

/** Makes the wish what the manifest says; applied twice, the second time does nothing. */
export function applyManifest(env: Environment, where: Where, request: ApplyRequest): Promise<ChangeResult> {
  const manifest = readManifest(request.file);
  return change(env, where, request, async (session): Promise<Target> => {
    const deployment = requireDeployment(session);
    const { origin: based, base } = await followedBase(session, manifest, env);
    requireFeeds(session, base, manifest);
    const folder = dirname(resolvePath(request.file));
    const files = await givenFiles(
      session,
      [...(manifest.local ?? []), ...(manifest.replaceLocal ?? [])],
      folder,
      env,
    );
    const hold =
      manifest.hold === undefined ? undefined : await holds(session, manifest.hold, request.dryRun);
    const origin = wishOf(based, manifest, hold);
    const fetch = needsFeeds(origin) && request.cacheOnly !== true;
    const present = readTreeState(session.sysroot.repo, deployment.checksum).base;
    const aim = { origin, files, feeds: 'newest', fetch, ...(base === present ? {} : { base }) } as const;
    const target = await aimAt(session, aim, env);
    const kargs = wantedKargs(deployment.kargs, manifest.kargs);
    return {
      ...target,
      forceCritical: request.forceCritical,
      ...(kargs === undefined ? {} : { kargs }),
    };
  });
}

/** The manifest of the next deployment: what `applyManifest` needs to make another router like it. */
export function exportManifest(where: Where): Readonly<Record<string, unknown>> {
  const session = openSession(where);
  const { origin, checksum, kargs } = requireDeployment(session);
  const { overrides } = origin;
  const base = readTreeState(session.sysroot.repo, checksum).base;
  const files = (entries: readonly LocalPackage[]): ManifestFile[] =>
    entries.map(({ name, version, architecture, sha256 }) => ({ name, version, architecture, sha256 }));
  const { overrideCommit: commit, refspec: ref } = origin;
  const defaults = session.sysroot.target === undefined ? [] : defaultKargs(session.sysroot.target);
  return renderManifest({
    ...(ref === undefined ? {} : { base: { ref, ...(commit === undefined ? {} : { commit }) } }),
    packages: [...origin.requested].sort(),
    local: files(origin.requestedLocal),
    remove: [...overrides.remove].sort(),
    replace: [...overrides.replace].sort(),
    replaceLocal: files(overrides.replaceLocal),
    hold: overrides.hold.map(({ name, version }) => `${name}=${version}`).sort(),
    kargs: {
      append: kargs.filter((word) => !defaults.includes(word) && !machineKeys.has(kargKey(word))),
      delete: defaults.filter((word) => !kargs.includes(word) && !machineKeys.has(kargKey(word))),
    },
    feeds: readFeedConfig(session, base).opkg.feeds.map(({ name, url }) => ({ name, url })),
  });
}

/** Arguments that say where this very machine's root is. */
const machineKeys: ReadonlySet<string> = new Set(['root', 'ostree', 'init', 'rootfstype', 'rootwait']);

function readManifest(path: string): Manifest {
  const found = lstatIfExists(path);
  if (found === undefined) throw new UsageError('USAGE', `there is no file ${path}`);
  if (found.size > maxManifestBytes)
    throw new ConfigError('CONFIG_INVALID', `${path} is larger than ${maxManifestBytes} bytes`);
  return parseManifest(readTextIfExists(path) ?? '', path);
}

async function followedBase(
  session: Session,
  { base: wanted }: Manifest,
  env: Environment,
): Promise<{ readonly origin: Origin; readonly base: Checksum }> {
  const deployment = requireDeployment(session);
  const { repo } = session.sysroot;
  const carried = carryOrigin(deployment.origin);
  const present = readTreeState(repo, deployment.checksum).base;
  if (wanted === undefined)
    return { origin: { ...carried, overrideCommit: deployment.origin.overrideCommit }, base: present };
  if (!isRefName(wanted.ref)) throw new UsageError('USAGE', `'${wanted.ref}' is not the name of a branch`);
  const ref = toRefName(wanted.ref);
  const origin = { ...carried, refspec: ref, overrideCommit: wanted.commit };
  if (wanted.commit === undefined)
    return {
      origin,
      base: ref === deployment.origin.refspec ? present : await newestCommit(session, ref, env),
    };
  if (!repo.hasObject('commit', wanted.commit)) await newestCommit(session, ref, env);
  if (repo.hasObject('commit', wanted.commit)) return { origin, base: wanted.commit };
  throw new RefusedError('OSTREE_REF_NOT_FOUND', `${ref} does not bring the commit ${wanted.commit}`, {
    hint: `fetch it: 'opkg-ostree repo pull REMOTE ${wanted.commit}'`,
  });
}

/** The next deployment has the feeds that the manifest counts on, or nothing is changed. */
function requireFeeds(session: Session, base: Checksum, { feeds = [] }: Manifest): void {
  const configured = new Set(readFeedConfig(session, base).opkg.feeds.map(({ name }) => name));
  const missing = feeds.filter(({ name }) => !configured.has(name));
  const first = missing[0];
  if (first === undefined) return;
  throw new ConfigError(
    'FEED_NOT_CONFIGURED',
    `feeds are missing: ${missing.map(({ name }) => name).join(', ')}`,
    {
      hint: `add a line 'src/gz ${first.name} ${first.url ?? 'URL'}' to /etc/opkg/customfeeds.conf`,
    },
  );
}

/** Package files that the cache lacks, from beside the manifest or from their address; each has to be what its digest says. */
async function givenFiles(
  session: Session,
  wanted: readonly ManifestFile[],
  folder: string,
  env: Environment,
): Promise<LocalFile[]> {
  const missing = wanted.filter(
    ({ name, version, architecture, sha256 }) =>
      findPackageCommit(session.sysroot.repo, name, version, architecture, sha256) === undefined,
  );
  const sources = missing.map((entry) => {
    const path = entry.file === undefined ? undefined : resolvePath(folder, entry.file);
    if (path !== undefined && lstatIfExists(path) !== undefined) return path;
    if (entry.url !== undefined) return `${entry.url.split('#')[0]}#sha256=${entry.sha256}`;
    throw new RefusedError('PACKAGE_UNKNOWN', `the file of ${entry.name} ${entry.version} is not at hand`, {
      hint: `give its entry in the manifest a "file" or a "url" (SHA-256 ${entry.sha256})`,
    });
  });
  const files = await readLocalFiles(session, sources, { allowUnsigned: false }, env);
  for (const [at, entry] of missing.entries()) {
    const found = files[at];
    if (found === undefined || localKey(localRequest(found)) === localKey(entry)) continue;
    throw new VerificationError(
      'CHECKSUM_MISMATCH',
      `${sources[at]} is not the ${entry.name} of the manifest`,
      {
        hint: 'put the file there that the digest names, or correct the manifest',
        details: { expected: entry.sha256, found: found.sha256 },
      },
    );
  }
  return files;
}

function localKey({ name, version, architecture, sha256 }: LocalPackage): string {
  return [sha256, architecture, name, version].join(' ');
}

async function holds(session: Session, wanted: readonly string[], dryRun: boolean): Promise<LocalPackage[]> {
  const { origin } = requireDeployment(session);
  const found: LocalPackage[] = [];
  for (const { name, version } of wanted.map(parseRequest)) {
    const held = origin.overrides.hold.find((entry) => entry.name === name);
    const kept = held ?? (await presentPackage(session, name, dryRun));
    if (version !== undefined && kept.version !== version) {
      throw new RefusedError(
        'UNSATISFIABLE',
        `${name} is ${kept.version} here and cannot be held at ${version}`,
        {
          hint: `install it first: 'opkg-ostree install ${name}=${version}' or 'opkg-ostree override replace ${name}=${version}'`,
        },
      );
    }
    found.push(kept);
  }
  return found;
}

function wishOf(origin: Origin, manifest: Manifest, hold: readonly LocalPackage[] | undefined): Origin {
  const pinned = (files: readonly ManifestFile[]): LocalPackage[] =>
    files.map(({ name, version, architecture, sha256 }) => ({ name, version, architecture, sha256 }));
  const { overrides } = origin;
  return {
    ...origin,
    requested: manifest.packages ?? origin.requested,
    requestedLocal: manifest.local === undefined ? origin.requestedLocal : pinned(manifest.local),
    overrides: {
      remove: manifest.remove ?? overrides.remove,
      replace: manifest.replace ?? overrides.replace,
      replaceLocal:
        manifest.replaceLocal === undefined ? overrides.replaceLocal : pinned(manifest.replaceLocal),
      hold: hold ?? overrides.hold,
    },
  };
}

/** The arguments with the manifest's part put right; undefined where they are right already. */
function wantedKargs(present: readonly string[], wanted: Manifest['kargs']): readonly string[] | undefined {
  if (wanted === undefined) return undefined;
  const kept = present.filter((word) => !wanted.delete.includes(word));
  const next = [...kept, ...wanted.append.filter((word) => !kept.includes(word))];
  return next.join('\n') === present.join('\n') ? undefined : next;
}
