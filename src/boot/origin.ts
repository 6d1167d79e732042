/**
 * The origin of a deployment: the only record of what the admin asked for. A GLib key file beside the deployment's
 * folder that `ostree admin` reads too (docs/formats/origin.md).
 *
 * ```
 * [origin]    refspec | baserefspec, override-commit
 * [packages]  requested, requested-local, inactive, suspended
 * [overrides] remove, replace, replace-local, hold
 * [feeds]     snapshot
 * [boot]      kargs-append, kargs-delete
 * [libostree-transient] pinned
 * ```
 */
import {
  type Checksum,
  ConfigError,
  compareBytes,
  isChecksum,
  isPackageName,
  type PackageName,
} from '../base/index.ts';
import { type KeyFile, parseKeyFile } from '../ostree/index.ts';

/** A package file that the admin gave, pinned by its digest. */
export interface LocalPackage {
  readonly name: PackageName;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: Checksum;
}

export interface Origin {
  /** The branch that is followed, `[remote:]ref`; undefined for a deployment of a bare commit. */
  readonly refspec: string | undefined;
  /** The commit that the base is pinned to. */
  readonly overrideCommit: Checksum | undefined;
  /** Names, or `name=version`. */
  readonly requested: readonly string[];
  readonly requestedLocal: readonly LocalPackage[];
  /** Requested, but the base has it. */
  readonly inactive: readonly string[];
  /** Requested, but left out because it cannot be had at present. */
  readonly suspended: readonly string[];
  readonly overrides: {
    readonly remove: readonly PackageName[];
    /** `name=version`. */
    readonly replace: readonly string[];
    readonly replaceLocal: readonly LocalPackage[];
    /** Packages that stay at their version, layered or of the base; the content is in the package cache. */
    readonly hold: readonly LocalPackage[];
  };
  /** The digest of the feed indices that were solved against. */
  readonly feeds: { readonly snapshot: string | undefined };
  readonly boot: { readonly kargsAppend: readonly string[]; readonly kargsDelete: readonly string[] };
  readonly pinned: boolean;
  /** The text that it was read from: unknown groups and keys survive in it. */
  readonly text: string;
}

const transientGroup = 'libostree-transient';

/** The origin of a deployment that follows a branch and wishes nothing else. */
export function newOrigin(refspec: string | undefined): Origin {
  return { ...parseOrigin('', 'new origin'), refspec };
}

/** The origin in a key file's text. ConfigError ORIGIN_INVALID naming file, group and key. */
export function parseOrigin(text: string, path: string): Origin {
  const file = readKeyFile(text, path);
  const fail = (group: string, key: string, item: string): never => {
    throw new ConfigError('ORIGIN_INVALID', `${path}: [${group}] ${key}: '${item}'`, {
      hint: 'correct the file, or deploy again',
    });
  };
  const list = (group: string, key: string) => sorted(file.getList(group, key) ?? []);
  const names = (group: string, key: string): PackageName[] =>
    list(group, key).map((item) => (isPackageName(item) ? item : fail(group, key, item)));
  const locals = (group: string, key: string) =>
    list(group, key).map((item) => parseLocalPackage(item) ?? fail(group, key, item));
  const override = file.get('origin', 'override-commit');
  return {
    refspec: file.get('origin', 'refspec') ?? file.get('origin', 'baserefspec'),
    overrideCommit:
      override === undefined
        ? undefined
        : isChecksum(override)
          ? override
          : fail('origin', 'override-commit', override),
    requested: list('packages', 'requested'),
    requestedLocal: locals('packages', 'requested-local'),
    inactive: list('packages', 'inactive'),
    suspended: list('packages', 'suspended'),
    overrides: {
      remove: names('overrides', 'remove'),
      replace: list('overrides', 'replace'),
      replaceLocal: locals('overrides', 'replace-local'),
      hold: locals('overrides', 'hold'),
    },
    feeds: { snapshot: file.get('feeds', 'snapshot') },
    boot: {
      kargsAppend: file.getList('boot', 'kargs-append') ?? [],
      kargsDelete: file.getList('boot', 'kargs-delete') ?? [],
    },
    pinned: booleanOf(file, path),
    text,
  };
}

/**
 * The key file's text: lists sorted, empty ones left out, unknown keys as they were. The same origin always renders
 * to the same bytes. `baserefspec` says that the tree is not the branch's own, so that `ostree admin upgrade` leaves it alone.
 */
export function renderOrigin(origin: Origin): string {
  const file = readKeyFile(origin.text, 'origin');
  const put = (group: string, key: string, value: string | readonly string[] | undefined) => {
    if (value === undefined || value.length === 0) {
      file.remove(group, key);
      if (file.keys(group).length === 0) file.removeGroup(group);
    } else file.set(group, key, value);
  };
  const layered = isLayered(origin);
  put('origin', layered ? 'refspec' : 'baserefspec', undefined);
  put('origin', layered ? 'baserefspec' : 'refspec', origin.refspec);
  put('origin', 'override-commit', origin.overrideCommit);
  put('packages', 'requested', sorted(origin.requested));
  put('packages', 'requested-local', sorted(origin.requestedLocal.map(renderLocalPackage)));
  put('packages', 'inactive', sorted(origin.inactive));
  put('packages', 'suspended', sorted(origin.suspended));
  put('overrides', 'remove', sorted(origin.overrides.remove));
  put('overrides', 'replace', sorted(origin.overrides.replace));
  put('overrides', 'replace-local', sorted(origin.overrides.replaceLocal.map(renderLocalPackage)));
  put('overrides', 'hold', sorted(origin.overrides.hold.map(renderLocalPackage)));
  put('feeds', 'snapshot', origin.feeds.snapshot);
  put('boot', 'kargs-append', origin.boot.kargsAppend);
  put('boot', 'kargs-delete', origin.boot.kargsDelete);
  put(transientGroup, 'pinned', origin.pinned ? 'true' : undefined);
  return file.render();
}

/**
 * The origin for the next deployment of the same wish: without the transient group, `override-commit` and `unlocked`,
 * which belong to one deployment (ostree_deployment_origin_remove_transient_state).
 */
export function carryOrigin(origin: Origin): Origin {
  const file = readKeyFile(origin.text, 'origin');
  file.removeGroup(transientGroup);
  file.remove('origin', 'override-commit');
  file.remove('origin', 'unlocked');
  return { ...origin, overrideCommit: undefined, pinned: false, text: file.render() };
}

/** True when the wish changes the base: the deployed commit is a layered one. */
export function isLayered(origin: Origin): boolean {
  const { overrides } = origin;
  return [
    origin.requested,
    origin.requestedLocal,
    overrides.remove,
    overrides.replace,
    overrides.replaceLocal,
    overrides.hold,
  ].some((list) => list.length > 0);
}

/** True when cleanup must keep the deployment. */
export function isPinned(origin: Origin): boolean {
  return origin.pinned;
}

/** `<sha256>:<arch>:<name>:<version>`; the version may hold colons. */
export function renderLocalPackage(local: LocalPackage): string {
  return `${local.sha256}:${local.architecture}:${local.name}:${local.version}`;
}

/** The parts of a pinned package file, or undefined. */
export function parseLocalPackage(text: string): LocalPackage | undefined {
  const [sha256 = '', architecture = '', name = '', ...rest] = text.split(':');
  const version = rest.join(':');
  if (!isChecksum(sha256) || !isPackageName(name) || version === '' || architecture === '') return undefined;
  return { sha256, architecture, name, version };
}

function readKeyFile(text: string, path: string): KeyFile {
  try {
    return parseKeyFile(text);
  } catch (error) {
    throw new ConfigError(
      'ORIGIN_INVALID',
      `${path}: ${error instanceof Error ? error.message : 'not a key file'}`,
      {
        cause: error,
        hint: 'correct the file, or deploy again',
      },
    );
  }
}

function booleanOf(file: KeyFile, path: string): boolean {
  const text = file.get(transientGroup, 'pinned');
  if (text === undefined || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw new ConfigError('ORIGIN_INVALID', `${path}: [${transientGroup}] pinned: '${text}'`);
}

function sorted(items: readonly string[]): string[] {
  return [...new Set(items)].sort(compareBytes);
}
