import { join } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { type PackageName, utf8 } from '../../src/base/index.ts';
import { FeedIndex, makeIndexTable, opkgSource } from '../../src/ipk/index.ts';
import { type Refusal, type SolveResult, solve, type Universe } from '../../src/packages/index.ts';
import { type FeedText, openwrtIndices, readFeedTexts } from '../support/real-opkg.ts';
import { absentName, generatedBase, generateIndex } from './generated-feed.ts';
import { answers, problemsOf } from './oracle.ts';
import { installed, request } from './support.ts';

interface World {
  readonly title: string;
  readonly feeds: () => readonly FeedText[];
  readonly architecture: string;
  readonly base: readonly string[];
  /** How many packages resolve, and how many are refused for which reasons; docs/conformance.md quotes the real ones. */
  readonly outcome: Readonly<Record<string, number>>;
}

const indices = openwrtIndices();

function release(folder: string, rest: Omit<World, 'title' | 'feeds'>): World {
  return { title: folder, feeds: () => readFeedTexts(join(indices ?? '', folder)), ...rest };
}

const releases: readonly World[] = [
  release('x86_64-22.03.2', {
    architecture: 'x86_64',
    base: ['libc 1.2.3-4', 'kernel 5.10.146-1-5d4fa2bd675198961db287e63a2370e2'],
    outcome: { solved: 1281, 'refused: missing': 13 },
  }),
  release('arm_cortex-a9-23.05', {
    architecture: 'arm_cortex-a9_vfpv3-d16',
    base: ['libc 1.2.4-4', 'kernel 5.15.137-1-40d241266c049468fd1eeac34d3457e0'],
    outcome: { solved: 4493, 'refused: missing': 49 },
  }),
  release('mipsel_24kc-18.06', {
    architecture: 'mipsel_24kc',
    base: ['libc 1.1.19-1', 'kernel 4.14.63-1-abc'],
    outcome: { solved: 63, 'refused: missing': 27 },
  }),
];

function universeOf({ feeds, architecture, base }: World): { universe: Universe; lookup: Universe } {
  const all = feeds().map(({ name, text }) => {
    const bytes = utf8(text);
    const feed = { name, url: `https://example.org/${name}` };
    return new FeedIndex(feed, makeIndexTable(bytes), () => bytes);
  });
  const shared = {
    installed: [...base, 'opkg-ostree-boot 1'].map((id) => installed(id)),
    architectures: new Map([
      ['all', 1],
      ['noarch', 1],
      [architecture, 10],
    ]),
    source: opkgSource,
  };
  return {
    universe: { ...shared, available: all.flatMap((index) => [...index.packages()]) },
    lookup: {
      ...shared,
      available: [],
      lookup: {
        answering: (name) => all.flatMap((index) => index.answering(name)),
        names: () => all.flatMap((index) => [...index.names()]),
      },
    },
  };
}

function outcomeOf(result: SolveResult): string {
  if (result.kind === 'solved') return 'solved';
  return `refused: ${[...new Set(result.blockers.map(({ reason }) => reason))].sort().join(', ')}`;
}

/** What is wrong with a refusal: no blocker, an empty field, or a name called missing that something answers to. */
function wrongRefusal({ blockers }: Refusal, answered: ReadonlySet<string>): string[] {
  const wrong = blockers.length === 0 ? ['no blocker'] : [];
  for (const { text, remedy, chain, reason, package: name } of blockers) {
    if (text === '' || remedy === '' || chain.length === 0) wrong.push(`${name}: an empty field`);
    const last = /^[^\s(]+/u.exec(chain.at(-1) ?? '')?.[0] ?? '';
    if (reason === 'missing' && answered.has(last)) wrong.push(`${name}: ${last} is not missing`);
  }
  return wrong;
}

/** Asks for every package: the outcomes, and what is wrong with them. */
function askForAll(world: World) {
  const { universe, lookup } = universeOf(world);
  const names = [...new Set(universe.available.map(({ name }) => name))];
  const answered = new Set<string>(
    universe.available.flatMap((item) => [item.name, ...item.provides.map(({ name }) => name)]),
  );
  const outcome: Record<string, number> = {};
  const wrong: string[] = [];
  for (const name of names) {
    const result = solve(universe, request([name]));
    outcome[outcomeOf(result)] = (outcome[outcomeOf(result)] ?? 0) + 1;
    if (result.kind === 'refused') wrong.push(...wrongRefusal(result, answered));
    else wrong.push(...problemsOf(universe, request([name]), result).map((text) => `${name}: ${text}`));
    if (JSON.stringify(solve(lookup, request([name]))) !== JSON.stringify(result))
      wrong.push(`${name}: another answer from the index's table`);
  }
  return { outcome, wrong, count: names.length };
}

describe.skipIf(indices === undefined)('the real feeds (OPENWRT_INDICES names their folder)', () => {
  it.each(releases)(
    '$title: every package resolves to a valid plan or is refused for a name that is really missing',
    (world) => {
      const { outcome, wrong } = askForAll(world);
      expect(wrong).toEqual([]);
      expect(outcome).toEqual(world.outcome);
    },
    240_000,
  );
});

describe('made feeds of the same shape', () => {
  it.each([1, 2, 3])('seed %i: every package resolves to a valid plan or is refused with reasons', (seed) => {
    const { outcome, wrong, count } = askForAll({
      title: '',
      feeds: () => [{ name: 'made', text: generateIndex(seed, 600) }],
      architecture: 'x86_64',
      base: generatedBase,
      outcome: {},
    });
    expect(wrong).toEqual([]);
    const solved = outcome['solved'] ?? 0;
    expect(solved).toBeGreaterThan(count / 4);
    expect(count - solved).toBeGreaterThan(0);
  });

  it('tell of every name that is missing', () => {
    const { universe } = universeOf({
      title: '',
      feeds: () => [{ name: 'made', text: generateIndex(4, 300) }],
      architecture: 'x86_64',
      base: generatedBase,
      outcome: {},
    });
    const direct = universe.available.find((item) =>
      item.depends.some((dependency) => dependency[0]?.name === absentName),
    );
    const result = solve(universe, request([direct?.name ?? ('' as PackageName)]));
    expect(result.kind === 'refused' && result.blockers.some(({ text }) => text.includes(absentName))).toBe(
      true,
    );
    expect(answers(direct ?? installed('x'), direct?.name ?? '')).toBeDefined();
  });
});
