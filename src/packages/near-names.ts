import { compareBytes } from '../base/index.ts';

/** Names longer than this are not compared: no package of a feed has one, and the cost grows with the square. */
const maxLength = 80;

/**
 * The names that a person may have meant, nearest first, at most `limit`: a few edits away (one for short names, two
 * for longer ones, a swap of neighbours is one), or the wanted one with an ending such as an ABI version.
 */
export function nearNames(wanted: string, names: Iterable<string>, limit = 3): readonly string[] {
  if (wanted.length > maxLength) return [];
  const bound = wanted.length <= 4 ? 1 : 2;
  const found: { name: string; distance: number }[] = [];
  for (const name of new Set(names)) {
    if (name === wanted || name.length > maxLength) continue;
    const distance = editDistance(wanted, name, bound);
    if (distance <= bound) found.push({ name, distance });
    else if (wanted.length >= 3 && name.startsWith(wanted)) found.push({ name, distance: bound + 1 });
  }
  return found
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length || compareBytes(a.name, b.name))
    .slice(0, limit)
    .map(({ name }) => name);
}

/** Insertions, deletions, changes and swaps of neighbours from one to the other; more than `bound` is `bound + 1`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    if (Math.min(...current) > bound) return bound + 1;
    before = previous;
    previous = current;
  }
  return Math.min(previous[b.length] ?? bound + 1, bound + 1);
}
