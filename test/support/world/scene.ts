import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBundle } from './bundle.ts';
import { FeedServer } from './feed-server.ts';
import { prepareRealRoot } from './real-root.ts';
import { Cli, type Ended, runProgram } from './runner.ts';
import { newFolder, removeFolder } from './temp.ts';
import { openWorld, writeRootfs } from './world.ts';

/** A deployment as `status --json` shows it: what the tests read of it. */
export interface SceneDeployment {
  readonly id: string;
  readonly index: number;
  readonly checksum: string;
  readonly 'base-checksum': string;
  readonly version: string | null;
  readonly path: string;
  readonly rollback: boolean;
  readonly pinned: boolean;
  readonly packages: readonly string[];
  readonly 'requested-packages': readonly string[];
  readonly 'inactive-packages': readonly string[];
}

/** One release that can be composed. */
export interface SceneRelease {
  readonly rootfs: string;
  readonly kernel: string;
}

/** A router in a folder: its sysroot, two releases to compose, a feed server, and the command. */
export interface Scene {
  readonly folder: string;
  readonly sysroot: string;
  readonly branch: string;
  readonly releases: readonly [SceneRelease, SceneRelease];
  readonly server: FeedServer;
  readonly cli: Cli;
  /** Composes a release onto the branch and returns the commit. */
  compose(release: 0 | 1): Promise<string>;
  /** The deployments, next boot first. */
  deployments(): Promise<SceneDeployment[]>;
  /** Lets the feeds of release 2 be the ones that the router fetches, where its own root does not name them. */
  useFeedsOfRelease(release: 1 | 2): Promise<void>;
  /** Runs a command inside the first deployment, with the stateroot's /var and a fresh /tmp. */
  inside(...command: string[]): Promise<Ended>;
  end(): Promise<void>;
}

/** A scene with nothing composed: the fixture's releases, or those of a real root. */
export async function startScene(realRoot?: string): Promise<Scene> {
  ensureBundle();
  const folder = newFolder('scene');
  return realRoot === undefined ? fixtureScene(folder) : realScene(folder, realRoot);
}

async function fixtureScene(folder: string): Promise<Scene> {
  const world = await openWorld();
  const server = await FeedServer.start(world.feeds);
  const [first, second] = world.releases.map((release) => ({
    rootfs: writeRootfs(release, join(folder, `rootfs-${release.release.number}.tar.gz`), {
      feedUrl: server.url,
    }),
    kernel: release.kernel,
  }));
  if (first === undefined || second === undefined) throw new Error('the world has two releases');
  return scene(folder, server, [first, second], () => Promise.resolve());
}

async function realScene(folder: string, path: string): Promise<Scene> {
  const real = await prepareRealRoot(path, folder);
  const server = await FeedServer.start(real.feeds);
  const [first, second] = real.rootfs.map((rootfs) => ({ rootfs, kernel: real.kernel }));
  if (first === undefined || second === undefined) throw new Error('there are two roots');
  // What an admin does to use a feed of their own: its key, its address, and none of the feeds that cannot be reached.
  const useFeed = async (made: Scene, release: 1 | 2) => {
    const root = (await made.deployments())[0]?.path ?? '';
    mkdirSync(join(root, 'etc/opkg/keys'), { recursive: true });
    writeFileSync(join(root, 'etc/opkg/keys', real.key.fingerprint), real.key.publicText);
    const feeds = [`src/gz local ${server.url}/${release}\n`];
    if (existsSync(join(real.feeds, 'openwrt'))) feeds.push(`src/gz openwrt ${server.url}/openwrt\n`);
    writeFileSync(join(root, 'etc/opkg/customfeeds.conf'), feeds.join(''));
    writeFileSync(join(root, 'etc/opkg/distfeeds.conf'), '');
  };
  return scene(folder, server, [first, second], useFeed);
}

function scene(
  folder: string,
  server: FeedServer,
  releases: Scene['releases'],
  useFeed: (made: Scene, release: 1 | 2) => Promise<void>,
): Scene {
  const sysroot = join(folder, 'sysroot');
  const cli = new Cli(folder, sysroot);
  const branch = 'openwrt/x86-64';
  const made: Scene = {
    folder,
    sysroot,
    branch,
    releases,
    server,
    cli,
    compose: async (release) => {
      const { rootfs, kernel } = releases[release];
      const repo = join(sysroot, 'ostree/repo');
      const words = ['--repo', repo, '--branch', branch, '--kernel', kernel, '--target', 'x86-64'];
      return lastLine(await cli.ok('compose', rootfs, ...words));
    },
    deployments: async () => (await cli.json<{ deployments: SceneDeployment[] }>('status')).deployments,
    useFeedsOfRelease: (release) => useFeed(made, release),
    inside: async (...command) => {
      const root = (await made.deployments())[0]?.path ?? '';
      return runProgram('unshare', [
        '-m',
        'sh',
        '-c',
        ENTER,
        'sh',
        root,
        join(root, '../../var'),
        ...command,
      ]);
    },
    end: async () => {
      await server.close();
      await removeFolder(folder);
    },
  };
  return made;
}

/** Enters a deployment as a boot would: its stateroot's /var, a fresh /tmp with what the links of /var point to. */
const ENTER = `
root=$1 var=$2; shift 2
mount --bind "$var" "$root/var" && mount -t tmpfs tmpfs "$root/tmp" || exit 125
mkdir -p "$root/tmp/lock" "$root/tmp/run" "$root/tmp/log" "$root/tmp/opkg-lists" "$root/var/lock" 2>/dev/null
exec chroot "$root" "$@"
`;

/** The last line of what a command printed. */
export function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}

/** Replaces text in a file, which must hold it. */
export function editFile(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${path} does not hold '${from}'`);
  writeFileSync(path, text.replace(from, to));
}

/** Appends a line to a file. */
export function appendLine(path: string, line: string): void {
  appendFileSync(path, `${line}\n`);
}
