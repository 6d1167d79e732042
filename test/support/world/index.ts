export { dir, file, symlink, type TreeEntry } from './build/entries.ts';
export { writeFeed, writeIndex } from './build/feed.ts';
export { type BuiltIpk, buildIpk, type IpkSpec } from './build/ipk-builder.ts';
export { FIXTURE_ARCH, feedFolders, type Release } from './build/release.ts';
export { type FixtureKey, fixtureKey } from './build/usign-key.ts';
export { ensureBundle } from './bundle.ts';
export { type Fault, FeedServer } from './feed-server.ts';
export { prepareRealRoot, type RealRoot, realRootPath } from './real-root.ts';
export { Cli, type Ended, type RunOptions, runProgram } from './runner.ts';
export { appendLine, editFile, lastLine, type Scene, type SceneDeployment, startScene } from './scene.ts';
export { newFolder, removeFolder } from './temp.ts';
export { listTree, treeChanges } from './tree-digest.ts';
export {
  bootableKernel,
  openWorld,
  type World,
  type WorldPackage,
  type WorldRelease,
  writeRootfs,
} from './world.ts';
