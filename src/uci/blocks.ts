import type { UciDocument, UciLine } from './document.ts';

/** The lines of a file from a `config` statement, or the comment right above it, up to the next one's. */
export interface Block {
  readonly section: number;
  /** Indices of the document's lines. */
  readonly from: number;
  readonly to: number;
  /** False for a block that opens its section again. */
  readonly first: boolean;
}

export interface Blocks {
  /** The lines from 0 up to here come before the first block: the file's own comment. */
  readonly preamble: number;
  readonly blocks: readonly Block[];
  /** True when some line belongs to two sections, so that blocks cannot be moved. */
  readonly shared: boolean;
}

/** The blocks of a document, in order. */
export function splitBlocks(document: UciDocument): Blocks {
  const starts: { section: number; line: number }[] = [];
  let shared = false;
  for (const [index, { statements }] of document.lines.entries()) {
    const opening = statements.filter((statement) => statement.kind === 'config');
    const [first] = opening;
    if (first === undefined) continue;
    shared ||= opening.length > 1 || statements[0] !== first;
    starts.push({ section: first.section, line: index });
  }
  const begins = starts.map(({ line }) => commentStart(document.lines, line));
  const seen = new Set<number>();
  const blocks = starts.map(({ section }, index) => {
    const first = !seen.has(section);
    seen.add(section);
    return { section, from: begins[index] ?? 0, to: begins[index + 1] ?? document.lines.length, first };
  });
  return { preamble: begins[0] ?? document.lines.length, blocks, shared };
}

/** The first line of the comment that stands right above line `at`; at the file's begin it is the file's. */
function commentStart(lines: readonly UciLine[], at: number): number {
  let start = at;
  while (start > 0 && isComment(lines[start - 1])) start--;
  return start === 0 ? at : start;
}

/** True for a line that is a comment and nothing else. */
export function isComment(line: UciLine | undefined): boolean {
  return line !== undefined && line.statements.length === 0 && line.comment !== undefined;
}
