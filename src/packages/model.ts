import type { Checksum, PackageName } from '../base/index.ts';

/** How a constraint compares; `<<` and `>>` are strict. */
export type ConstraintOperator = '<<' | '<=' | '=' | '>=' | '>>';

export interface VersionConstraint {
  readonly operator: ConstraintOperator;
  readonly version: string;
}

/** `name` or `name (op version)`. */
export interface Relation {
  readonly name: PackageName;
  readonly constraint?: VersionConstraint;
}

/** Alternatives, left to right: any one satisfies. */
export type Dependency = readonly Relation[];

/** A name that a package stands in for. opkg's have no version, apk's may. */
export interface Provided {
  readonly name: PackageName;
  readonly version?: string;
}

/** One line of `Alternatives`: a symlink at `path` to `target`, the highest priority of all installed wins. */
export interface Alternative {
  readonly priority: number;
  readonly path: string;
  readonly target: string;
}

/** One version of one package, whatever it was read from. */
export interface PackageRecord {
  readonly name: PackageName;
  readonly version: string;
  readonly architecture: string;
  /** Depends and Pre-Depends. */
  readonly depends: readonly Dependency[];
  readonly recommends: readonly Dependency[];
  readonly suggests: readonly Dependency[];
  readonly conflicts: readonly Relation[];
  readonly replaces: readonly Relation[];
  /** What the package names itself; that it provides its own name goes without saying. */
  readonly provides: readonly Provided[];
  readonly alternatives: readonly Alternative[];
  readonly essential: boolean;
  /** The suffix of an ABI-versioned library's name, or ''. */
  readonly abiVersion: string;
  /** Bytes; 0 where it is not told. */
  readonly installedSize: number;
  readonly section: string;
  readonly description: string;
}

/** Where a package that can be installed comes from. */
export type PackageOrigin =
  | { readonly kind: 'feed'; readonly feed: string; readonly url: string }
  | { readonly kind: 'local'; readonly path: string };

/** A package that can be installed. */
export interface AvailablePackage extends PackageRecord {
  readonly origin: PackageOrigin;
  /** Of the package file, bytes. */
  readonly size: number;
  /** Of the package file. */
  readonly sha256: Checksum;
}

/** What opkg's status says that it wants with a package. */
export type Want = 'unknown' | 'install' | 'deinstall' | 'purge';

/** A package that a tree's database says is installed. */
export interface InstalledPackage extends PackageRecord {
  readonly want: Want;
  /** Flags without `ok`: hold, user, noprune, prefer, obsolete ... */
  readonly flags: readonly string[];
  /** installed, unpacked, half-configured ... */
  readonly state: string;
  readonly autoInstalled: boolean;
  /** Unix seconds, 0 where it is not told. */
  readonly installedTime: number;
  readonly conffiles: readonly Conffile[];
}

/** A configuration file and the hash (SHA-256, or MD5 in old databases) of the package's own version of it. */
export interface Conffile {
  readonly path: string;
  readonly hash: string;
}
