import { join } from 'node:path';
import { appletLinks, releaseFiles } from './build-root.ts';
import {
  BASE_ADDED_IN_2,
  BASE_PACKAGES,
  type CatalogEntry,
  FEED_PACKAGES,
  KERNEL_MODULES,
} from './catalog.ts';
import { type Deb, fetchDebs, readDeb } from './deb.ts';
import { file } from './entries.ts';
import { type BuiltIpk, buildIpk, type IpkSpec } from './ipk-builder.ts';
import { busyboxApplets, debianNames, kernelSpec, moduleSpec } from './kernel.ts';
import type { Release } from './release.ts';
import { repack } from './repack.ts';
import type { FixtureKey } from './usign-key.ts';

/** A release's packages. */
export interface ReleasePackages {
  /** Those in the image, dependencies in no particular order. */
  readonly base: readonly BuiltIpk[];
  /** Those of feed `openwrt_core`: kernel modules. */
  readonly core: readonly BuiltIpk[];
  /** Those of feed `openwrt_packages`. */
  readonly feed: readonly BuiltIpk[];
}

/** The Debian packages that the world is made of. */
export function neededDebs(): string[] {
  return debianNames([...BASE_PACKAGES, ...FEED_PACKAGES]);
}

/** Reads every Debian package that is needed; downloads those that `cache` lacks. */
export async function readDebs(cache: string): Promise<Map<string, Deb>> {
  const debs = new Map<string, Deb>();
  for (const [name, path] of fetchDebs(neededDebs(), cache)) debs.set(name, await readDeb(path));
  return debs;
}

/** Builds the packages of `release` from Debian's and the fixture files. */
export function buildPackages(
  debs: ReadonlyMap<string, Deb>,
  release: Release,
  fixtures: string,
  keys: readonly FixtureKey[],
): ReleasePackages {
  const made = [...FEED_PACKAGES, ...BASE_PACKAGES].filter((entry) => entry.deb !== undefined);
  // of two packages made from one of Debian's, the first is what others depend on
  const names = new Map(made.reverse().map((entry) => [entry.deb ?? '', openwrtName(entry)]));
  const make = (entry: CatalogEntry, folder: string) =>
    repack(entry, debs.get(entry.deb ?? ''), names, release, join(fixtures, folder));
  const feed = FEED_PACKAGES.map((entry) => buildIpk(make(entry, 'packages')));
  const modules = KERNEL_MODULES.map((kmod) => buildIpk(moduleSpec(kmod, release)));
  const added = release.number === 1 ? [] : feed.filter((ipk) => BASE_ADDED_IN_2.includes(ipk.spec.name));
  const applets = appletLinks(release, busyboxApplets(busyboxOf(debs)));
  const base = BASE_PACKAGES.map((entry) => make(entry, 'base'))
    .map((spec) =>
      withGenerated(spec, {
        busybox: applets,
        'base-files': releaseFiles(release),
        'openwrt-keyring': keyFiles(keys),
      }),
    )
    .map(buildIpk);
  return {
    base: [...base, buildIpk(kernelSpec(release)), ...modules.slice(0, 1), ...added],
    core: modules,
    feed,
  };
}

function openwrtName(entry: CatalogEntry): string {
  return entry.name ?? entry.deb ?? '';
}

function busyboxOf(debs: ReadonlyMap<string, Deb>): Uint8Array {
  const found = debs.get('busybox-static')?.entries.find((entry) => entry.path === 'bin/busybox')?.content;
  if (found === undefined) throw new Error("Debian's busybox-static has no /bin/busybox");
  return found;
}

function withGenerated(spec: IpkSpec, generated: Readonly<Record<string, IpkSpec['data']>>): IpkSpec {
  return { ...spec, data: [...spec.data, ...(generated[spec.name] ?? [])] };
}

function keyFiles(keys: readonly FixtureKey[]): IpkSpec['data'] {
  return keys.map((key) => file(`etc/opkg/keys/${key.fingerprint}`, key.publicText));
}
