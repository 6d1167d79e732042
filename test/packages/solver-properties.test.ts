import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AvailablePackage,
  type Dependency,
  type SolveRequest,
  solve,
  solveSkippingBroken,
  type Universe,
} from '../../src/packages/index.ts';
import { answers, meets, problemsOf, validSets } from './oracle.ts';
import { available, type Fields, installed, named, relation, request, source, universe } from './support.ts';

const names = ['a', 'b', 'c', 'd'];
const virtuals = ['v', 'w'];

const aRelation = fc
  .tuple(
    fc.constantFrom(...names, ...virtuals),
    fc.constantFrom('', '', '', '', '', '', ' (>= 2)', ' (<< 2)', ' (= 1)'),
  )
  .map(([name, constraint]) => name + constraint);
const aDependency = fc.array(aRelation, { minLength: 1, maxLength: 2 }).map((items) => items.join(' | '));
const listOf = (item: fc.Arbitrary<string>, maxLength: number) =>
  fc.array(item, { maxLength }).map((items) => items.join(', '));

const someFields = fc.record({
  depends: listOf(aDependency, 2),
  recommends: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 1, arbitrary: aRelation }),
  conflicts: fc.oneof(
    { weight: 2, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: listOf(aRelation, 2) },
  ),
  provides: fc.oneof(
    { weight: 2, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constantFrom('v', 'w', 'v, w', 'v (= 2)', 'a') },
  ),
  replaces: fc.oneof({ weight: 5, arbitrary: fc.constant('') }, { weight: 1, arbitrary: aRelation }),
});

const aCase = fc
  .record({
    feed: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom('1', '2'), someFields), {
      minLength: 4,
      maxLength: 7,
      selector: ([name, version]) => `${name} ${version}`,
    }),
    base: fc.uniqueArray(fc.tuple(fc.constantFrom(...names, 'f'), fc.constantFrom('1', '2'), someFields), {
      maxLength: 2,
      selector: ([name]) => name,
    }),
    install: fc.uniqueArray(aRelation, { minLength: 1, maxLength: 3 }),
    remove: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 1 }),
    recommends: fc.boolean(),
  })
  .map(({ feed, base, install, remove, recommends }) => ({
    world: universe(
      base.map(([name, version, fields]) => installed(`${name} ${version}`, fields as Fields)),
      feed.map(([name, version, fields]) => available(`${name} ${version}`, fields as Fields)),
    ),
    wish: request(install, { remove: remove.map(named), recommends }),
  }));

const runs = { numRuns: 600 };

/** The place of the best of the set among what could meet the dependency, in opkg's order; Infinity for none. */
function bestPlace(world: Universe, dependency: Dependency, set: readonly AvailablePackage[]): number {
  const order = dependency.flatMap((alternative) =>
    world.available
      .filter((item) => meets(world, item, alternative))
      .sort((x, y) => {
        const rank = (item: AvailablePackage): number => rankOf(world, item, alternative.name);
        return (
          rank(x) - rank(y) ||
          (x.name < y.name ? 1 : x.name > y.name ? -1 : 0) ||
          source.compareVersions(y.version, x.version)
        );
      }),
  );
  const place = order.findIndex((item) => set.includes(item));
  return place < 0 ? Number.POSITIVE_INFINITY : place;
}

function rankOf(world: Universe, item: AvailablePackage, name: string): number {
  const { rank } = answers(item, name) ?? { rank: 3 };
  const mutual = world.available.some(
    (other) => other.name === name && answers(other, item.name)?.rank === 0 && item.name !== name,
  );
  return rank === 0 && mutual ? 2 : rank;
}

/** True when the smaller set has to make do with a worse choice somewhere, or lacks a package that is asked for by name. */
function isWorse(
  world: Universe,
  wish: SolveRequest,
  smaller: readonly AvailablePackage[],
  set: readonly AvailablePackage[],
): boolean {
  const dependencies = [...wish.install.map((item) => [item]), ...smaller.flatMap(({ depends }) => depends)];
  return dependencies.some(
    (dependency) => bestPlace(world, dependency, smaller) > bestPlace(world, dependency, set),
  );
}

describe('the solver against brute force', () => {
  it('answers exactly where an answer exists, and the answer is valid', () => {
    fc.assert(
      fc.property(aCase, ({ world, wish }) => {
        const result = solve(world, wish);
        const [first] = validSets(world, wish);
        expect(result.kind).toBe(first === undefined ? 'refused' : 'solved');
        if (result.kind === 'solved') expect(problemsOf(world, wish, result)).toEqual([]);
      }),
      runs,
    );
  });

  it('installs nothing that could stay out without a worse choice elsewhere', () => {
    fc.assert(
      fc.property(aCase, ({ world, wish }) => {
        const hard = { ...wish, recommends: false };
        const result = solve(world, hard);
        if (result.kind !== 'solved') return;
        const set = result.install.map((item) => item.package);
        for (const other of validSets({ ...world, available: set }, hard)) {
          if (other.length < set.length) expect(isWorse(world, hard, other, set)).toBe(true);
        }
      }),
      runs,
    );
  });

  it('keeps every choice of the hard part when recommendations are added, and gives a reason for the rest', () => {
    fc.assert(
      fc.property(aCase, ({ world, wish }) => {
        const hard = solve(world, { ...wish, recommends: false });
        const soft = solve(world, { ...wish, recommends: true });
        expect(soft.kind).toBe(hard.kind);
        if (soft.kind !== 'solved' || hard.kind !== 'solved') return;
        const all = new Set(soft.install.map((item) => item.package));
        for (const item of hard.install) expect(all.has(item.package)).toBe(true);
      }),
      runs,
    );
  });

  it('does not look at the order of what comes in', () => {
    fc.assert(
      fc.property(aCase, fc.infiniteStream(fc.nat()), ({ world, wish }, seeds) => {
        const shuffled = <T>(items: readonly T[]): T[] =>
          items
            .map((item) => ({ item, key: seeds.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ item }) => item);
        const other = {
          ...world,
          available: shuffled(world.available),
          installed: shuffled(world.installed),
        };
        const again = solve(other, {
          ...wish,
          install: shuffled(wish.install),
          remove: shuffled(wish.remove),
        });
        expect(again).toEqual(solve(world, wish));
      }),
      runs,
    );
  });

  it('refuses with at least one blocker, each with a text, a chain and a way out', () => {
    fc.assert(
      fc.property(aCase, ({ world, wish }) => {
        const result = solve(world, wish);
        if (result.kind === 'solved') return;
        expect(result.blockers.length).toBeGreaterThan(0);
        for (const { text, remedy, chain, package: name } of result.blockers) {
          expect(text).not.toBe('');
          expect(remedy).toMatch(/opkg-ostree (?:install|update|upgrade|swap|remove|override)/u);
          expect(chain.length).toBeGreaterThan(0);
          expect(name).not.toBe('');
        }
      }),
      runs,
    );
  });

  it('names in a refusal a request without which more can be met', () => {
    fc.assert(
      fc.property(aCase, ({ world, wish }) => {
        const { result, suspended } = solveSkippingBroken(world, { ...wish, remove: [] });
        expect(result.kind).toBe('solved');
        for (const { blockers } of suspended) expect(blockers.length).toBeGreaterThan(0);
      }),
      runs,
    );
  });

  it('puts dependencies first unless they form a cycle', () => {
    fc.assert(
      fc.property(aCase, ({ world, wish }) => {
        const result = solve(world, wish);
        if (result.kind !== 'solved') return;
        const order = result.install.map((item) => item.package);
        for (const [at, item] of order.entries()) {
          for (const dependency of item.depends) {
            const suppliers = order.filter((other) =>
              dependency.some((wanted) => meets(world, other, wanted)),
            );
            const before = suppliers.some((other) => order.indexOf(other) <= at);
            const met = world.installed.some((other) =>
              dependency.some((wanted) => meets(world, other, wanted)),
            );
            if (before || met) continue;
            expect(suppliers.some((other) => reaches(world, order, other, item))).toBe(true);
          }
        }
      }),
      runs,
    );
  });
});

function reaches(
  world: Universe,
  all: readonly AvailablePackage[],
  from: AvailablePackage,
  to: AvailablePackage,
): boolean {
  const seen = new Set([from]);
  for (const item of seen) {
    const next = all.filter((other) =>
      item.depends.some((dependency) => dependency.some((wanted) => meets(world, other, wanted))),
    );
    for (const other of next) seen.add(other);
  }
  return seen.has(to);
}

it('reads relations in the tests as the tests write them', () => {
  expect(relation('a (>= 2)')).toEqual({ name: 'a', constraint: { operator: '>=', version: '2' } });
});
