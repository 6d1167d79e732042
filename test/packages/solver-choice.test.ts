import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AvailablePackage, type Relation, solve, type Universe } from '../../src/packages/index.ts';
import { answers, meets, problemsOf, validSets } from './oracle.ts';
import { available, type Fields, installed, named, request, source, universe, wish } from './support.ts';

const names = ['a', 'b', 'c'];
const maybe = (values: readonly string[]) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom(...values) });
const aRelation = fc
  .tuple(fc.constantFrom(...names, 'v'), fc.constantFrom('', '', '', '', ' (>= 2)', ' (<< 3)', ' (= 2)'))
  .map(([name, constraint]) => name + constraint);
const fields = fc.record({
  depends: fc
    .array(fc.array(aRelation, { minLength: 1, maxLength: 2 }), { maxLength: 2 })
    .map((items) => items.map((alternatives) => alternatives.join(' | ')).join(', ')),
  conflicts: maybe([...names, 'v', 'a (= 1)', 'b (>= 2)']),
  provides: maybe(['v', 'v (= 3)', 'a', 'b', 'v, c']),
  replaces: maybe(names),
  arch: fc.constantFrom('all', 'all', 'x86_64', 'mips'),
  feed: fc.constantFrom('one', 'two'),
});
const offered = fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom('1', '2', '3'), fields), {
  minLength: 3,
  maxLength: 8,
  selector: ([name, version, { arch }]) => `${name} ${version} ${arch}`,
});
const baseFields = fc.record({
  depends: maybe([...names, 'v', 'a (>= 2)', 'a | b']),
  conflicts: maybe(names),
  provides: maybe(['v', 'a']),
  essential: fc.boolean(),
  flags: fc.constantFrom<string[]>([], [], [], ['hold']),
});
const base = fc.uniqueArray(
  fc.tuple(fc.constantFrom(...names, 'f', 'g'), fc.constantFrom('1', '2'), baseFields),
  {
    maxLength: 3,
    selector: ([name]) => name,
  },
);

const aWorld = fc.tuple(base, offered).map(([own, feed]) =>
  universe(
    own.map(([name, version, rest]) => installed(`${name} ${version}`, rest)),
    feed.map(([name, version, rest]) => available(`${name} ${version}`, rest as Fields)),
  ),
);
const runs = { numRuns: 400 };

/** The place of the package among those that could answer, best first; the rules of docs/adr/0004-solver.md, point 3. */
function byChoice(world: Universe, wanted: Relation): readonly AvailablePackage[] {
  const usable = world.available.filter((item) => world.architectures.has(item.architecture));
  const takesPlace = (item: AvailablePackage, name: string) => answers(item, name)?.rank === 0;
  const rank = (item: AvailablePackage): number => {
    const own = answers(item, wanted.name)?.rank ?? 9;
    const isMutual = usable.some((other) => other.name === wanted.name && takesPlace(other, item.name));
    return own === 0 && isMutual ? 2 : own;
  };
  const priority = (item: AvailablePackage) => world.architectures.get(item.architecture) ?? 0;
  return usable
    .filter((item) => meets(world, item, wanted))
    .sort(
      (x, y) =>
        rank(x) - rank(y) ||
        (x.name < y.name ? 1 : x.name > y.name ? -1 : 0) ||
        source.compareVersions(y.version, x.version) ||
        priority(y) - priority(x),
    );
}

function firstPlace(order: readonly AvailablePackage[], set: readonly AvailablePackage[]): number {
  const found = order.findIndex((item) => set.some(({ sha256 }) => sha256 === item.sha256));
  return found < 0 ? Number.POSITIVE_INFINITY : found;
}

describe('what is chosen', () => {
  it('is for a single request the best package that any valid set has for it', () => {
    fc.assert(
      fc.property(aWorld, aRelation, (world, text) => {
        const asked = request([text], { recommends: false });
        const result = solve(world, asked);
        if (result.kind !== 'solved' || result.inactive.length > 0) return;
        const order = byChoice(world, wish(text));
        const ours = firstPlace(
          order,
          result.install.map((item) => item.package),
        );
        for (const other of validSets(world, asked))
          expect(firstPlace(order, other)).toBeGreaterThanOrEqual(ours);
      }),
      runs,
    );
  });

  it('is nothing where the base meets the request', () => {
    fc.assert(
      fc.property(aWorld, fc.uniqueArray(aRelation, { minLength: 1, maxLength: 2 }), (world, texts) => {
        const held = (text: string) => world.installed.some((item) => meets(world, item, wish(text)));
        if (!texts.every(held)) return;
        const result = solve(world, request(texts));
        expect(result).toMatchObject({ kind: 'solved', install: [], removed: [], replaced: [] });
      }),
      runs,
    );
  });

  it('never touches the base beyond what is asked', () => {
    fc.assert(
      fc.property(aWorld, aRelation, (world, text) => {
        const result = solve(world, request([text]));
        if (result.kind !== 'solved') return;
        expect([...result.removed, ...result.replaced]).toEqual([]);
        for (const { package: item } of result.install)
          expect(world.installed.some(({ name }) => name === item.name)).toBe(false);
      }),
      runs,
    );
  });

  it('never comes from an architecture that is not configured', () => {
    fc.assert(
      fc.property(aWorld, aRelation, (world, text) => {
        const result = solve(world, request([text]));
        if (result.kind === 'solved')
          expect(result.install.map((item) => item.package.architecture)).not.toContain('mips');
      }),
      runs,
    );
  });
});

describe('changes of the base', () => {
  const aChange = fc.record({
    world: aWorld,
    install: fc.uniqueArray(aRelation, { maxLength: 2 }),
    remove: fc.uniqueArray(fc.constantFrom(...names, 'f', 'g'), { maxLength: 2 }),
    replace: fc.option(fc.constantFrom('a', 'b', 'c', 'a=2', 'b=3', 'c (>= 2)'), { nil: undefined }),
    held: fc.uniqueArray(fc.constantFrom(...names, 'f'), { maxLength: 1 }),
  });

  it('are made exactly where a valid set exists and nothing held or essential would go', () => {
    fc.assert(
      fc.property(aChange, ({ world, install, remove, replace, held }) => {
        const replaced = replace === undefined ? [] : [wish(replace)];
        // The same name in both is a contradiction of the wish, not a question of packages.
        const removed = remove.filter((name) => replaced.every((item) => item.name !== name)).map(named);
        const asked = request(install, {
          remove: removed,
          replace: replaced,
          held: held.map(named),
          recommends: false,
        });
        const result = solve(world, asked);
        const isForbidden = world.installed.some(
          (item) =>
            (removed.includes(item.name) && item.essential) ||
            ([...removed, ...replaced.map(({ name }) => name)].includes(item.name) &&
              (item.flags.includes('hold') || asked.held.includes(item.name))),
        );
        const [first] = validSets(world, asked);
        expect(result.kind).toBe(first === undefined || isForbidden ? 'refused' : 'solved');
        if (result.kind === 'solved') expect(problemsOf(world, asked, result)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
