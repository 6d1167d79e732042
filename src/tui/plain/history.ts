/** The history in the plain tier. */
import * as engine from '../../engine/index.ts';
import type { Conversation } from './conversation.ts';
import { agreeAndRun } from './run.ts';

/** Lists what was done, newest first, and takes an entry back. */
export async function plainHistory(conversation: Conversation): Promise<void> {
  const { talk, context } = conversation;
  const records = engine.history(context.where, undefined).reverse();
  if (records.length === 0) return talk.say('Nothing has been done yet.');
  const lines = records.map(({ time, outcome, command }) => `${time.slice(0, 16)} ${outcome}: ${command}`);
  const choice = await talk.choose('Show which one', lines);
  const record = choice === undefined ? undefined : records[choice];
  if (record === undefined) return;
  talk.say(`Outcome ${record.outcome}, verdict ${record.verdict}, by ${record.by}`);
  if (record.error !== null) talk.say(`Error: ${record.error.message}`);
  for (const script of record.scripts) {
    talk.say(`Script of ${script.package}: status ${script.status ?? 'none'}`, ...script.output.split('\n'));
  }
  if (record.outcome !== 'done' || record.changes === undefined) return;
  if (await talk.agree('Plan to take it back?'))
    await agreeAndRun(conversation, { kind: 'undo', id: record.id });
}
