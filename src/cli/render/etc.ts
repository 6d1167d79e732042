import type { EtcChange, EtcConflict, EtcPreview } from '../../engine/index.ts';

const marks = { added: 'A', modified: 'M', deleted: 'D' } as const;

/** A line for each path, its diff below it. */
export function renderEtcChanges(changes: readonly EtcChange[]): string[] {
  if (changes.length === 0) return ['No changes.'];
  return changes.flatMap(({ path, change, diff }) => [`${marks[change]} ${path}`, ...indented(diff)]);
}

/** The classes of a preview with their paths; diffs of what changes, all of them when verbose. */
export function renderPreview(preview: EtcPreview, verbose: boolean): string[] {
  const lines = preview.entries.flatMap(({ path, class: kind, note, diff }) => {
    const shown = verbose || kind === 'merged' || kind === 'conflict';
    return [
      `${kind.padEnd(13)} ${path}${note === null ? '' : `  (${note})`}`,
      ...(shown ? indented(diff) : []),
    ];
  });
  const notes = preview.notes.map((note) => `note: ${note}`);
  return [...(lines.length === 0 ? ['/etc stays as it is.'] : lines), ...notes];
}

/** What is to be settled, and where the other version is. */
export function renderConflicts(conflicts: readonly EtcConflict[]): string[] {
  if (conflicts.length === 0) return ['No conflicts.'];
  return conflicts.flatMap(({ path, kind, beside, options = [] }) => [
    `/etc/${path}  (${kind === 'release' ? 'yours' : 'the new default'}: /etc/${beside})`,
    ...options.map(
      (option) =>
        `    ${option.path}: kept ${JSON.stringify(option.ours)}, not ${JSON.stringify(option.theirs)}`,
    ),
  ]);
}

function indented(diff: readonly string[] | null): string[] {
  return diff?.map((line) => `    ${line}`) ?? [];
}
