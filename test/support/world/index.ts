export { ensureBundle } from './bundle.ts';
export { dir, file, symlink, type TreeEntry } from './entries.ts';
export { writeFeed, writeIndex } from './feed.ts';
export { type Fault, FeedServer } from './feed-server.ts';
export { type BuiltIpk, buildIpk, type IpkSpec } from './ipk-builder.ts';
export { prepareRealRoot, type RealRoot, realRootPath } from './real-root.ts';
export { FIXTURE_ARCH, feedFolders, type Release } from './release.ts';
export { Cli, type Ended, type RunOptions, runProgram } from './runner.ts';
export { newFolder, removeFolder } from './temp.ts';
export { listTree } from './tree-digest.ts';
export { type FixtureKey, fixtureKey } from './usign-key.ts';
export {
  bootableKernel,
  openWorld,
  type World,
  type WorldPackage,
  type WorldRelease,
  writeRootfs,
} from './world.ts';
