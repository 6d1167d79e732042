import type { ConflictList, ConflictSides } from './conflicts.ts';
import { contentOf, type Matching, matchSections } from './match.ts';
import { mergeValue } from './merge-values.ts';
import {
  findOption,
  sameSection,
  sameValue,
  type UciOption,
  type UciPackage,
  type UciSection,
  type UciValue,
} from './model.ts';
import type { NaturalKey } from './natural-keys.ts';

export interface Sides {
  readonly base: UciPackage | undefined;
  readonly ours: UciPackage;
  readonly theirs: UciPackage;
}

export interface PlanOptions {
  readonly package?: string;
  readonly keys: readonly NaturalKey[];
}

/** One section of the result before its place is known. */
export type PlannedSection =
  | {
      readonly kind: 'kept';
      readonly ours: number;
      readonly theirs: number | undefined;
      readonly section: UciSection;
      readonly changes: ReadonlyMap<string, UciValue | undefined>;
    }
  | { readonly kind: 'added'; readonly theirs: number; readonly section: UciSection };

export interface SectionPlan {
  /** In the order of ours, then the added ones in the order of theirs. */
  readonly sections: readonly PlannedSection[];
  /** Base partner of ours' and of theirs' sections. */
  readonly baseOfOurs: ReadonlyMap<number, number>;
  readonly baseOfTheirs: ReadonlyMap<number, number>;
}

const nothing: UciPackage = { sections: [] };

/** Decides for each section of the three files what the result has of it; conflicts are added to the list. */
export function planMerge(sides: Sides, options: PlanOptions, conflicts: ConflictList): SectionPlan {
  return new Planner(sides, options, conflicts).plan();
}

class Planner {
  readonly #base: readonly UciSection[];
  readonly #ours: readonly UciSection[];
  readonly #theirs: readonly UciSection[];
  readonly #conflicts: ConflictList;
  /** Base index to index. */
  readonly #inOurs: Matching;
  readonly #inTheirs: Matching;
  /** Types whose anonymous sections stay as ours has them. */
  readonly #unclear = new Set<string>();
  /** Index in ours to index in theirs. */
  readonly #partner = new Map<number, number>();

  constructor(sides: Sides, options: PlanOptions, conflicts: ConflictList) {
    this.#base = (sides.base ?? nothing).sections;
    this.#ours = sides.ours.sections;
    this.#theirs = sides.theirs.sections;
    this.#conflicts = conflicts;
    this.#inOurs = matchSections(this.#base, this.#ours, { ...options, align: true });
    this.#inTheirs = matchSections(this.#base, this.#theirs, { ...options, align: true });
    for (const type of [...this.#inOurs.ambiguous, ...this.#inTheirs.ambiguous]) this.#judge(type);
    this.#matchAdded(sides.base === undefined, options);
  }

  plan(): SectionPlan {
    const baseOfOurs = invert(this.#inOurs.pairs);
    const baseOfTheirs = invert(this.#inTheirs.pairs);
    const sections: PlannedSection[] = [];
    for (const [index, ours] of this.#ours.entries()) {
      const planned = this.#planOurs(index, ours, baseOfOurs.get(index));
      if (planned !== undefined) sections.push(planned);
    }
    const names = new Set(sections.flatMap(({ section }) => (section.anonymous ? [] : [section.name])));
    const partners = new Set(this.#partner.values());
    for (const [index, theirs] of this.#theirs.entries()) {
      if (partners.has(index) || this.#isUnclear(theirs)) continue;
      const base = this.#at(this.#base, baseOfTheirs.get(index));
      if (base !== undefined) this.#noteDeleted(base, theirs);
      else if (!theirs.anonymous && names.has(theirs.name))
        this.#conflicts.add('name', theirs, { base: undefined, ours: undefined, theirs });
      else sections.push({ kind: 'added', theirs: index, section: theirs });
    }
    return { sections, baseOfOurs, baseOfTheirs };
  }

  /** A type that cannot be matched with certainty is only in doubt where both sides changed it. */
  #judge(type: string): void {
    if (this.#unclear.has(type)) return;
    const [base, ours, theirs] = [this.#base, this.#ours, this.#theirs].map((sections) =>
      sections.filter((section) => section.type === type && section.anonymous),
    );
    if (base === undefined || ours === undefined || theirs === undefined) return;
    const content = (sections: readonly UciSection[]) => sections.map(contentOf).join('\n');
    if (content(base) === content(ours) || content(base) === content(theirs)) return;
    this.#unclear.add(type);
    this.#conflicts.addType(type, { base, ours, theirs });
  }

  #isUnclear(section: UciSection): boolean {
    return section.anonymous && this.#unclear.has(section.type);
  }

  /** Partners of base sections, then those that both sides added. */
  #matchAdded(align: boolean, options: PlanOptions): void {
    for (const [index, ours] of this.#inOurs.pairs) {
      const theirs = this.#inTheirs.pairs.get(index);
      if (theirs !== undefined) this.#partner.set(ours, theirs);
    }
    const [oursUsed, theirsUsed] = [this.#inOurs, this.#inTheirs].map(({ pairs }) => new Set(pairs.values()));
    const rest = (sections: readonly UciSection[], used: ReadonlySet<number> | undefined) =>
      [...sections.entries()].filter(([index]) => used?.has(index) !== true);
    const ours = rest(this.#ours, oursUsed);
    const theirs = rest(this.#theirs, theirsUsed);
    const matching = matchSections(
      ours.map(([, section]) => section),
      theirs.map(([, section]) => section),
      { ...options, align },
    );
    for (const type of matching.ambiguous) this.#judge(type);
    for (const [i, j] of matching.pairs) {
      const [from, to] = [ours[i]?.[0], theirs[j]?.[0]];
      if (from !== undefined && to !== undefined) this.#partner.set(from, to);
    }
  }

  #planOurs(index: number, ours: UciSection, baseIndex: number | undefined): PlannedSection | undefined {
    const partner = this.#partner.get(index);
    const kept = { kind: 'kept', ours: index, theirs: partner, section: ours, changes: new Map() } as const;
    if (this.#isUnclear(ours)) return kept;
    const base = this.#at(this.#base, baseIndex);
    const theirs = this.#at(this.#theirs, partner);
    if (theirs !== undefined) return this.#mergeSection(kept, base, theirs);
    if (base === undefined || this.#isUnclear(base)) return kept;
    if (sameSection(base, ours)) return undefined;
    this.#conflicts.add('changed-deleted', ours, { base, ours, theirs: undefined });
    return kept;
  }

  #noteDeleted(base: UciSection, theirs: UciSection): void {
    if (this.#isUnclear(base) || sameSection(base, theirs)) return;
    this.#conflicts.add('deleted-changed', theirs, { base, ours: undefined, theirs });
  }

  #mergeSection(
    kept: Extract<PlannedSection, { kind: 'kept' }>,
    base: UciSection | undefined,
    theirs: UciSection,
  ): PlannedSection {
    const ours = kept.section;
    const changes = new Map<string, UciValue | undefined>();
    const options = new Map<string, UciOption>(ours.options.map((option) => [option.name, option]));
    const names = new Set([...theirs.options, ...(base?.options ?? [])].map((option) => option.name));
    for (const name of names) {
      const was = base === undefined ? undefined : findOption(base, name);
      const sides = { base: was, ours: findOption(ours, name), theirs: findOption(theirs, name) };
      const merged = mergeValue(sides.base, sides.ours, sides.theirs);
      if (merged.conflict) this.#conflicts.addOption(ours, name, sides);
      if (sameValue(merged.value, sides.ours)) continue;
      changes.set(name, merged.value);
      if (merged.value === undefined) options.delete(name);
      else options.set(name, { ...merged.value, name });
    }
    const header = this.#mergeHeader(ours, { base, ours, theirs });
    return { ...kept, section: { ...header, options: [...options.values()] }, changes };
  }

  /** Type and name count as one value. */
  #mergeHeader(ours: UciSection, { base, theirs }: ConflictSides<UciSection>): UciSection {
    if (theirs === undefined) return ours;
    const same = (a: UciSection, b: UciSection) => sameSection({ ...a, options: [] }, { ...b, options: [] });
    if (same(ours, theirs) || (base !== undefined && same(theirs, base))) return ours;
    const taken = this.#ours.some(
      (other) => other !== ours && !theirs.anonymous && other.name === theirs.name,
    );
    if (base !== undefined && same(ours, base) && !taken)
      return { ...ours, type: theirs.type, name: theirs.name, anonymous: theirs.anonymous };
    this.#conflicts.add(ours.type === theirs.type ? 'name' : 'type', ours, { base, ours, theirs });
    return ours;
  }

  #at(sections: readonly UciSection[], index: number | undefined): UciSection | undefined {
    return index === undefined ? undefined : sections[index];
  }
}

function invert(pairs: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...pairs].map(([from, to]) => [to, from]));
}
