/** Which keys there are. Pure. */
import type { ScreenName, State } from '../model/state.ts';
import { type Line, line, span } from '../style.ts';
import { wrap } from '../text.ts';

type Entry = readonly [keys: string, text: string];

const everywhere: readonly Entry[] = [
  ['1 2 3 4', 'the screens'],
  ['up down j k', 'move; PgUp PgDn Home End g G too'],
  ['Tab', 'list or detail'],
  ['Enter l', 'open what is selected'],
  ['Esc h', 'back; never quits, never confirms'],
  ['w', 'watch the job'],
  ['r', 'restart the router, after a question'],
  ['Ctrl-L', 'draw the screen again'],
  ['Ctrl-Z', 'suspend'],
  ['q', 'quit; a job goes on'],
];
const own: Readonly<Record<ScreenName, readonly Entry[]>> = {
  deployments: [
    ['* >', 'runs now; starts at the next boot'],
    ['< P S', 'to go back to; pinned; waits to be finished'],
    ['u', 'plan an upgrade of the base and all packages'],
    ['b', 'go back to the previous deployment'],
    ['s', 'start the selected one at the next boot'],
    ['p', 'pin or unpin the selected one'],
    ['x', 'drop the selected one'],
    ['c', 'clean up'],
  ],
  software: [
    ['[ ] [i]', 'not installed; in the base'],
    ['[L] [U]', 'layered; something newer is in the feeds'],
    ['[+] [-]', 'marked: to add, to remove'],
    ['Space', 'mark or unmark; nothing happens until a'],
    ['a', 'plan all marks as one transaction'],
    ['c', 'forget all marks'],
    ['/', 'filter by name and description; Esc drops it'],
    ['v', 'all, installed, layered, upgradable'],
    ['u', 'plan an upgrade of the packages'],
    ['f', "fetch the feeds' newest indices"],
  ],
  etc: [
    ['!', 'a conflict that waits to be settled'],
    ['A M D', 'added, modified, deleted here'],
    ['v', 'what is changed now, or what the next merge will do'],
    ['? *', 'the next merge: a conflict, a change'],
    ['n', 'settle: take the new default'],
    ['o', 'settle: keep ours'],
    ['m', 'settle: merge both by line'],
  ],
  history: [['x', 'take back the selected change']],
};

/** The keys of the screen, then those of all screens. */
export function helpLines(state: State, columns: number): Line[] {
  const entries = (list: readonly Entry[]) =>
    list.flatMap(([keys, text]): Line[] => {
      const [first = '', ...rest] = wrap(text, Math.max(10, columns - 14));
      return [
        [span(`  ${keys}`.padEnd(14), 'accent'), span(first)],
        ...rest.map((part) => line(`${' '.repeat(14)}${part}`)),
      ];
    });
  return [
    line('On this screen', 'bold'),
    ...entries(own[state.screen]),
    line('Everywhere', 'bold'),
    ...entries(everywhere),
  ];
}
