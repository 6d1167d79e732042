/** Which of the three looks a terminal gets. Pure: what is known of it comes in. */
import type { Size } from './model/state.ts';

export type Tier = 'full' | 'basic' | 'plain';

/** What is known of a terminal before anything is written to it. */
export interface TerminalFacts {
  /** Standard input and output are both a terminal. */
  readonly terminal: boolean;
  /** The variables that matter; undefined where not set or empty. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The device behind standard input, as `/dev/ttyS0`; undefined where it is not known. */
  readonly device: string | undefined;
}

/** What the user asked for. */
export interface TierWishes {
  readonly plain: boolean;
  readonly ascii: boolean;
  readonly colour: boolean;
}

export interface Look {
  readonly tier: Tier;
  readonly colour: boolean;
  /** `ask` where only the terminal itself can tell whether it shows UTF-8. */
  readonly unicode: boolean | 'ask';
}

/** The smallest terminal that screens fit on. */
export const smallest: Size = { columns: 40, rows: 12 };

const simpleTerminals = /^(?:vt\d+|ansi|linux|cons25|pcansi)/u;
/** Real serial lines, and those of virtual machines. */
const serialDevices =
  /^\/dev\/(?:tty(?:S|AMA|USB|ACM|O|mxc|MSM|PS|SAC|LP|STM|THS|SC|HS|GS)\d|hvc\d|console$)/u;

/** The variables that `chooseLook` reads. */
export const lookVariables = [
  'TERM',
  'LC_ALL',
  'LC_CTYPE',
  'LANG',
  'NO_COLOR',
  'OPKG_OSTREE_TUI',
  'INK_SCREEN_READER',
] as const;

/** The look of a terminal; `size` is what it has after it was asked. */
export function chooseLook(facts: TerminalFacts, wishes: TierWishes, size: Size): Look {
  const { variables } = facts;
  const colour = wishes.colour && variables['NO_COLOR'] === undefined;
  const asked = (['full', 'basic', 'plain'] as const).find((tier) => tier === variables['OPKG_OSTREE_TUI']);
  const tier = wishes.plain ? 'plain' : (asked ?? guessTier(facts, size));
  if (tier === 'plain' || !facts.terminal)
    return { tier: 'plain', colour: false, unicode: speaksUtf8(variables) };
  // Asked for or not, this much room a screen needs.
  if (isTooSmall(size)) return { tier: 'plain', colour: false, unicode: false };
  if (tier === 'basic') return { tier, colour: false, unicode: false };
  const unicode = wishes.ascii ? false : speaksUtf8(variables) ? true : 'ask';
  return { tier, colour, unicode };
}

/** True for a terminal that no screen fits on. */
export function isTooSmall({ columns, rows }: Size): boolean {
  return columns < smallest.columns || rows < smallest.rows;
}

function guessTier({ variables, device }: TerminalFacts, size: Size): Tier {
  const term = variables['TERM'] ?? 'dumb';
  if (term === 'dumb' || term === 'unknown' || variables['INK_SCREEN_READER'] === 'true') return 'plain';
  if (simpleTerminals.test(term) || (device !== undefined && serialDevices.test(device))) return 'basic';
  return isTooSmall(size) ? 'plain' : 'full';
}

/** The first of these that is set decides, as in every C library. */
function speaksUtf8(variables: TerminalFacts['variables']): boolean {
  const locale = variables['LC_ALL'] ?? variables['LC_CTYPE'] ?? variables['LANG'] ?? '';
  return /utf-?8/iu.test(locale);
}
