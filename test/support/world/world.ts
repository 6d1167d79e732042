import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buildRoot } from './build/build-root.ts';
import { BASE_PACKAGES, FEED_PACKAGES, KERNEL_MODULES } from './build/catalog.ts';
import { fetchDebs } from './build/deb.ts';
import { file } from './build/entries.ts';
import { writeFeed } from './build/feed.ts';
import { gzip, renderTarEntries, tarEnd } from './build/gnu-tar.ts';
import type { BuiltIpk } from './build/ipk-builder.ts';
import { debianKernel, fakeKernel } from './build/kernel.ts';
import { buildPackages, neededDebs, readDebs } from './build/packages.ts';
import { feedFolders, RELEASES, type Release } from './build/release.ts';
import { readTree } from './build/repack.ts';
import { type FixtureKey, fixtureKey } from './build/usign-key.ts';
import { cacheFolder, fixturesFolder, repoRoot } from './repo-root.ts';

/** A package of the world, as tests want to know it. */
export interface WorldPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  readonly sha256: string;
  readonly size: number;
  readonly fileName: string;
  /** Absolute paths of what is not a directory, as opkg lists them. */
  readonly files: readonly string[];
}

/** One release: its kernel and what is in its image and feeds. */
export interface WorldRelease {
  readonly release: Release;
  readonly kernel: string;
  readonly base: readonly WorldPackage[];
  readonly feed: readonly WorldPackage[];
  /** The root without /etc/opkg/distfeeds.conf and without the tar's end. */
  readonly rootPart: string;
}

/** Two releases of an OpenWrt-shaped system made of Debian's binaries, and their signed feeds. */
export interface World {
  /** What a feed server serves: `releases/...`, as on downloads.openwrt.org. */
  readonly feeds: string;
  readonly key: FixtureKey;
  /** A key that no root knows. */
  readonly strangerKey: FixtureKey;
  readonly releases: readonly [WorldRelease, WorldRelease];
}

export interface RootfsOptions {
  /** Base address of the feeds in distfeeds.conf. */
  readonly feedUrl?: string;
}

const FORMAT = 1;
const KEPT_WORLDS = 4;
const worldKey = fixtureKey('world');

/** The world, built once for these sources and Debian packages and kept below .cache/world. */
export async function openWorld(): Promise<World> {
  const debCache = join(cacheFolder, 'debs');
  const debs = fetchDebs(neededDebs(), debCache);
  const folder = join(cacheFolder, 'world', cacheName([...debs.values()]));
  if (!existsSync(folder)) await buildInto(folder, debCache);
  const [first, second] = RELEASES.map((release) => readRelease(folder, release));
  if (first === undefined || second === undefined) throw new Error('the world has two releases');
  const strangerKey = fixtureKey('stranger');
  return { feeds: join(folder, 'feeds'), key: worldKey, strangerKey, releases: [first, second] };
}

/** Writes a release's root to `path`: a tar, gzipped when the name ends in `.gz`. Returns `path`. */
export function writeRootfs(release: WorldRelease, path: string, options: RootfsOptions = {}): string {
  const feeds = Object.entries(feedFolders(release.release));
  const url = options.feedUrl ?? 'https://downloads.openwrt.org';
  const lines = feeds.map(([name, folder]) => `src/gz ${name} ${url}/${folder}\n`);
  const last = renderTarEntries([file('etc/opkg/distfeeds.conf', lines.join(''))], release.release.epoch);
  const tar = Buffer.concat([readFileSync(release.rootPart), last, tarEnd()]);
  writeFileSync(path, path.endsWith('.gz') ? gzip(tar, 1) : tar);
  return path;
}

/** A kernel that boots under QEMU, for boot tests; downloaded on first use. */
export function bootableKernel(): { readonly path: string; readonly release: string } {
  return debianKernel(cacheFolder);
}

async function buildInto(folder: string, debCache: string): Promise<void> {
  mkdirSync(join(cacheFolder, 'world'), { recursive: true });
  const work = mkdtempSync(join(cacheFolder, 'world/build-'));
  try {
    const debs = await readDebs(debCache);
    for (const release of RELEASES)
      writeRelease(work, release, buildPackages(debs, release, fixturesFolder, [worldKey]));
    rename(work, folder);
    dropOldWorlds();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Sources change often while one works on them; the newest worlds are enough. */
function dropOldWorlds(): void {
  const parent = join(cacheFolder, 'world');
  const worlds = readdirSync(parent).map((name) => ({
    path: join(parent, name),
    time: statSync(join(parent, name)).mtimeMs,
  }));
  worlds.sort((a, b) => b.time - a.time);
  for (const world of worlds.slice(KEPT_WORLDS)) rmSync(world.path, { recursive: true, force: true });
}

/** Another process may have built the same world meanwhile; either one will do. */
function rename(work: string, folder: string): void {
  try {
    renameSync(work, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

function writeRelease(work: string, release: Release, packages: ReturnType<typeof buildPackages>): void {
  const folders = feedFolders(release);
  const pool = join(work, 'pool');
  writeFeed(join(work, 'feeds', folders['openwrt_core'] ?? ''), packages.core, worldKey, pool);
  writeFeed(join(work, 'feeds', folders['openwrt_packages'] ?? ''), packages.feed, worldKey, pool);
  writeFileSync(
    join(work, `root-${release.number}`),
    renderTarEntries(buildRoot(packages.base, release), release.epoch),
  );
  writeFileSync(join(work, `kernel-${release.number}`), fakeKernel(release));
  const facts = { base: packages.base.map(factsOf), feed: [...packages.core, ...packages.feed].map(factsOf) };
  writeFileSync(join(work, `facts-${release.number}.json`), JSON.stringify(facts));
}

function factsOf(ipk: BuiltIpk): WorldPackage {
  const files = ipk.spec.data.filter((entry) => entry.type !== 'dir').map((entry) => `/${entry.path}`);
  const { name, version, arch } = ipk.spec;
  return {
    name,
    version,
    arch,
    sha256: ipk.sha256,
    size: ipk.bytes.length,
    fileName: ipk.fileName,
    files: [...new Set(files)].sort(),
  };
}

function readRelease(folder: string, release: Release): WorldRelease {
  const facts = JSON.parse(readFileSync(join(folder, `facts-${release.number}.json`), 'utf8')) as Pick<
    WorldRelease,
    'base' | 'feed'
  >;
  return {
    release,
    kernel: join(folder, `kernel-${release.number}`),
    rootPart: join(folder, `root-${release.number}`),
    ...facts,
  };
}

/** A name for what the world is made of: this code, the fixture files, the Debian packages. */
function cacheName(debs: readonly string[]): string {
  const hash = createHash('sha256').update(`${FORMAT}\n${[...debs].sort().join('\n')}\n`);
  // what this process has loaded, should the file have been edited since
  hash.update(JSON.stringify([BASE_PACKAGES, FEED_PACKAGES, KERNEL_MODULES, RELEASES]));
  for (const folder of [fixturesFolder, join(repoRoot, 'test/support/world/build')]) {
    for (const entry of readTree(folder))
      hash.update(`${entry.path} ${entry.mode}\n`).update(entry.content ?? '');
  }
  return hash.digest('hex').slice(0, 16);
}
