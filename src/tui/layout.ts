/** Where things are on the screen. Pure; the size is the only thing that decides. */
import type { Size } from './model/state.ts';

/** A part of the screen. */
export interface Panel {
  readonly columns: number;
  readonly height: number;
}

export interface Layout {
  /** `wide`: list and detail side by side; `stacked`: the detail below; `single`: one of them at a time. */
  readonly kind: 'wide' | 'stacked' | 'single';
  /** All rows that may be drawn: one less than the terminal has, or it would scroll and clear. */
  readonly height: number;
  /** Rows between header and footer. */
  readonly body: Panel;
  readonly list: Panel;
  /** Absent in `single`. */
  readonly detail: Panel | undefined;
  /** Rules around the body; left out where rows are few. */
  readonly rules: boolean;
}

const wideColumns = 100;
const stackedColumns = 60;
/** Lines of a detail below its list. */
const detailLines = 6;
/** From so many rows on there is room for rules and a detail below the list. */
const roomyRows = 20;

/** The layout of a terminal of that size. */
export function layoutOf({ columns, rows }: Size): Layout {
  const height = rows - 1;
  const rules = rows >= roomyRows;
  // Tabs, notice and keys; and two rules.
  const bodyHeight = height - 3 - (rules ? 2 : 0);
  const body = { columns, height: bodyHeight };
  if (columns >= wideColumns) {
    const left = Math.floor(columns * 0.52);
    return {
      kind: 'wide',
      height,
      body,
      rules,
      list: { columns: left, height: bodyHeight },
      detail: { columns: columns - left - 3, height: bodyHeight },
    };
  }
  if (columns >= stackedColumns && rules) {
    return {
      kind: 'stacked',
      height,
      body,
      rules,
      list: { columns, height: bodyHeight - detailLines - 1 },
      detail: { columns, height: detailLines },
    };
  }
  return { kind: 'single', height, body, rules, list: body, detail: undefined };
}
