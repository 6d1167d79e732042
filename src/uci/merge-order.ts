import type { PlannedSection, SectionPlan } from './plan-merge.ts';

export interface OrderedPlan {
  readonly sections: readonly PlannedSection[];
  /** True when both sides moved sections, and differently. */
  readonly conflict: boolean;
}

/**
 * Puts the sections of a plan in order: that of ours, or of theirs where only theirs moved sections. A
 * section that the other side added comes behind the one that precedes it there.
 */
export function orderSections(plan: SectionPlan): OrderedPlan {
  const ours = plan.sections.filter((entry) => entry.kind === 'kept');
  const theirs = plan.sections
    .filter((entry) => entry.theirs !== undefined)
    .sort((a, b) => (a.theirs ?? 0) - (b.theirs ?? 0));
  const oursMoved = !ascends(ours.map((entry) => plan.baseOfOurs.get(entry.ours)));
  const theirsMoved = !ascends(theirs.map((entry) => plan.baseOfTheirs.get(entry.theirs ?? -1)));
  if (theirsMoved && !oursMoved) return { sections: weave(theirs, ours), conflict: false };
  const shared = theirs.flatMap((entry) => (entry.kind === 'kept' ? [entry.ours] : []));
  return { sections: weave(ours, theirs), conflict: theirsMoved && !ascends(shared) };
}

function ascends(indices: readonly (number | undefined)[]): boolean {
  let last = -1;
  for (const index of indices) {
    if (index === undefined) continue;
    if (index < last) return false;
    last = index;
  }
  return true;
}

/** `main` with what only `other` has put behind its nearest predecessor there. */
function weave(main: readonly PlannedSection[], other: readonly PlannedSection[]): PlannedSection[] {
  const inMain = new Set(main);
  const followers = new Map<PlannedSection | undefined, PlannedSection[]>();
  let anchor: PlannedSection | undefined;
  for (const entry of other) {
    if (inMain.has(entry)) anchor = entry;
    else if (followers.get(anchor)?.push(entry) === undefined) followers.set(anchor, [entry]);
  }
  const front = followers.get(undefined) ?? [];
  return [...front, ...main.flatMap((entry) => [entry, ...(followers.get(entry) ?? [])])];
}
