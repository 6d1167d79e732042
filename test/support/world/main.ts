/**
 * The world on the command line: `build [FOLDER [FEED-URL]]` builds it and writes both roots into the folder, `fetch` downloads
 * the Debian packages alone, `serve ROOT PORT-FILE` serves a feed folder until its standard input ends, `kernel` prints
 * the path of a kernel that boots.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchDebs } from './build/deb.ts';
import { neededDebs } from './build/packages.ts';
import { FeedServer } from './feed-server.ts';
import { prepareRealRoot, realRootPath } from './real-root.ts';
import { cacheFolder } from './repo-root.ts';
import { bootableKernel, openWorld, writeRootfs } from './world.ts';

export async function main(words: readonly string[]): Promise<void> {
  const [verb = 'build', ...rest] = words;
  if (verb === 'build') await build(rest);
  else if (verb === 'serve') await serve(rest);
  else if (verb === 'fetch') fetchDebs(neededDebs(), join(cacheFolder, 'debs'));
  else if (verb === 'kernel') process.stdout.write(`${bootableKernel().path}\n`);
  else throw new Error(`usage: world build [FOLDER [FEED-URL]] | fetch | serve ROOT PORT-FILE | kernel`);
}
/** Builds the world; with a folder, writes both roots and kernels and a description into it. */
async function build([folder, feedUrl]: readonly string[]): Promise<void> {
  const world = await openWorld();
  if (folder === undefined) {
    process.stdout.write(`${world.feeds}\n`);
    return;
  }
  mkdirSync(folder, { recursive: true });
  const real = realRootPath();
  const releases = world.releases.map((item) => {
    const rootfs = join(folder, `openwrt-${item.release.version}-rootfs.tar.gz`);
    writeRootfs(item, rootfs, feedUrl === undefined ? {} : { feedUrl });
    return { version: item.release.version, rootfs, kernel: item.kernel };
  });
  const realRoot = real === undefined ? undefined : await prepareRealRoot(real, folder);
  const description = { feeds: world.feeds, key: world.key.fingerprint, releases, real: realRoot?.rootfs };
  writeFileSync(join(folder, 'world.json'), `${JSON.stringify(description, undefined, 2)}\n`);
}

async function serve([root, portFile]: readonly string[]): Promise<void> {
  if (root === undefined || portFile === undefined) throw new Error('usage: world serve ROOT PORT-FILE');
  const server = await FeedServer.start(root);
  writeFileSync(`${portFile}.new`, `${server.url}\n`);
  renameSync(`${portFile}.new`, portFile);
  process.stdin.resume();
  process.stdin.once('end', () => {
    void server.close();
  });
}
