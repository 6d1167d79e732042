export { dir, file, symlink, type TreeEntry } from './entries.ts';
export { writeFeed, writeIndex } from './feed.ts';
export { type BuiltIpk, buildIpk, type IpkSpec } from './ipk-builder.ts';
export { FIXTURE_ARCH, feedFolders, type Release } from './release.ts';
export { type FixtureKey, fixtureKey } from './usign-key.ts';
export {
  bootableKernel,
  openWorld,
  type World,
  type WorldPackage,
  type WorldRelease,
  writeRootfs,
} from './world.ts';
