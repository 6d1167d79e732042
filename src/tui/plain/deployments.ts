/** Deployments in the plain tier. */
import * as engine from '../../engine/index.ts';
import type { Change } from '../model/change.ts';
import { ageText } from '../text.ts';
import type { Conversation } from './conversation.ts';
import { agreeAndRun } from './run.ts';

/** Lists the deployments and what can be done with one of them. */
export async function plainDeployments(conversation: Conversation): Promise<void> {
  const { talk, context } = conversation;
  const { deployments, next } = engine.readStatus(context.where);
  const lines = deployments.map((one) => describe(one, next, context.env.now()));
  const choice = await talk.choose('Choose one, or an empty line to go back', lines);
  const chosen = choice === undefined ? undefined : deployments[choice];
  if (chosen === undefined) return;
  talk.say(`Commit ${chosen.checksum}`, `Requested: ${chosen['requested-packages'].join(' ') || 'nothing'}`);
  const acts: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      'Start it at the next boot',
      () => agreeAndRun(conversation, { kind: 'set-default', index: chosen.index }),
    ],
    [chosen.pinned ? 'Unpin it' : 'Pin it', () => pin(conversation, chosen)],
    ['Drop it', () => drop(conversation, chosen, deployments.length)],
    ['Go back to the previous one', () => agreeAndRun(conversation, { kind: 'rollback' })],
  ];
  const act = await talk.choose(
    'Do what',
    acts.map(([text]) => text),
  );
  if (act !== undefined) await acts[act]?.[1]();
}

function describe(deployment: engine.DeploymentDocument, next: string | null, now: number): string {
  const words = [
    deployment.version ?? deployment.checksum.slice(0, 12),
    ...(deployment.booted ? ['runs now'] : []),
    ...(deployment.id === next ? ['starts at the next boot'] : []),
    ...(deployment.rollback ? ['to go back to'] : []),
    ...(deployment.pinned ? ['pinned'] : []),
    `${ageText(deployment.timestamp, now)} old`,
    `${deployment['requested-packages'].length} layered`,
    `health ${deployment.health.state}`,
  ];
  return words.join(', ');
}

async function pin({ talk, context }: Conversation, chosen: engine.DeploymentDocument): Promise<void> {
  const { env, where } = context;
  const command = `opkg-ostree ${chosen.pinned ? 'unpin' : 'pin'} ${chosen.index}`;
  const result = await engine.setPinned({ ...env, command }, where, chosen.index, !chosen.pinned);
  talk.say(...result.notes);
}

/** What cannot be taken back takes a word. */
async function drop(
  conversation: Conversation,
  chosen: engine.DeploymentDocument,
  count: number,
): Promise<void> {
  const { talk } = conversation;
  const change: Change = { kind: 'undeploy', index: chosen.index };
  if (count <= 2 && (await talk.ask("Nothing is left to go back to then. Type 'drop'")) !== 'drop') return;
  await agreeAndRun(conversation, change);
}
