import type { UciDocument, UciStatement } from './document.ts';
import { commonPairs } from './lcs.ts';
import type { LinePatch } from './line-patch.ts';
import type { UciValue } from './model.ts';
import { quoted } from './print.ts';

/** The statements of each section, by the section's index. */
export function statementsBySection(document: UciDocument): ReadonlyMap<number, readonly UciStatement[]> {
  const found = new Map<number, UciStatement[]>();
  for (const line of document.lines)
    for (const statement of line.statements) {
      const list = found.get(statement.section);
      if (list === undefined) found.set(statement.section, [statement]);
      else list.push(statement);
    }
  return found;
}

/** Gives an option of a section (`statements` are the section's) another value; undefined removes it. */
export function patchOption(
  patch: LinePatch,
  statements: readonly UciStatement[],
  name: string,
  value: UciValue | undefined,
): void {
  const own = statements.filter(
    (statement) => (statement.kind === 'option' || statement.kind === 'list') && statement.name.text === name,
  );
  if (value === undefined) for (const statement of own) patch.remove(statement);
  else if (value.kind === 'option')
    patchString(patch, own, own.at(-1) ?? statements.at(-1), name, value.value);
  else patchList(patch, own, own.at(-1) ?? statements.at(-1), name, value.values);
}

function patchString(
  patch: LinePatch,
  own: readonly UciStatement[],
  anchor: UciStatement | undefined,
  name: string,
  value: string,
): void {
  const kept = own.findLast((statement) => statement.kind === 'option');
  if (kept !== undefined) patch.setValue(kept, value);
  else if (anchor !== undefined) patch.insertAfter(anchor, `option ${name} ${quoted(value)}`);
  for (const statement of own) if (statement !== kept) patch.remove(statement);
}

/** Keeps the lines of the items that stay, in their order, and changes the others. */
function patchList(
  patch: LinePatch,
  own: readonly UciStatement[],
  anchor: UciStatement | undefined,
  name: string,
  values: readonly string[],
): void {
  const line = (value: string) => `list ${name} ${quoted(value)}`;
  const items = own.every((statement) => statement.kind === 'list') ? own : [];
  const kept = commonPairs(
    items.map((statement) => statement.value?.text ?? ''),
    values,
  );
  const stays = new Set(kept.map(([index]) => own[index]));
  let next = 0;
  for (const [index, at] of kept) {
    const statement = items[index];
    if (statement !== undefined)
      for (const value of values.slice(next, at)) patch.insertBefore(statement, line(value));
    next = at + 1;
  }
  const last = items[kept.at(-1)?.[0] ?? -1] ?? anchor;
  if (last !== undefined) for (const value of values.slice(next)) patch.insertAfter(last, line(value));
  for (const statement of own) if (!stays.has(statement)) patch.remove(statement);
}
