/** The list of packages: filter, view, marks, and the change that marks make together. Pure. */
import type { DeploymentDocument, PackageSummary } from '../../engine/index.ts';
import type { Change } from './change.ts';
import type { IndexedPackage, Mark, SoftwareState, SoftwareView } from './state.ts';

/** The packages with what a filter looks through, made once; `upgradable` are names with something newer in the feeds. */
export function indexPackages(
  packages: readonly PackageSummary[],
  upgradable: ReadonlySet<string>,
): IndexedPackage[] {
  return packages.map((entry) => ({
    ...entry,
    id: entry.name,
    upgradable: upgradable.has(entry.name),
    lowerName: entry.name.toLowerCase(),
    lowerText: (entry.description.split('\n')[0] ?? '').toLowerCase(),
  }));
}

/** Letters of a state column, readable without colour: docs of the marks are in the help. */
export function stateMark(entry: IndexedPackage, mark: Mark | undefined): string {
  if (mark === 'add' || mark === 'show') return '[+]';
  if (mark === 'remove' || mark === 'hide') return '[-]';
  if (entry.upgradable) return '[U]';
  if (entry.layered) return '[L]';
  return entry.installed === null ? '[ ]' : '[i]';
}

const views: Readonly<
  Record<SoftwareView, (entry: IndexedPackage, marks: SoftwareState['marks']) => boolean>
> = {
  all: () => true,
  installed: (entry) => entry.installed !== null,
  layered: (entry, marks) => entry.layered || marks.has(entry.name),
  upgradable: (entry) => entry.upgradable,
};
const viewOrder: readonly SoftwareView[] = ['all', 'installed', 'layered', 'upgradable'];

/** The view behind this one. */
export function nextView(view: SoftwareView): SoftwareView {
  return viewOrder[(viewOrder.indexOf(view) + 1) % viewOrder.length] ?? 'all';
}

/** The state with `shown` made again: names that begin with the filter first, then names, then descriptions. */
export function refilter(software: SoftwareState, previous?: SoftwareState): SoftwareState {
  const { packages, filter, view, marks } = software;
  if (packages === undefined) return { ...software, matches: [], shown: [] };
  const wanted = filter.toLowerCase();
  // A longer filter finds nothing that the shorter one did not.
  const narrows = previous !== undefined && previous.view === view && filter.startsWith(previous.filter);
  const matches: IndexedPackage[] = [];
  const ranks: IndexedPackage[][] = [[], [], []];
  for (const entry of narrows ? previous.matches : packages) {
    const rank = views[view](entry, marks) ? rankOf(entry, wanted) : undefined;
    if (rank === undefined) continue;
    matches.push(entry);
    ranks[rank]?.push(entry);
  }
  return { ...software, matches, shown: ranks.flat() };
}

function rankOf(entry: IndexedPackage, wanted: string): number | undefined {
  if (wanted === '' || entry.lowerName.startsWith(wanted)) return 0;
  if (entry.lowerName.includes(wanted)) return 1;
  return entry.lowerText.includes(wanted) ? 2 : undefined;
}

/** What Space made of a package's mark, or why it did nothing. */
export type Marking = { readonly marks: SoftwareState['marks'] } | { readonly refusal: string };

/** Marks or unmarks a package as menuconfig does; `next` is the deployment that the wish is taken from. */
export function toggleMark(
  software: SoftwareState,
  entry: PackageSummary,
  next: DeploymentDocument | undefined,
): Marking {
  const marks = new Map(software.marks);
  if (marks.delete(entry.name)) return { marks };
  const mark = markFor(entry, next);
  if (mark === undefined) {
    return { refusal: `${entry.name} is layered because another package needs it: remove that one` };
  }
  const other = [...marks.values()].find((known) => groupOf(known) !== groupOf(mark));
  if (other !== undefined) {
    return { refusal: 'packages of the base are changed in a plan of their own: apply the marks first' };
  }
  return { marks: marks.set(entry.name, mark) };
}

function markFor(entry: PackageSummary, next: DeploymentDocument | undefined): Mark | undefined {
  const requested = requestedNames(next);
  if (next?.['base-removals'].includes(entry.name) === true) return 'show';
  if (requested.has(entry.name)) return 'remove';
  if (entry.layered) return undefined;
  return entry.installed === null ? 'add' : 'hide';
}

/** Names that the wish holds: requested ones, local files, and what is set aside. */
function requestedNames(next: DeploymentDocument | undefined): ReadonlySet<string> {
  const requests =
    next === undefined ? [] : [...next['requested-packages'], ...next['requested-local-packages']];
  // NAME or NAME=VERSION; a package file is DIGEST:ARCHITECTURE:NAME:VERSION.
  return new Set(requests.map((request) => request.split(':')[2] ?? request.replace(/=.*$/u, '')));
}

function groupOf(mark: Mark): Change['kind'] {
  return mark === 'hide' || mark === 'show' ? mark : 'wish';
}

/** The one change that all marks make together; undefined where nothing is marked. */
export function markedChange({ marks }: SoftwareState): Change | undefined {
  const names = (wanted: Mark) =>
    [...marks].flatMap(([name, mark]) => (mark === wanted ? [name] : [])).sort();
  if (marks.size === 0) return undefined;
  if (names('hide').length > 0) return { kind: 'hide', names: names('hide') };
  if (names('show').length > 0) return { kind: 'show', names: names('show') };
  return { kind: 'wish', install: names('add'), remove: names('remove') };
}
