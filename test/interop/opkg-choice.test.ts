import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { FeedIndex, makeIndexTable, opkgSource } from '../../src/ipk/index.ts';
import { type AvailablePackage, solve, type Universe } from '../../src/packages/index.ts';
import { violations } from '../packages/oracle.ts';
import { installed, request } from '../packages/support.ts';
import { openwrtIndices, RealOpkg, readFeedTexts, writeStubFeed } from '../support/real-opkg.ts';
import { openwrtRootfs } from '../support/shared-data.ts';

const indices = openwrtIndices();
const rootfs = openwrtRootfs();
const missing = [
  ...(rootfs === undefined ? ['OPENWRT_ROOTFS'] : []),
  ...(indices === undefined ? ['OPENWRT_INDICES'] : []),
  ...(process.getuid?.() === 0 ? [] : ['root']),
];
/** opkg takes most of a second for each: a sample of each release, every one with 0. */
const sample = Number(process.env['OPKG_CHOICES'] ?? 12);

const releases = [
  {
    folder: 'arm_cortex-a9-23.05',
    architecture: 'arm_cortex-a9_vfpv3-d16',
    kernel: '5.15.137-1-40d241266c049468fd1eeac34d3457e0',
    libc: '1.2.4-4',
  },
  {
    folder: 'x86_64-22.03.2',
    architecture: 'x86_64',
    kernel: '5.10.146-1-5d4fa2bd675198961db287e63a2370e2',
    libc: '1.2.3-4',
  },
  { folder: 'mipsel_24kc-18.06', architecture: 'mipsel_24kc', kernel: '4.14.63-1-abc', libc: '1.1.19-1' },
];

describe.skipIf(missing.length > 0)(
  `what the real opkg chooses${missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`}`,
  () => {
    let folder = '';
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'opkg-choice-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(releases)(
      '$folder: layering takes the same wherever that is strictly valid',
      ({ folder: release, architecture, kernel, libc }) => {
        const opkg = RealOpkg.unpack(rootfs ?? '', join(folder, release));
        const feeds = readFeedTexts(join(indices ?? '', release));
        for (const feed of feeds) writeStubFeed(opkg.feed(feed.name), feed);
        opkg.configure(
          feeds.map(({ name }) => name),
          architecture,
        );
        const base = [`libc ${libc}`, `kernel ${kernel}`];
        opkg.writeStatus(
          base.map((id) => {
            const [name, version] = id.split(' ');
            return `Package: ${name}\nVersion: ${version}\nArchitecture: all`;
          }),
        );
        expect(opkg.run('update').status).toBe(0);
        const universe = universeOf(feeds, architecture, base);
        const names = [...new Set(universe.available.map(({ name }) => name))].sort();
        const step = sample === 0 ? 1 : Math.max(1, Math.floor(names.length / sample));
        const asked = names.filter((_, at) => at % step === 0);
        const found = asked.flatMap((name) => compare(universe, name, opkg.choice(name)) ?? []);
        expect(found.filter(({ kind }) => kind === 'different')).toEqual([]);
        // Where the world is real, nearly all of opkg's choices hold.
        const same = found.filter(({ kind }) => kind === 'same').length;
        expect(same).toBeGreaterThan(0);
        expect(same / found.length).toBeGreaterThan(0.8);
        rmSync(opkg.root, { recursive: true, force: true });
      },
      3_600_000,
    );
  },
);

function universeOf(
  feeds: ReturnType<typeof readFeedTexts>,
  architecture: string,
  base: readonly string[],
): Universe {
  const packages = feeds.flatMap(({ name, text }) => {
    const bytes = utf8(text);
    const feed = { name, url: `https://example.org/${name}` };
    return [...new FeedIndex(feed, makeIndexTable(bytes), () => bytes).packages()];
  });
  const architectures = new Map([
    ['all', 1],
    ['noarch', 1],
    [architecture, 10],
  ]);
  return {
    installed: base.map((id) => installed(id)),
    available: packages,
    architectures,
    source: opkgSource,
  };
}

interface Compared {
  readonly kind: 'same' | 'different' | 'older';
  readonly name: string;
  readonly opkg: readonly string[];
  readonly ours: readonly string[] | 'refused';
}

/**
 * Ours beside opkg's choice; undefined where that does not hold under the strict rules. `older`: up to 18.06 a package that provides
 * a name came before the package of that name where its own name is later in the alphabet; later releases, and we, prefer the name.
 */
function compare(
  universe: Universe,
  name: string,
  choice: readonly string[] | undefined,
): Compared | undefined {
  const wish = { ...request([name]), recommends: true };
  const result = solve(universe, wish);
  const set = (choice ?? []).flatMap((id): AvailablePackage[] => {
    const found = universe.available.find((item) => `${item.name} ${item.version}` === id);
    return found === undefined ? [] : [found];
  });
  if (choice === undefined || violations(universe, wish, set).length > 0) return undefined;
  if (result.kind === 'refused') return { kind: 'different', name, opkg: choice, ours: 'refused' };
  const own = result.install.map((item) => item.package);
  const mine = own.filter((item) => !set.some((other) => sameVersion(item, other)));
  const theirs = set.filter((item) => !own.some((other) => sameVersion(item, other)));
  const isOlder = theirs.some((item) =>
    mine.some((other) => item.name > other.name && item.provides.some((entry) => entry.name === other.name)),
  );
  const kind = mine.length + theirs.length === 0 ? 'same' : isOlder ? 'older' : 'different';
  return { kind, name, opkg: theirs.map(idOf), ours: mine.map(idOf) };
}

function idOf({ name, version }: AvailablePackage): string {
  return `${name} ${version}`;
}

function sameVersion(a: AvailablePackage, b: AvailablePackage): boolean {
  return idOf(a) === idOf(b);
}
