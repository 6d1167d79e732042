/** Differences of texts by line: a readable diff, and a three-way merge. Texts are one character a byte (latin1). */

/** One line pair of two texts that are the same. */
interface Match {
  readonly a: number;
  readonly b: number;
}

/** Beyond this many pairs of lines the middle counts as changed as a whole: the table would not fit a router. */
const maxCells = 4_000_000;

/** The lines of a text with their newlines; a last line without one stays so. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/gu) ?? [];
}

/** The line-wise merge of both texts' changes to `base`; undefined where they touch the same or neighbouring lines. */
export function mergeLines(base: string, ours: string, theirs: string): string | undefined {
  const lines = { base: splitLines(base), ours: splitLines(ours), theirs: splitLines(theirs) };
  const mine = new Map(matchLines(lines.base, lines.ours).map(({ a, b }) => [a, b]));
  const their = new Map(matchLines(lines.base, lines.theirs).map(({ a, b }) => [a, b]));
  const at = { base: 0, ours: 0, theirs: 0 };
  const merged: string[] = [];
  for (;;) {
    // The next base line that both sides still have ends a chunk.
    let next = at.base;
    while (next < lines.base.length && !(mine.has(next) && their.has(next))) next++;
    const end = {
      base: next,
      ours: mine.get(next) ?? lines.ours.length,
      theirs: their.get(next) ?? lines.theirs.length,
    };
    const chunk = mergeChunk(
      lines.base.slice(at.base, end.base),
      lines.ours.slice(at.ours, end.ours),
      lines.theirs.slice(at.theirs, end.theirs),
    );
    if (chunk === undefined) return undefined;
    merged.push(...chunk);
    if (next >= lines.base.length) return merged.join('');
    merged.push(lines.base[next] ?? '');
    at.base = end.base + 1;
    at.ours = end.ours + 1;
    at.theirs = end.theirs + 1;
  }
}

function mergeChunk(base: string[], ours: string[], theirs: string[]): string[] | undefined {
  const text = { base: base.join(''), ours: ours.join(''), theirs: theirs.join('') };
  if (text.ours === text.base || text.ours === text.theirs) return theirs;
  return text.theirs === text.base ? ours : undefined;
}

/** The pairs of equal lines of a longest common subsequence, in order. */
function matchLines(a: readonly string[], b: readonly string[]): Match[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end])
    end++;
  const head = Array.from({ length: start }, (_, i) => ({ a: i, b: i }));
  const tail = Array.from({ length: end }, (_, i) => ({ a: a.length - end + i, b: b.length - end + i }));
  const middle = matchMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...head, ...middle.map((m) => ({ a: m.a + start, b: m.b + start })), ...tail];
}

function matchMiddle(a: readonly string[], b: readonly string[]): Match[] {
  if (a.length * b.length > maxCells || a.length === 0 || b.length === 0) return [];
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  const cell = (i: number, j: number) => table[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] =
        a[i] === b[j] ? cell(i + 1, j + 1) + 1 : Math.max(cell(i + 1, j), cell(i, j + 1));
    }
  }
  const matches: Match[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) matches.push({ a: i++, b: j++ });
    else if (cell(i + 1, j) >= cell(i, j + 1)) i++;
    else j++;
  }
  return matches;
}

interface Edit {
  readonly mark: ' ' | '-' | '+';
  readonly line: string;
}

/** The unified diff of two texts without its file names, as lines; empty where they are equal. */
export function unifiedDiff(from: string, to: string, context = 3): string[] {
  if (from === to) return [];
  const edits = editsOf(splitLines(from), splitLines(to));
  const near = edits.map((_, i) =>
    edits.slice(Math.max(0, i - context), i + context + 1).some(({ mark }) => mark !== ' '),
  );
  const lines: string[] = [];
  const at = { from: 1, to: 1 };
  for (let i = 0; i < edits.length; ) {
    if (near[i] !== true) {
      at.from++;
      at.to++;
      i++;
      continue;
    }
    let end = i;
    while (near[end] === true) end++;
    const hunk = edits.slice(i, end);
    const count = {
      from: hunk.filter((e) => e.mark !== '+').length,
      to: hunk.filter((e) => e.mark !== '-').length,
    };
    lines.push(`@@ -${range(at.from, count.from)} +${range(at.to, count.to)} @@`);
    for (const { mark, line } of hunk) {
      lines.push(mark + line.replace(/\n$/u, ''));
      if (!line.endsWith('\n')) lines.push('\\ No newline at end of file');
    }
    at.from += count.from;
    at.to += count.to;
    i = end;
  }
  return lines;
}

function range(start: number, count: number): string {
  if (count === 1) return String(start);
  return `${count === 0 ? start - 1 : start},${count}`;
}

function editsOf(a: readonly string[], b: readonly string[]): Edit[] {
  const edits: Edit[] = [];
  const at = { a: 0, b: 0 };
  for (const match of [...matchLines(a, b), { a: a.length, b: b.length }]) {
    for (; at.a < match.a; at.a++) edits.push({ mark: '-', line: a[at.a] ?? '' });
    for (; at.b < match.b; at.b++) edits.push({ mark: '+', line: b[at.b] ?? '' });
    const line = a[match.a];
    if (line !== undefined) edits.push({ mark: ' ', line });
    at.a = match.a + 1;
    at.b = match.b + 1;
  }
  return edits;
}
