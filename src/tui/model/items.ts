/** The items of each screen's list, and which of them is selected. Pure. */
import type { DeploymentDocument, HistoryRecord } from '../../engine/index.ts';
import { selectedIndex } from './list.ts';
import type { EtcRow, EtcState, IndexedPackage, ListState, ScreenName, State } from './state.ts';

/** The list of a screen. */
export function listOf(state: State, screen: ScreenName): ListState {
  return screen === 'deployments' ? state.deployments : state[screen].list;
}

/** The state with the list of a screen replaced. */
export function withList(state: State, screen: ScreenName, list: ListState): State {
  if (screen === 'deployments') return { ...state, deployments: list };
  return { ...state, [screen]: { ...state[screen], list } };
}

/** The items of a screen, in the order in which they are shown. */
export function itemsOf(state: State, screen: ScreenName): readonly { readonly id: string }[] {
  switch (screen) {
    case 'deployments':
      return state.status?.deployments ?? [];
    case 'software':
      return state.software.shown;
    case 'etc':
      return etcRows(state.etc);
    case 'history':
      return state.history.records ?? [];
  }
}

/** The deployment that is selected. */
export function selectedDeployment(state: State): DeploymentDocument | undefined {
  const items = state.status?.deployments ?? [];
  return items[selectedIndex(items, state.deployments)];
}

/** The package that is selected. */
export function selectedPackage({ software }: State): IndexedPackage | undefined {
  return software.shown[selectedIndex(software.shown, software.list)];
}

/** The row of /etc that is selected. */
export function selectedEtc({ etc }: State): EtcRow | undefined {
  const rows = etcRows(etc);
  return rows[selectedIndex(rows, etc.list)];
}

/** The record of the history that is selected. */
export function selectedRecord({ history }: State): HistoryRecord | undefined {
  const records = history.records ?? [];
  return records[selectedIndex(records, history.list)];
}

const changeMarks = { added: 'A', modified: 'M', deleted: 'D' } as const;

/** The rows of the /etc screen: what waits to be settled first. */
export function etcRows(etc: EtcState): EtcRow[] {
  return etc.ahead ? aheadRows(etc) : presentRows(etc);
}

function presentRows({ changes, conflicts }: EtcState): EtcRow[] {
  const diffOf = (path: string) => changes.find((change) => change.path === path)?.diff ?? null;
  const open = conflicts.map((conflict): EtcRow => {
    const path = `/etc/${conflict.path}`;
    return { id: `! ${path}`, path, mark: '!', text: conflictText(conflict.options), diff: diffOf(path) };
  });
  const beside = new Set(conflicts.map((conflict) => `/etc/${conflict.beside}`));
  const changed = changes
    .filter(({ path }) => !beside.has(path))
    .map(
      ({ path, change, diff }): EtcRow => ({ id: path, path, mark: changeMarks[change], text: change, diff }),
    );
  return [...open, ...changed];
}

function aheadRows({ preview }: EtcState): EtcRow[] {
  if (preview === undefined) return [];
  const clashing = new Map(preview.conflicts.map((conflict) => [`/etc/${conflict.path}`, conflict]));
  const rows = preview.entries
    .filter((entry) => entry.class !== 'kept' || clashing.has(entry.path))
    .map((entry): EtcRow => {
      const conflict = clashing.get(entry.path);
      const text = conflict === undefined ? (entry.note ?? entry.class) : conflictText(conflict.options);
      return {
        id: entry.path,
        path: entry.path,
        mark: conflict === undefined ? '*' : '?',
        text,
        diff: entry.diff,
      };
    });
  return [...rows.filter(({ mark }) => mark === '?'), ...rows.filter(({ mark }) => mark !== '?')];
}

function conflictText(options: readonly { readonly path: string }[] | undefined): string {
  if (options === undefined || options.length === 0) return 'changed here and by the release';
  return `both changed ${options.map(({ path }) => path).join(', ')}`;
}
