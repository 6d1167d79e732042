/** Lists that show only the rows that fit. Pure. */
import type { ListState } from './state.ts';

interface Identified {
  readonly id: string;
}

/** The index of the selected item; of one that is gone, the first. -1 in an empty list. */
export function selectedIndex(items: readonly Identified[], list: ListState): number {
  if (items.length === 0) return -1;
  return Math.max(
    0,
    items.findIndex(({ id }) => id === list.selected),
  );
}

/** Keys of movement and how far each goes; undefined for other keys. */
export function movement(key: string, page: number): number | undefined {
  if (key === 'up' || key === 'k') return -1;
  if (key === 'down' || key === 'j') return 1;
  if (key === 'pageup') return -page;
  if (key === 'pagedown') return page;
  if (key === 'home' || key === 'g') return Number.NEGATIVE_INFINITY;
  if (key === 'end' || key === 'G') return Number.POSITIVE_INFINITY;
  return undefined;
}

/** The list with another item selected, `by` rows away, and seen. */
export function moveBy(items: readonly Identified[], list: ListState, by: number, view: ListView): ListState {
  const index = Math.min(items.length - 1, Math.max(0, selectedIndex(items, list) + by));
  return showSelected(items, { ...list, selected: items[index]?.id }, view);
}

export interface ListView {
  /** Rows of the window. */
  readonly height: number;
  /** Move the window by half of itself, so that most steps change two rows only. */
  readonly jumps: boolean;
}

/** The list with its window moved as little as it takes to see the selected item. */
export function showSelected(items: readonly Identified[], list: ListState, view: ListView): ListState {
  const index = selectedIndex(items, list);
  const height = Math.max(1, view.height);
  const last = Math.max(0, items.length - height);
  const slack = view.jumps ? Math.floor(height / 2) : 0;
  let top = Math.min(list.top, last);
  if (index < top) top = Math.max(0, index - slack);
  else if (index >= top + height) top = Math.min(last, index - height + 1 + slack);
  return { selected: items[Math.max(0, index)]?.id, top };
}

/** The first line of a text that is scrolled, within its bounds. */
export function scrollBy(top: number, by: number, lines: number, height: number): number {
  return Math.min(Math.max(0, lines - height), Math.max(0, top + by));
}
