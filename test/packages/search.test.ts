import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { no, yes } from '../../src/packages/clauses.ts';
import { Search } from '../../src/packages/search.ts';

const variables = 7;
const aLiteral = fc.integer({ min: 2, max: 2 * variables + 1 });
const aFormula = fc.record({
  clauses: fc.array(fc.array(aLiteral, { minLength: 1, maxLength: 3 }), { maxLength: 30 }),
  exclusions: fc.array(
    fc.tuple(fc.integer({ min: 1, max: variables }), fc.integer({ min: 1, max: variables })),
    {
      maxLength: 4,
    },
  ),
  group: fc.uniqueArray(fc.integer({ min: 1, max: variables }), { maxLength: 3 }),
  assumptions: fc.array(fc.uniqueArray(fc.integer({ min: 1, max: variables }), { maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  }),
});

type Clauses = readonly (readonly number[])[];

/** The clauses that the lists stand for. */
function allClauses(formula: { clauses: Clauses; exclusions: Clauses; group: readonly number[] }): Clauses {
  const { clauses, exclusions, group } = formula;
  const pairs = group.flatMap((a, at) => group.slice(at + 1).map((b) => [a, b]));
  const apart = [...exclusions.filter(([a, b]) => a !== b), ...pairs];
  return [...clauses, ...apart.map((pair) => pair.map(no))];
}

function holds(clauses: Clauses, isTrue: (variable: number) => boolean): boolean {
  return clauses.every((clause) => clause.some((literal) => isTrue(literal >> 1) === (literal % 2 === 0)));
}

function isSatisfiable(clauses: Clauses): boolean {
  for (let mask = 0; mask < 2 ** variables; mask += 1) {
    if (holds(clauses, (variable) => (mask >> (variable - 1)) % 2 === 1)) return true;
  }
  return false;
}

describe('Search', () => {
  it('finds a model exactly where there is one, and a core that rules the assumptions out', () => {
    fc.assert(
      fc.property(aFormula, (formula) => {
        const search = new Search<readonly number[]>();
        for (let at = 0; at < variables; at += 1) search.addVariable();
        for (const clause of formula.clauses) search.addClause(clause, clause);
        for (const [a, b] of formula.exclusions) if (a !== b) search.addExclusion(a, b, [no(a), no(b)]);
        search.addGroup(formula.group, (a, b) => [no(a), no(b)]);
        const clauses = allClauses(formula);
        const impossible = search.impossible();
        for (const assumptions of formula.assumptions) {
          const units = assumptions.map((variable) => [yes(variable)]);
          const result = search.solve(assumptions, (value) => {
            for (let v = 1; v <= variables; v += 1) if (value(v) === undefined) return v;
            return 0;
          });
          const expected = isSatisfiable([...clauses, ...units]);
          expect(result.kind).toBe(expected ? 'model' : 'core');
          if (result.kind === 'model') {
            expect(holds([...clauses, ...units], result.isTrue)).toBe(true);
            for (const variable of impossible) expect(result.isTrue(variable)).toBe(false);
          }
          if (result.kind === 'core') {
            const given = new Set(clauses.map((clause) => [...clause].sort().join()));
            for (const fact of result.facts) expect(given).toContain([...fact].sort().join());
            expect(isSatisfiable([...result.facts, ...units])).toBe(false);
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('learns: a pigeonhole of seven in six is refuted', () => {
    const search = new Search<string>();
    const holes = 6;
    const cell = Array.from({ length: holes + 1 }, () =>
      Array.from({ length: holes }, () => search.addVariable()),
    );
    for (const row of cell) search.addClause(row.map(yes), 'placed');
    for (let hole = 0; hole < holes; hole += 1)
      search.addGroup(
        cell.map((row) => row[hole]!),
        () => 'alone',
      );
    const all = cell.flat();
    const result = search.solve([], (value) => all.find((v) => value(v) === undefined) ?? 0);
    expect(result.kind).toBe('core');
  });
});
