import { equalBytes } from '../base/index.ts';
import { assemble, type TargetSection } from './assemble.ts';
import { type Blocks, isComment, splitBlocks } from './blocks.ts';
import { ConflictList, type UciConflict } from './conflicts.ts';
import type { UciDocument } from './document.ts';
import { orderSections } from './merge-order.ts';
import { samePackage } from './model.ts';
import { type NaturalKey, naturalKeys } from './natural-keys.ts';
import { parseUci } from './parse.ts';
import { type PlannedSection, planMerge } from './plan-merge.ts';
import { sectionLines } from './print.ts';

export interface UciMergeResult {
  /** The merged file; ours itself where nothing changes. */
  readonly bytes: Uint8Array;
  readonly conflicts: readonly UciConflict[];
  /** True when `bytes` differ from ours. */
  readonly changed: boolean;
}

export interface UciMergeOptions {
  /** The package's name: it selects natural keys and begins the paths of conflicts. */
  readonly package?: string;
  /** Natural keys that count before the built-in ones. */
  readonly keys?: readonly NaturalKey[];
}

/**
 * The three-way merge of a UCI file by section and option: what `theirs` changed since `base` is done to
 * `ours`, whose other bytes stay. Where both changed one thing ours stays, and the conflict is reported.
 * `base` is undefined where both sides added the file. Pure. A side that has to be understood and cannot be
 * read is a ParseError UCI_INVALID; docs/adr/0010-uci-merge.md has the rules.
 */
export function mergeUci(
  base: Uint8Array | undefined,
  ours: Uint8Array,
  theirs: Uint8Array,
  options: UciMergeOptions = {},
): UciMergeResult {
  const settled = (bytes: Uint8Array, conflicts: readonly UciConflict[] = []) => ({
    bytes,
    conflicts,
    changed: !equalBytes(bytes, ours),
  });
  if (equalBytes(ours, theirs)) return settled(ours);
  if (base !== undefined && equalBytes(base, ours)) return settled(theirs);
  if (base !== undefined && equalBytes(base, theirs)) return settled(ours);
  const name = options.package ?? 'uci';
  const live = parseUci(ours, { name: `${name} (ours)` });
  const target = parseUci(theirs, { name: `${name} (theirs)` });
  const start = base === undefined ? undefined : parseUci(base, { name: `${name} (base)` });
  if (samePackage(live.package, target.package)) return settled(ours);
  if (start !== undefined && samePackage(start.package, target.package)) return settled(ours);
  const merged = mergeDocuments(start, live, target, options);
  return settled(merged.bytes ?? ours, merged.conflicts);
}

function mergeDocuments(
  base: UciDocument | undefined,
  ours: UciDocument,
  theirs: UciDocument,
  options: UciMergeOptions,
): { bytes: Uint8Array | undefined; conflicts: readonly UciConflict[] } {
  const sides = { base: base?.package, ours: ours.package, theirs: theirs.package };
  const packages = [sides.theirs, ...(sides.base === undefined ? [] : [sides.base]), sides.ours];
  const conflicts = new ConflictList(options.package, packages);
  const keys = [...(options.keys ?? []), ...naturalKeys];
  const named = options.package === undefined ? {} : { package: options.package };
  const plan = planMerge(sides, { ...named, keys }, conflicts);
  const ordered = orderSections(plan);
  if (ordered.conflict) conflicts.addFile('order', sides);
  const spell = new TheirText(theirs);
  const target = ordered.sections.map((entry) => targetOf(entry, spell));
  let comments: ReadonlySet<string> | undefined;
  const dropComment = (text: string) => {
    comments ??= base === undefined ? new Set() : commentsOf(base);
    return comments.has(text.trim());
  };
  const bytes = assemble(ours, target, { dropComment });
  // Names that imitate generated ones can make a merge that no file spells: the admin's file stays whole.
  if (bytes === undefined) conflicts.addFile('ambiguous', sides);
  return { bytes, conflicts: conflicts.all };
}

function targetOf(entry: PlannedSection, spell: TheirText): TargetSection {
  if (entry.kind === 'added') return { kind: 'added', section: entry.section, text: spell.of(entry.theirs) };
  return { kind: 'kept', index: entry.ours, section: entry.section, changes: entry.changes };
}

/** The comments of the old default: those of a section go when the section does. */
function commentsOf(document: UciDocument): Set<string> {
  const text = Buffer.from(document.bytes).toString('latin1');
  return new Set(document.lines.filter(isComment).map((line) => text.slice(line.start, line.end).trim()));
}

/** The new default's own lines for a section, its comments with them. */
class TheirText {
  readonly #document: UciDocument;
  #blocks: Blocks | undefined;

  constructor(document: UciDocument) {
    this.#document = document;
  }

  of(index: number): string {
    this.#blocks ??= splitBlocks(this.#document);
    const own = this.#blocks.blocks.filter((block) => block.section === index);
    const [block, ...more] = own;
    const section = this.#document.package.sections[index];
    if (section === undefined) return '';
    if (block === undefined || more.length > 0 || this.#blocks.shared) return sectionLines(section);
    const start = this.#document.lines[block.from]?.start ?? 0;
    const end = this.#document.lines[block.to - 1]?.end ?? start;
    return `${Buffer.from(this.#document.bytes.subarray(start, end)).toString('latin1').trimEnd()}\n`;
  }
}
