import { concat } from '../base/index.ts';
import { type Block, isComment, splitBlocks } from './blocks.ts';
import type { UciDocument } from './document.ts';
import { patchOption, statementsBySection } from './edit-options.ts';
import { LinePatch } from './line-patch.ts';
import {
  bytesOf,
  findOption,
  samePackage,
  type UciPackage,
  type UciSection,
  type UciValue,
} from './model.ts';
import { parseUci } from './parse.ts';
import { renderUci } from './print.ts';

/** What becomes of a section that stands in the document. */
export interface KeptSection {
  readonly kind: 'kept';
  /** Its index in the document's package. */
  readonly index: number;
  readonly section: UciSection;
  /** The options that change; undefined removes one. */
  readonly changes: ReadonlyMap<string, UciValue | undefined>;
}

/** A section that is new to the document. */
export interface AddedSection {
  readonly kind: 'added';
  readonly section: UciSection;
  /** The lines that spell it, ending in a newline. */
  readonly text: string;
}

export type TargetSection = KeptSection | AddedSection;

export interface AssembleOptions {
  /** Which comments go with a section that goes; none unless given. */
  readonly dropComment?: (text: string) => boolean;
}

/**
 * The document's bytes changed so that they mean `target`: touched statements are changed, everything else
 * stays. Where that cannot be spelt in place the file comes in the writer's form, its comments in front. The result is read
 * again and compared before it is returned; undefined where even the writer's form means something else.
 */
export function assemble(
  document: UciDocument,
  target: readonly TargetSection[],
  options: AssembleOptions = {},
): Uint8Array | undefined {
  const wanted: UciPackage = { sections: target.map(({ section }) => section) };
  const inPlace = new Assembler(document, options).assemble(target);
  if (inPlace !== undefined && means(inPlace, wanted)) return inPlace;
  const written = renderUci(wanted);
  const commented = concat([commentsOf(document), written]);
  return [commented, written].find((bytes) => means(bytes, wanted));
}

/** All comments of a file, each on its own line: the writer's form has no better place for them. */
function commentsOf(document: UciDocument): Uint8Array {
  const text = Buffer.from(document.bytes).toString('latin1');
  const comments = document.lines.flatMap(({ comment, end }) =>
    comment === undefined ? [] : `${text.slice(comment, end).trimEnd()}\n`,
  );
  return bytesOf(comments.join(''));
}

function means(bytes: Uint8Array, wanted: UciPackage): boolean {
  try {
    return samePackage(parseUci(bytes).package, wanted);
  } catch {
    // Text that cannot be read does not mean what was wanted; the caller has another form.
    return false;
  }
}

class Assembler {
  readonly #document: UciDocument;
  readonly #patch: LinePatch;
  readonly #drops: (text: string) => boolean;
  readonly #output: string[] = [];

  constructor(document: UciDocument, options: AssembleOptions) {
    this.#document = document;
    this.#patch = new LinePatch(document);
    this.#drops = options.dropComment ?? (() => false);
  }

  assemble(target: readonly TargetSection[]): Uint8Array | undefined {
    const { preamble, blocks, shared } = splitBlocks(this.#document);
    const kept = target.filter((entry) => entry.kind === 'kept');
    this.#patchStatements(kept);
    const isWhole = kept.length === target.length && kept.length === this.#document.package.sections.length;
    const inOrder = kept.every((entry, at) => at === 0 || (kept[at - 1]?.index ?? 0) < entry.index);
    if (isWhole && inOrder) return bytesOf(this.#patch.render());
    if (shared) return undefined;
    this.#write(this.#patch.render(0, preamble));
    if (inOrder) this.#writeInPlace(blocks, target);
    else this.#writeMoved(blocks, target);
    return bytesOf(this.#output.join(''));
  }

  #patchStatements(kept: readonly KeptSection[]): void {
    const statements = statementsBySection(this.#document);
    for (const { index, section, changes } of kept) {
      const own = statements.get(index) ?? [];
      const old = this.#document.package.sections[index];
      const isThere = (name: string) => old !== undefined && findOption(old, name) !== undefined;
      // New options come behind all that changes, so that none stands between the items of a list.
      const ordered = [...changes].sort(([a], [b]) => Number(isThere(b)) - Number(isThere(a)));
      for (const [name, value] of ordered) patchOption(this.#patch, own, name, value);
      if (old === undefined) continue;
      const sameName = section.anonymous === old.anonymous && (old.anonymous || section.name === old.name);
      if (sameName && section.type === old.type) continue;
      const name = section.anonymous ? undefined : section.name;
      for (const statement of own)
        if (statement.kind === 'config') this.#patch.setHeader(statement, section.type, name);
    }
  }

  /** The blocks as they stand, the added sections behind their predecessors, of gone ones the comments. */
  #writeInPlace(blocks: readonly Block[], target: readonly TargetSection[]): void {
    const followers = new Map<number, AddedSection[]>();
    let last = -1;
    for (const entry of target) {
      if (entry.kind === 'kept') last = entry.index;
      else {
        const list = followers.get(last);
        if (list === undefined) followers.set(last, [entry]);
        else list.push(entry);
      }
    }
    const keeps = new Set(target.flatMap((entry) => (entry.kind === 'kept' ? [entry.index] : [])));
    const add = (index: number) => {
      for (const entry of followers.get(index) ?? []) this.#writeAdded(entry);
    };
    add(-1);
    for (const block of blocks) {
      if (keeps.has(block.section)) this.#write(this.#patch.render(block.from, block.to));
      else this.#writeComments(block);
      if (block.first) add(block.section);
    }
  }

  /** Sections in another order: each takes all its blocks along. */
  #writeMoved(blocks: readonly Block[], target: readonly TargetSection[]): void {
    const keeps = new Set<number>();
    const blocksOf = new Map<number, Block[]>(blocks.map((block) => [block.section, []]));
    for (const block of blocks) blocksOf.get(block.section)?.push(block);
    for (const entry of target) {
      if (entry.kind === 'added') {
        this.#writeAdded(entry);
        continue;
      }
      keeps.add(entry.index);
      for (const block of blocksOf.get(entry.index) ?? [])
        this.#write(this.#patch.render(block.from, block.to));
    }
    for (const block of blocks) if (!keeps.has(block.section)) this.#writeComments(block);
  }

  #writeComments(block: Block): void {
    const lines = this.#document.lines.slice(block.from, block.to).filter(isComment);
    const texts = lines.map((line) => this.#patch.original(line)).filter((text) => !this.#drops(text));
    if (texts.length > 0) this.#write(`${texts.join('')}\n`);
  }

  /** A new section stands alone between blank lines. */
  #writeAdded({ text }: AddedSection): void {
    const last = this.#output.at(-1);
    if (last !== undefined && !endsBlank(last)) this.#write('\n');
    this.#write(`${text}\n`);
  }

  #write(text: string): void {
    if (text === '') return;
    const last = this.#output.at(-1);
    this.#output.push(last === undefined || last.endsWith('\n') ? text : `\n${text}`);
  }
}

/** True when the text ends in an empty line. */
function endsBlank(text: string): boolean {
  return text === '\n' || text.endsWith('\n\n') || text.endsWith('\n\r\n');
}
