/** `/etc` in the plain tier: what changed, and conflicts to settle. */
import * as engine from '../../engine/index.ts';
import { etcRows } from '../model/items.ts';
import { type EtcRow, initialState } from '../model/state.ts';
import type { Conversation } from './conversation.ts';

const decisions = [
  ['Take the new default', 'accept'],
  ['Keep ours', 'keep'],
  ['Merge both by line', 'merge'],
] as const;

/** Lists the changes, shows one, and settles it where it waits for that. */
export async function plainEtc(conversation: Conversation): Promise<void> {
  const { talk, context } = conversation;
  const { where } = context;
  const empty = initialState({ size: { columns: 80, rows: 24 }, unicode: false, jumps: false, now: 0 }).etc;
  const rows = etcRows({ ...empty, changes: engine.etcDiff(where), conflicts: engine.etcConflicts(where) });
  if (rows.length === 0) return talk.say('/etc is as the release made it.');
  const lines = rows.map(
    (row) => `${row.path}: ${row.text}${row.mark === '!' ? ' (waits to be settled)' : ''}`,
  );
  const choice = await talk.choose('Show which one', lines);
  const row = choice === undefined ? undefined : rows[choice];
  if (row === undefined) return;
  talk.say(...(row.diff ?? ['(no text to show)']));
  if (row.mark === '!') await settle(conversation, row);
}

async function settle({ talk, context }: Conversation, row: EtcRow): Promise<void> {
  const choice = await talk.choose(
    'Settle it how? An empty line leaves it',
    decisions.map(([text]) => text),
  );
  const decision = choice === undefined ? undefined : decisions[choice]?.[1];
  if (decision === undefined) return;
  const command = `opkg-ostree etc ${decision} ${row.path}`;
  const settled = await engine.settleEtc({ ...context.env, command }, context.where, decision, row.path);
  talk.say(`${settled.path} is settled.`);
}
