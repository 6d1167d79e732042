import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { type Checksum, toChecksum } from '../../src/base/index.ts';
import { getField, opkgSource, parseParagraphs, parseRecord } from '../../src/ipk/index.ts';
import { type AvailablePackage, type SolveResult, solve, type Universe } from '../../src/packages/index.ts';
import { problemsOf } from './oracle.ts';
import { installed, request } from './support.ts';

const feedsPath = new URL('../../../shared/data/feeds', import.meta.url).pathname;

/** Every package of the release's indices. */
function readFeeds(release: string): AvailablePackage[] {
  const folder = join(feedsPath, release);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const names = folders.length === 0 ? [''] : folders.map(({ name }) => name).sort();
  return names.flatMap((feed) => {
    // nginx-full of 23.05 has `nginx-ssl-util (>=1.5-1) (<2)`; opkg reads the first constraint of an item.
    const text = readFileSync(join(folder, feed, 'Packages'), 'utf8').replace(
      /\)\s*\([^)\n]*\)(?=,|$)/gmu,
      ')',
    );
    const url = `https://downloads.openwrt.org/releases/22.03.2/targets/x86/64/${feed}`;
    return parseParagraphs(text)
      .filter((paragraph) => getField(paragraph, 'Package') !== undefined)
      .map((paragraph) => ({
        ...parseRecord(paragraph),
        origin: { kind: 'feed', feed, url } as const,
        size: Number(getField(paragraph, 'Size')),
        sha256: toChecksum(getField(paragraph, 'SHA256sum')?.trim() ?? '') as Checksum,
      }));
  });
}

interface Release {
  readonly folder: string;
  readonly architecture: string;
  readonly kernel: string;
  /** How many packages resolve, and how many are refused for which reason. */
  readonly outcome: Readonly<Record<string, number>>;
}

const releases: readonly Release[] = [
  {
    folder: 'x86_64-22.03.2',
    architecture: 'x86_64',
    kernel: '5.10.146-1-5d4fa2bd675198961db287e63a2370e2',
    outcome: { solved: 1281, 'refused: missing': 13 },
  },
  {
    folder: 'arm_cortex-a9-23.05',
    architecture: 'arm_cortex-a9_vfpv3-d16',
    kernel: '5.15.137-1-40d241266c049468fd1eeac34d3457e0',
    outcome: { solved: 4493, 'refused: missing': 49 },
  },
  {
    folder: 'mipsel_24kc-18.06',
    architecture: 'mipsel_24kc',
    kernel: '4.14.63-1-abc',
    outcome: { solved: 63, 'refused: missing': 27 },
  },
];

function universeOf({ folder, architecture, kernel }: Release): Universe {
  return {
    installed: [installed('libc 1.2.3-4'), installed(`kernel ${kernel}`), installed('opkg-ostree-boot 1')],
    available: readFeeds(folder),
    architectures: new Map([
      ['all', 1],
      ['noarch', 1],
      [architecture, 10],
    ]),
    source: opkgSource,
  };
}

function outcomeOf(result: SolveResult): string {
  if (result.kind === 'solved') return 'solved';
  return `refused: ${[...new Set(result.blockers.map(({ reason }) => reason))].sort().join(', ')}`;
}

describe.skipIf(!existsSync(feedsPath))(
  'the real feeds (skipped where ../shared/data/feeds is missing)',
  () => {
    it.each(releases)(
      '$folder: every package resolves to a valid plan or is refused with reasons',
      (release) => {
        const universe = universeOf(release);
        const outcome: Record<string, number> = {};
        const names = [...new Set(universe.available.map(({ name }) => name))];
        for (const name of names) {
          const result = solve(universe, request([name]));
          outcome[outcomeOf(result)] = (outcome[outcomeOf(result)] ?? 0) + 1;
          if (result.kind === 'solved') expect(problemsOf(universe, request([name]), result)).toEqual([]);
          else {
            expect(result.blockers.length).toBeGreaterThan(0);
            for (const { text, remedy, chain } of result.blockers) {
              expect([text.length, remedy.length, chain.length].every((length) => length > 0)).toBe(true);
            }
          }
        }
        expect(outcome).toEqual(release.outcome);
      },
      120_000,
    );
  },
);
