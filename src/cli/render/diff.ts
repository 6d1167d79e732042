import type { DiffDocument, PackageChange } from '../../engine/index.ts';

const shownFiles = 40;

/** The lines of `diff`: packages, then files (all of them when verbose). */
export function renderDiff(diff: DiffDocument, verbose: boolean): string[] {
  const { packages, files } = diff;
  const lines = [
    `${diff.from.slice(0, 12)} -> ${diff.to.slice(0, 12)}`,
    ...section('Upgraded', packages.upgraded, (entry) => `${entry.name} ${entry.from} -> ${entry.to}`),
    ...section('Downgraded', packages.downgraded, (entry) => `${entry.name} ${entry.from} -> ${entry.to}`),
    ...section('Added', packages.added, (entry) => `${entry.name} ${entry.to}`),
    ...section('Removed', packages.removed, (entry) => `${entry.name} ${entry.from}`),
    `Files: ${files.added.length} added, ${files.removed.length} removed, ${files.modified.length} modified`,
  ];
  const marked = [
    ...files.added.map((path) => `  A /${path}`),
    ...files.removed.map((path) => `  D /${path}`),
    ...files.modified.map((path) => `  M /${path}`),
  ];
  if (verbose || marked.length <= shownFiles) return [...lines, ...marked];
  return [
    ...lines,
    ...marked.slice(0, shownFiles),
    `  ... and ${marked.length - shownFiles} more (-v shows all)`,
  ];
}

function section(
  title: string,
  changes: readonly PackageChange[],
  line: (entry: PackageChange) => string,
): string[] {
  return changes.length === 0 ? [] : [`${title}:`, ...changes.map((entry) => `  ${line(entry)}`)];
}
