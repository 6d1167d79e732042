import type { UciSection } from './model.ts';

/** Two sections are one when at least this share of what they say is the same. */
const threshold = 0.5;

/** What a same name with another value counts against a whole match of 1. */
const sameNameShare = 0.3;

/** Above this many pairs likeness is not computed: the type is ambiguous. */
const pairLimit = 40_000;

export interface Alignment {
  readonly pairs: readonly (readonly [number, number])[];
  readonly ambiguous: boolean;
}

/** Pairs sections of one type by likeness, keeping their order; natural keys that differ keep apart. */
export function alignSections(
  a: readonly UciSection[],
  b: readonly UciSection[],
  keyOf: (section: UciSection) => string | undefined,
): Alignment {
  if (a.length === 0 || b.length === 0) return { pairs: [], ambiguous: false };
  if (a.length * b.length > pairLimit) return { pairs: [], ambiguous: true };
  const [left, right] = [
    a.map((section) => describe(section, keyOf)),
    b.map((section) => describe(section, keyOf)),
  ];
  const likeness = left.map((x) =>
    right.map((y) => {
      const value = likenessOf(x, y);
      return value >= threshold ? value : 0;
    }),
  );
  const pairs = bestPairs(likeness);
  return { pairs, ambiguous: pairs.some((pair) => hasRival(likeness, pairs, pair)) };
}

interface Described {
  readonly key: string | undefined;
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
  readonly size: number;
}

function describe(section: UciSection, keyOf: (section: UciSection) => string | undefined): Described {
  const values = new Map(
    section.options.map((option) => [
      option.name,
      new Set(option.kind === 'option' ? [option.value] : option.values),
    ]),
  );
  let size = 0;
  for (const set of values.values()) size += set.size;
  return { key: keyOf(section), values, size };
}

/** From 0 to 1: twice the shared values over all values of both. */
function likenessOf(a: Described, b: Described): number {
  if (a.key !== undefined && b.key !== undefined && a.key !== b.key) return 0;
  if (a.size + b.size === 0) return 1;
  let shared = 0;
  for (const [name, values] of a.values) {
    const others = b.values.get(name);
    if (others === undefined) continue;
    let same = 0;
    for (const value of values) if (others.has(value)) same++;
    shared += same > 0 ? same : sameNameShare;
  }
  return (2 * shared) / (a.size + b.size);
}

/** The order-preserving pairs with the greatest sum of likeness. */
function bestPairs(likeness: readonly (readonly number[])[]): [number, number][] {
  const height = likeness.length;
  const width = likeness[0]?.length ?? 0;
  const best = Array.from({ length: height + 1 }, () => new Float64Array(width + 1));
  const at = (i: number, j: number) => best[i]?.[j] ?? 0;
  const like = (i: number, j: number) => likeness[i]?.[j] ?? 0;
  const paired = (i: number, j: number) => (like(i, j) > 0 ? like(i, j) + at(i + 1, j + 1) : -1);
  for (let i = height - 1; i >= 0; i--)
    for (let j = width - 1; j >= 0; j--) {
      const row = best[i];
      if (row !== undefined) row[j] = Math.max(paired(i, j), at(i + 1, j), at(i, j + 1));
    }
  const pairs: [number, number][] = [];
  for (let i = 0, j = 0; i < height && j < width; ) {
    if (paired(i, j) === at(i, j)) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

/** True when a section of the pair is as like another one that has no better partner itself. */
function hasRival(
  likeness: readonly (readonly number[])[],
  pairs: readonly (readonly [number, number])[],
  [i, j]: readonly [number, number],
): boolean {
  const like = (x: number, y: number) => likeness[x]?.[y] ?? 0;
  const ofRow = new Map(pairs);
  const ofColumn = new Map(pairs.map(([x, y]) => [y, x]));
  const own = like(i, j);
  const better = (value: number, x: number | undefined, y: number | undefined) =>
    x !== undefined && y !== undefined && like(x, y) > value;
  for (let y = 0; y < (likeness[i]?.length ?? 0); y++)
    if (y !== j && like(i, y) >= own && !better(like(i, y), ofColumn.get(y), y)) return true;
  for (let x = 0; x < likeness.length; x++)
    if (x !== i && like(x, j) >= own && !better(like(x, j), x, ofRow.get(x))) return true;
  return false;
}
