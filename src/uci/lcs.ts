/** Above this many cells a table is not computed. */
const cellLimit = 2_000_000;

/**
 * The pairs [index in a, index in b] of a longest common subsequence, ascending. Where the differing middle
 * is too large to compare, only the common begin and end.
 */
export function commonPairs<T>(
  a: readonly T[],
  b: readonly T[],
  same: (x: T, y: T) => boolean = Object.is,
): [number, number][] {
  const pairs: [number, number][] = [];
  const isSame = (i: number, j: number) => same(a[i] as T, b[j] as T);
  let start = 0;
  while (start < a.length && start < b.length && isSame(start, start)) pairs.push([start, start++]);
  let tail = 0;
  while (
    tail < a.length - start &&
    tail < b.length - start &&
    isSame(a.length - 1 - tail, b.length - 1 - tail)
  )
    tail++;
  pairs.push(...middlePairs(start, a.length - tail, b.length - tail, isSame));
  for (let left = tail; left > 0; left--) pairs.push([a.length - left, b.length - left]);
  return pairs;
}

function middlePairs(
  start: number,
  endA: number,
  endB: number,
  isSame: (i: number, j: number) => boolean,
): [number, number][] {
  const width = endB - start + 1;
  const height = endA - start + 1;
  if (width === 1 || height === 1 || width * height > cellLimit) return [];
  const length = new Uint32Array(width * height);
  const at = (i: number, j: number) => length[(i - start) * width + j - start] ?? 0;
  for (let i = endA - 1; i >= start; i--)
    for (let j = endB - 1; j >= start; j--)
      length[(i - start) * width + j - start] = isSame(i, j)
        ? at(i + 1, j + 1) + 1
        : Math.max(at(i + 1, j), at(i, j + 1));
  const pairs: [number, number][] = [];
  for (let i = start, j = start; i < endA && j < endB; ) {
    if (isSame(i, j)) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}
