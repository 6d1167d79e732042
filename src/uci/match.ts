import { alignSections } from './align.ts';
import { sameOptions, type UciSection } from './model.ts';
import { findNaturalKey, keyOf, type NaturalKey } from './natural-keys.ts';

export interface MatchOptions {
  readonly package?: string;
  readonly keys: readonly NaturalKey[];
  /** Whether sections may be matched by likeness where nothing else tells. */
  readonly align: boolean;
}

/** Which section of `a` is which of `b`, by index. */
export interface Matching {
  readonly pairs: ReadonlyMap<number, number>;
  /** Types of anonymous sections where more than one matching is as good. */
  readonly ambiguous: ReadonlySet<string>;
}

/**
 * Matches two files' sections: those with a name by it; the rest inside a type by the same content, then by
 * natural key, then as the type's only one, then by likeness in order. A section that got or lost its name
 * is matched by content or key too; two different names never match.
 */
export function matchSections(
  a: readonly UciSection[],
  b: readonly UciSection[],
  options: MatchOptions,
): Matching {
  const pairs = new Map<number, number>();
  const taken = new Set<number>();
  const names = new Map(b.flatMap((section, index) => (section.anonymous ? [] : [[section.name, index]])));
  for (const [index, section] of a.entries()) {
    const other = section.anonymous ? undefined : names.get(section.name);
    if (other === undefined) continue;
    pairs.set(index, other);
    taken.add(other);
  }
  const ambiguous = new Set<string>();
  const alike = pairFront(a, b, pairs, taken);
  const left = groupByType(a, (index) => !pairs.has(index));
  const right = groupByType(b, (index) => !taken.has(index));
  for (const [type, indices] of left) {
    const others = right.get(type);
    if (others === undefined) continue;
    const row = findNaturalKey(options.keys, options.package, type);
    const group = new Group(a, b, indices, others);
    group.pairBy(contentOf, false);
    group.pairBy((section) => keyOf(section, row), true);
    if (row?.single === true && !alike.has(type)) group.pairSingle();
    if (options.align && !group.align(row)) ambiguous.add(type);
    for (const [from, to] of group.pairs) pairs.set(from, to);
  }
  return { pairs, ambiguous };
}

/**
 * Pairs the anonymous sections of the stretch at the front where both files are the same, as equal content would, without comparing
 * each with all. Returns their types.
 */
function pairFront(
  a: readonly UciSection[],
  b: readonly UciSection[],
  pairs: Map<number, number>,
  taken: Set<number>,
): ReadonlySet<string> {
  const types = new Set<string>();
  for (const [index, section] of a.entries()) {
    const other = b[index];
    if (other === undefined || section.anonymous !== other.anonymous || section.type !== other.type) break;
    if (section.anonymous) {
      if (!sameOptions(section, other)) break;
      pairs.set(index, index);
      taken.add(index);
      types.add(section.type);
    } else if (section.name !== other.name) break;
  }
  return types;
}

/** A text that is equal for sections with the same options. */
export function contentOf(section: UciSection): string {
  const options = [...section.options].sort((a, b) => (a.name < b.name ? -1 : 1));
  // Lengths keep two texts apart whatever the values hold.
  const textOf = (value: string) => `${value.length}:${value}`;
  return options
    .map((option) => {
      const values =
        option.kind === 'option' ? textOf(option.value) : `[${option.values.map(textOf).join('')}]`;
      return `${option.name}=${values}`;
    })
    .join('');
}

function groupByType(
  sections: readonly UciSection[],
  wanted: (index: number) => boolean,
): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [index, { type }] of sections.entries()) {
    if (!wanted(index)) continue;
    const group = groups.get(type);
    if (group === undefined) groups.set(type, [index]);
    else group.push(index);
  }
  return groups;
}

/** The unmatched sections of one type on both sides. */
class Group {
  readonly pairs = new Map<number, number>();
  readonly #a: readonly UciSection[];
  readonly #b: readonly UciSection[];
  #left: number[];
  #right: number[];

  constructor(a: readonly UciSection[], b: readonly UciSection[], left: number[], right: number[]) {
    this.#a = a;
    this.#b = b;
    this.#left = left;
    this.#right = right;
  }

  /** Pairs those with the same text, in order; with `unique` only where it occurs once on each side. */
  pairBy(textOf: (section: UciSection) => string | undefined, unique: boolean): void {
    const left = this.#index(this.#a, this.#left, textOf);
    const right = this.#index(this.#b, this.#right, textOf);
    for (const [text, indices] of left) {
      const others = right.get(text) ?? [];
      if (unique && (indices.length !== 1 || others.length !== 1)) continue;
      this.#pairInOrder(indices, others);
    }
    this.#dropPaired();
  }

  /** Pairs the only ones of the type. */
  pairSingle(): void {
    const [left, right] = [this.#left[0], this.#right[0]];
    if (left === undefined || right === undefined || this.pairs.size > 0) return;
    if (this.#left.length > 1 || this.#right.length > 1 || !this.#mayPair(left, right)) return;
    this.pairs.set(left, right);
    this.#dropPaired();
  }

  /** Pairs anonymous sections by likeness; false where that is ambiguous. */
  align(row: NaturalKey | undefined): boolean {
    const left = this.#left.filter((index) => this.#a[index]?.anonymous === true);
    const right = this.#right.filter((index) => this.#b[index]?.anonymous === true);
    const pick = (from: readonly UciSection[], indices: readonly number[]) =>
      indices.flatMap((index) => from[index] ?? []);
    const aligned = alignSections(pick(this.#a, left), pick(this.#b, right), (section) =>
      keyOf(section, row),
    );
    for (const [i, j] of aligned.pairs) {
      const [from, to] = [left[i], right[j]];
      if (from !== undefined && to !== undefined) this.pairs.set(from, to);
    }
    return !aligned.ambiguous;
  }

  /** Two names never pair. Anonymous sections take their like first; what is left of them may have got, or lost, a name. */
  #pairInOrder(indices: readonly number[], others: readonly number[]): void {
    const left = split(this.#a, indices);
    const right = split(this.#b, others);
    const pair = (from: number[], to: number[]) => {
      for (const [at, index] of from.entries()) {
        const other = to[at];
        if (other !== undefined) this.pairs.set(index, other);
      }
      return { left: from.slice(to.length), right: to.slice(from.length) };
    };
    const rest = pair(left.anonymous, right.anonymous);
    pair(rest.left, right.named);
    pair(left.named, rest.right);
  }

  #mayPair(left: number, right: number): boolean {
    return this.#a[left]?.anonymous === true || this.#b[right]?.anonymous === true;
  }

  #index(
    sections: readonly UciSection[],
    indices: readonly number[],
    textOf: (section: UciSection) => string | undefined,
  ): Map<string, number[]> {
    const found = new Map<string, number[]>();
    for (const index of indices) {
      const section = sections[index];
      const text = section === undefined ? undefined : textOf(section);
      if (text === undefined) continue;
      const list = found.get(text);
      if (list === undefined) found.set(text, [index]);
      else list.push(index);
    }
    return found;
  }

  #dropPaired(): void {
    const paired = new Set(this.pairs.values());
    this.#left = this.#left.filter((index) => !this.pairs.has(index));
    this.#right = this.#right.filter((index) => !paired.has(index));
  }
}

function split(
  sections: readonly UciSection[],
  indices: readonly number[],
): { readonly anonymous: number[]; readonly named: number[] } {
  const isAnonymous = (index: number) => sections[index]?.anonymous === true;
  return { anonymous: indices.filter(isAnonymous), named: indices.filter((index) => !isAnonymous(index)) };
}
