import { displayText, type UciPackage, type UciSection, type UciValue } from './model.ts';
import { exportSection, sectionLabels } from './print.ts';

/**
 * What both sides changed differently: an option's value (`option`), a list's items (`list`), a section's
 * type or name, a thing that one side deleted and the other changed, an order, or sections that cannot be
 * told apart (`ambiguous`).
 */
export type UciConflictKind =
  | 'option'
  | 'list'
  | 'type'
  | 'name'
  /** Ours deleted it, theirs changed it: it stays deleted. */
  | 'deleted-changed'
  /** Ours changed it, theirs deleted it: it stays. */
  | 'changed-deleted'
  | 'order'
  | 'ambiguous';

/** A string, the items of a list, the lines of a section; null where there is none. */
export type UciConflictValue = string | readonly string[] | null;

/** A disagreement, as data. Texts are for people: UTF-8, with U+FFFD for what is none. */
export interface UciConflict {
  /** `package.section.option`, `package.section`, or `package.@type`; the package where it was named. */
  readonly path: string;
  readonly kind: UciConflictKind;
  readonly base: UciConflictValue;
  readonly ours: UciConflictValue;
  readonly theirs: UciConflictValue;
  /** What the result has: always the admin's side. */
  readonly resolution: 'ours';
}

export interface ConflictSides<T> {
  readonly base: T | undefined;
  readonly ours: T | undefined;
  readonly theirs: T | undefined;
}

/** Collects conflicts and names their places. */
export class ConflictList {
  readonly all: UciConflict[] = [];
  readonly #prefix: string;
  readonly #packages: readonly UciPackage[];
  #labels: ReadonlyMap<UciSection, string> | undefined;

  constructor(packageName: string | undefined, packages: readonly UciPackage[]) {
    this.#prefix = packageName === undefined ? '' : `${packageName}.`;
    this.#packages = packages;
  }

  /** A conflict about a whole section. */
  add(kind: UciConflictKind, at: UciSection, sides: ConflictSides<UciSection>): void {
    const text = (section: UciSection | undefined) =>
      section === undefined ? null : displayText(exportSection(section));
    this.#push(this.#label(at), kind, sides, text);
  }

  /** A conflict about one option of a section. */
  addOption(at: UciSection, name: string, sides: ConflictSides<UciValue>): void {
    const text = (value: UciValue | undefined) => {
      if (value === undefined) return null;
      return value.kind === 'option' ? displayText(value.value) : value.values.map(displayText);
    };
    this.#push(`${this.#label(at)}.${name}`, optionKind(sides), sides, text);
  }

  /** A conflict about all anonymous sections of a type. */
  addType(type: string, sides: ConflictSides<readonly UciSection[]>): void {
    const text = (sections: readonly UciSection[] | undefined) =>
      (sections ?? []).map((section) => displayText(exportSection(section)));
    this.#push(`@${type}`, 'ambiguous', sides, text);
  }

  /** A conflict about the order of a file's sections, or about the file. */
  addFile(kind: 'order' | 'ambiguous', sides: ConflictSides<UciPackage>): void {
    const text = (content: UciPackage | undefined) =>
      content === undefined ? null : sectionLabels(content).map(displayText);
    this.#push('', kind, sides, text);
  }

  #label(section: UciSection): string {
    this.#labels ??= labelsOf(this.#packages);
    return displayText(this.#labels.get(section) ?? section.name);
  }

  #push<T>(
    place: string,
    kind: UciConflictKind,
    { base, ours, theirs }: ConflictSides<T>,
    text: (value: T | undefined) => UciConflictValue,
  ): void {
    const path = `${this.#prefix}${place}`.replace(/\.$/u, '');
    this.all.push({
      path,
      kind,
      base: text(base),
      ours: text(ours),
      theirs: text(theirs),
      resolution: 'ours',
    });
  }
}

function labelsOf(packages: readonly UciPackage[]): Map<UciSection, string> {
  const all = new Map<UciSection, string>();
  for (const content of packages) {
    const labels = sectionLabels(content);
    for (const [index, section] of content.sections.entries())
      all.set(section, labels[index] ?? section.name);
  }
  return all;
}

function optionKind({ ours, theirs }: ConflictSides<UciValue>): UciConflictKind {
  if (ours === undefined) return 'deleted-changed';
  if (theirs === undefined) return 'changed-deleted';
  return ours.kind === 'list' && theirs.kind === 'list' ? 'list' : 'option';
}
