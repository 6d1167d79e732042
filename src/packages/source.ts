import type { PackageName } from '../base/index.ts';

/**
 * What differs between package worlds (opkg now, apk next), as far as the rooms above see it: how versions compare,
 * which architectures fit, what the database is called and how a conffile's new default is named.
 */
export interface PackageSource {
  readonly id: 'opkg' | 'apk';
  /** Negative, zero or positive, as the world's own tool orders versions. */
  compareVersions(a: string, b: string): number;
  /** The suffix of a new default that is put beside a conffile the admin changed. */
  readonly conffileSuffix: string;
  /** Packages without which no system runs: replacing one is a risk that has to be forced. */
  readonly criticalPackages: ReadonlySet<PackageName>;
}
