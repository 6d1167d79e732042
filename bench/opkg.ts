/**
 * Feeds of ten thousand packages beside the real opkg (of OPENWRT_ROOTFS): choosing a package with many dependencies, listing,
 * searching. Ours runs in a new process each time; its figures are without the start of Node, which is told apart, as opkg's is.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256Hex, toPackageName, utf8 } from '../src/base/index.ts';
import { findTarget, Sysroot } from '../src/boot/index.ts';
import { loadCurrentSnapshot, writeSnapshot } from '../src/engine/feed-snapshot.ts';
import { listPackages, searchPackages } from '../src/engine/index.ts';
import { opkgSource, parseStatus } from '../src/ipk/index.ts';
import { emptyRequest, solve } from '../src/packages/index.ts';
import { RealOpkg, writeStubFeed } from '../test/support/real-opkg.ts';
import { openwrtRootfs } from '../test/support/shared-data.ts';
import { measure, type Variant } from './lib/harness.ts';
import { architecture, base, openWorld, type World } from './lib/opkg-world.ts';

const entries = 10_000;

interface Once {
  readonly ms: number;
  /** Most memory the process had, MiB. */
  readonly rss: number;
  readonly count: number;
}

const status = base
  .map(
    ({ name, version }) =>
      `Package: ${name}\nVersion: ${version}\nStatus: install ok installed\nArchitecture: all\n\n`,
  )
  .join('');

async function choose(sysroot: string, deep: string): Promise<readonly string[]> {
  const snapshot = await loadCurrentSnapshot(Sysroot.open(sysroot).repo);
  if (snapshot === undefined) throw new Error('no snapshot');
  const architectures = new Map([
    ['all', 1],
    ['noarch', 1],
    [architecture, 10],
  ]);
  const universe = {
    installed: parseStatus(status),
    available: [],
    lookup: snapshot.lookup,
    architectures,
    source: opkgSource,
  };
  const result = solve(universe, { ...emptyRequest, install: [{ name: toPackageName(deep) }] });
  if (result.kind === 'refused') throw new Error(result.blockers[0]?.text);
  return result.install.map((item) => item.package.name);
}

async function once(task: string, sysroot: string, argument: string): Promise<Once> {
  const began = performance.now();
  const where = { sysroot, stateroot: undefined };
  const print = (list: readonly { name: string; version: string; description: string }[]) => {
    const text = list.map((item) => `${item.name} - ${item.version} - ${item.description}\n`).join('');
    writeFileSync('/dev/null', text);
    return list.length;
  };
  const count =
    task === 'choose'
      ? (await choose(sysroot, argument)).length
      : print(
          task === 'list'
            ? await listPackages(where, 'available', undefined)
            : await searchPackages(where, argument),
        );
  return { ms: performance.now() - began, rss: process.resourceUsage().maxRSS / 1024, count };
}

function inNewProcess(...args: readonly string[]): Once {
  return JSON.parse(
    execFileSync(process.execPath, [process.argv[1] ?? '', '--once', ...args], { encoding: 'utf8' }),
  );
}

/** A sysroot whose newest snapshot holds the feeds. */
async function makeSysroot(path: string, { feeds }: World): Promise<void> {
  const { repo } = Sysroot.init(path, { target: findTarget('x86-64'), stateroot: 'openwrt' });
  await writeSnapshot(
    repo,
    feeds.map(({ name, text }) => {
      const index = gzipSync(utf8(text), { level: 9 });
      return {
        name,
        url: `https://example.org/${name}`,
        index,
        digest: sha256Hex(index),
        keyId: undefined,
        signature: undefined,
      };
    }),
  );
  await loadCurrentSnapshot(repo);
}

function makeOpkg(rootfs: string, path: string, { feeds }: World, wanted: ReadonlySet<string>): RealOpkg {
  const opkg = RealOpkg.unpack(rootfs, path);
  for (const feed of feeds) writeStubFeed(opkg.feed(feed.name), feed, (name) => wanted.has(name));
  opkg.configure(
    feeds.map(({ name }) => name),
    architecture,
  );
  opkg.writeStatus(
    base.map(({ name, version }) => `Package: ${name}\nVersion: ${version}\nArchitecture: all`),
  );
  if (opkg.run('update').status !== 0) throw new Error('opkg update failed');
  return opkg;
}

async function choosing(folder: string, rootfs: string | undefined): Promise<void> {
  const world = openWorld(entries);
  const sysroot = join(folder, 'sysroot');
  await makeSysroot(sysroot, world);
  const chosen = await choose(sysroot, world.deep);
  const opkg =
    rootfs === undefined ? undefined : makeOpkg(rootfs, join(folder, 'root'), world, new Set(chosen));
  const theirs = opkg?.choice(world.deep);
  if (theirs !== undefined && theirs.length !== chosen.length)
    throw new Error(`opkg chooses ${theirs.length} packages, we choose ${chosen.length}`);
  const tasks: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['choose', `choose ${world.deep}`, world.deep, ['--noaction', 'install', world.deep]],
    ['list', 'list', '', ['list']],
    ['search', 'search', 'vpn', ['find', '*vpn*']],
  ];
  for (const [task, title, argument, command] of tasks) {
    const seen: Once[] = [];
    const ours = () => {
      const found = inNewProcess(task, sysroot, argument);
      seen.push(found);
      return found.ms;
    };
    const variants: Variant[] = [{ name: 'ours, without the start of Node', run: ours }];
    if (opkg !== undefined) variants.push({ name: 'opkg', run: () => opkg.run(...command) });
    await measure(`opkg ${title} of ${entries}`, variants, { rounds: 9, warmup: 1 });
    const rss = Math.max(...seen.map((found) => found.rss));
    console.log(`${seen[0]?.count} packages; most memory ${rss.toFixed(0)} MiB`);
  }
  const starts: Variant[] = [{ name: 'node', run: () => spawnSync(process.execPath, ['-e', '0']) }];
  if (opkg !== undefined) starts.push({ name: 'opkg', run: () => opkg.run('print-architecture') });
  await measure('opkg start', starts, { rounds: 9 });
}

async function main(): Promise<void> {
  const rootfs = openwrtRootfs();
  if (rootfs === undefined) console.log('OPENWRT_ROOTFS names no root: opkg is not measured');
  const folder = mkdtempSync(join(tmpdir(), 'bench-opkg-'));
  try {
    await choosing(folder, rootfs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [, , mode, task = '', sysroot = '', argument = ''] = process.argv;
if (mode === '--once') console.log(JSON.stringify(await once(task, sysroot, argument)));
else await main();
