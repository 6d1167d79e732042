import { commonPairs } from './lcs.ts';
import { sameValue, type UciValue } from './model.ts';

/** The merged value, undefined for none, and whether the two sides disagreed. */
export interface MergedValue {
  readonly value: UciValue | undefined;
  readonly conflict: boolean;
}

/** The three-way merge of one option: the side that changed counts; where both did, ours, as a conflict. */
export function mergeValue(
  base: UciValue | undefined,
  ours: UciValue | undefined,
  theirs: UciValue | undefined,
): MergedValue {
  if (sameValue(ours, theirs) || sameValue(theirs, base)) return { value: ours, conflict: false };
  if (sameValue(ours, base)) return { value: theirs, conflict: false };
  if (ours?.kind === 'list' && theirs?.kind === 'list' && base?.kind !== 'option') {
    const merged = mergeItems(base?.values ?? [], ours.values, theirs.values);
    const value: UciValue | undefined =
      merged.items.length === 0 ? undefined : { kind: 'list', values: merged.items };
    return { value, conflict: merged.conflict };
  }
  return { value: ours, conflict: true };
}

interface MergedItems {
  readonly items: readonly string[];
  readonly conflict: boolean;
}

/** diff3 over the items of a list; an item is one unit, as a line is elsewhere. */
export function mergeItems(
  base: readonly string[],
  ours: readonly string[],
  theirs: readonly string[],
): MergedItems {
  const inOurs = new Map(commonPairs(base, ours));
  const inTheirs = new Map(commonPairs(base, theirs));
  const items: string[] = [];
  let conflict = false;
  let [b, o, t] = [0, 0, 0];
  for (let next = 0; next <= base.length; next++) {
    const atEnd = next === base.length;
    const oursNext = atEnd ? ours.length : inOurs.get(next);
    const theirsNext = atEnd ? theirs.length : inTheirs.get(next);
    if (oursNext === undefined || theirsNext === undefined) continue;
    const chunk = mergeChunk(base.slice(b, next), ours.slice(o, oursNext), theirs.slice(t, theirsNext));
    items.push(...chunk.items);
    conflict ||= chunk.conflict;
    if (!atEnd) items.push(base[next] ?? '');
    [b, o, t] = [next + 1, oursNext + 1, theirsNext + 1];
  }
  return { items, conflict };
}

/**
 * Between two items that all three share: what theirs dropped goes, what theirs added comes behind ours.
 * When both dropped an item and put different ones in its place, or items repeat, nobody knows: ours.
 */
function mergeChunk(
  base: readonly string[],
  ours: readonly string[],
  theirs: readonly string[],
): MergedItems {
  const same = (a: readonly string[], b: readonly string[]) =>
    a.length === b.length && a.every((item, index) => item === b[index]);
  if (same(ours, theirs) || same(theirs, base)) return { items: ours, conflict: false };
  if (same(ours, base)) return { items: theirs, conflict: false };
  const [inBase, inOurs, inTheirs] = [new Set(base), new Set(ours), new Set(theirs)];
  const repeats = inBase.size < base.length || inOurs.size < ours.length || inTheirs.size < theirs.length;
  const bothDropped = base.some((item) => !inOurs.has(item) && !inTheirs.has(item));
  const added = theirs.filter((item) => !inBase.has(item) && !inOurs.has(item));
  const oursAdded = ours.some((item) => !inBase.has(item) && !inTheirs.has(item));
  if (repeats || (bothDropped && oursAdded && added.length > 0)) return { items: ours, conflict: true };
  return {
    items: [...ours.filter((item) => !inBase.has(item) || inTheirs.has(item)), ...added],
    conflict: false,
  };
}
