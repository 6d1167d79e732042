/** opkg's settings: what the command line said, then what the configuration files add (opkg.md section 4). */
import type { Destination, Source } from './model.ts';

/** Settings that are on or off; the names are those of the configuration's `option` lines where it has them. */
export const switches = [
  'autoremove',
  'force_defaults',
  'force_maintainer',
  'force_depends',
  'force_overwrite',
  'force_downgrade',
  'force_reinstall',
  'force_space',
  'force_postinstall',
  'force_remove',
  'force_checksum',
  'force_signature',
  'force_removal_of_dependent_packages',
  'force_removal_of_essential_packages',
  'check_signature',
  'no_check_certificate',
  'noaction',
  'download_only',
  'nodeps',
  'nocase',
  'query-all',
  'size',
  'strip_abi',
] as const;

/** Settings with a value. */
export const values = [
  'cache',
  'ftp_proxy',
  'http_proxy',
  'http_timeout',
  'https_proxy',
  'no_proxy',
  'offline_root',
  'overlay_root',
  'proxy_passwd',
  'proxy_user',
  'tmp_dir',
  'verify_program',
  'lists_dir',
] as const;

export type Switch = (typeof switches)[number];
export type Value = (typeof values)[number];

/** What the command line says. */
export interface CommandOptions {
  readonly switches: Set<Switch>;
  readonly values: Map<Value, string>;
  /** `-f`. */
  configFile?: string;
  /** `-d`. */
  destination?: string;
  /** `--add-arch`, in their order. */
  readonly architectures: [name: string, priority: string][];
  /** `--add-dest`, in their order. */
  readonly destinations: [name: string, path: string][];
  verbosity: number;
}

/** Everything that a run of opkg goes by. */
export interface Settings {
  readonly on: (name: Switch) => boolean;
  readonly value: (name: Value) => string | undefined;
  readonly sources: readonly Source[];
  readonly architectures: ReadonlyMap<string, number>;
  /** As written, in their order, for `print-architecture`. */
  readonly architectureLines: readonly (readonly [name: string, priority: string])[];
  readonly destinations: readonly [Destination, ...Destination[]];
  readonly defaultDestination: Destination;
  /** `-d` restricts to the default destination. */
  readonly restricted: boolean;
  /** Without the slash that ends it only where the user wrote none; undefined for the running system. */
  readonly offlineRoot: string | undefined;
  readonly listsFolder: string;
  readonly lockFile: string;
}
