import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, opkgSource, parseOperator } from '../../src/ipk/index.ts';
import { satisfies } from '../../src/packages/index.ts';
import { sharedData } from '../support/shared-data.ts';

function disagreements(path: string): string[] {
  const rows = readFileSync(path, 'utf8').split('\n');
  return rows.filter((row) => {
    if (row === '' || row.startsWith('#')) return false;
    const [left = '', right = '', answer = ''] = row.split('\t');
    const forward = Math.sign(compareVersions(left, right));
    const backward = Math.sign(compareVersions(right, left));
    return forward !== Number(answer) || forward + backward !== 0;
  });
}

const all = sharedData('version-compare.tsv');

describe('version order', () => {
  it('agrees with opkg on 150 nasty pairs', () => {
    expect(disagreements(new URL('../golden/version-order.tsv', import.meta.url).pathname)).toEqual([]);
  });

  it.skipIf(all === undefined)('agrees with opkg on every pair of the shared table', () => {
    expect(disagreements(all ?? '')).toEqual([]);
  });

  it.each([
    ['1.0~rc1', '1.0', -1],
    ['1.0', '1.0a', -1],
    ['1.0a', '1.0+git', -1],
    ['1.0-r9', '1.0-r10', -1],
    ['01.0', '1.0', 0],
    ['1.0', '1.0-0', 0],
    ['git-24.072', 'git-24.72', 0],
    ['1:0.1', '9.9', 1],
    ['99999999999999999999998', '99999999999999999999999', -1],
  ])('%s against %s is %i', (a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
  });

  const version = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'019aZ.~+-:r_'), maxLength: 12 }),
    fc.string({ maxLength: 12 }),
  );

  it('is total: antisymmetric, and transitive over any three versions', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const [low = '', middle = '', high = ''] = [a, b, c].sort(compareVersions);
        expect(compareVersions(a, b)).toSatisfy(
          (order: number) => Math.sign(order) + Math.sign(compareVersions(b, a)) === 0,
        );
        expect(compareVersions(low, middle)).toBeLessThanOrEqual(0);
        expect(compareVersions(middle, high)).toBeLessThanOrEqual(0);
        expect(compareVersions(low, high)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('operators', () => {
  it.each([
    ['<<', [true, false, false]],
    ['<=', [true, true, false]],
    ['<', [true, true, false]],
    ['=', [false, true, false]],
    ['>=', [false, true, true]],
    ['>', [false, true, true]],
    ['>>', [false, false, true]],
  ])('%s', (text, expected) => {
    const operator = parseOperator(text);
    expect(operator).toBeDefined();
    if (operator === undefined) return;
    expect(['1', '2', '3'].map((v) => satisfies(opkgSource, v, { operator, version: '2' }))).toEqual(
      expected,
    );
  });

  it('has no other operator', () => {
    expect(['', '==', '=<', '!=', '<>'].map(parseOperator)).toEqual(Array(5).fill(undefined));
  });
});
