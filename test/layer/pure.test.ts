import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseControl, parseRecord } from '../../src/ipk/index.ts';
import { dropParagraphs, splitParagraphs } from '../../src/layer/database.ts';
import { dependencyOrder } from '../../src/layer/order.ts';

describe('the text of status', () => {
  const line = fc.constantFrom('Package: a', 'Package: b', 'Version: 1', ' more', '', '', '\t', 'Package:c');
  const text = fc
    .tuple(fc.array(line, { maxLength: 20 }), fc.constantFrom('', '\n'))
    .map(([l, end]) => l.join('\n') + end);

  it('is the join of its paragraphs', () => {
    fc.assert(
      fc.property(text, (status) => {
        expect(splitParagraphs(status).join('')).toBe(status);
      }),
    );
  });

  it('loses exactly the paragraphs of the packages that go', () => {
    fc.assert(
      fc.property(text, (status) => {
        expect(dropParagraphs(status, new Set(['z']))).toBe(status);
      }),
    );
    const status = 'Package: a\nVersion: 1\n\n\nPackage: ab\nDepends: a\n\nPackage: a\n\nPackage: c\n';
    expect(dropParagraphs(status, new Set(['a']))).toBe('Package: ab\nDepends: a\n\nPackage: c\n');
  });
});

describe('dependencyOrder', () => {
  const record = (name: string, depends: string, provides = '') =>
    parseRecord(
      parseControl(
        `Package: ${name}\nVersion: 1\nArchitecture: all\nDepends: ${depends}\nProvides: ${provides}\n`,
      ),
    );
  const namesOf = (items: readonly ReturnType<typeof record>[]) =>
    dependencyOrder(items, (r) => r).map((r) => r.name);

  it('puts what is needed first, by name or by what it provides, and then sorts', () => {
    const set = [
      record('z', ''),
      record('a', 'virt'),
      record('m', 'q'),
      record('q', '', 'virt'),
      record('b', 'none'),
    ];
    expect(namesOf(set)).toEqual(['q', 'a', 'b', 'm', 'z']);
  });

  it('cuts a cycle, and does not depend on the order of the input', () => {
    const set = [record('a', 'b'), record('b', 'c'), record('c', 'a'), record('d', 'b | a')];
    expect(namesOf(set)).toEqual(['c', 'b', 'a', 'd']);
    fc.assert(
      fc.property(fc.shuffledSubarray(set, { minLength: 4 }), (s) => {
        expect(namesOf(s)).toEqual(namesOf(set));
      }),
    );
  });

  it('takes a chain of ten thousand packages', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => record(`p${i}`, `p${i + 1}`));
    expect(namesOf(chain)[0]).toBe('p9999');
  });
});
