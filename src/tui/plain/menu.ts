/** The plain tier: numbered prompts, line by line, nothing drawn over. For screen readers, dumb terminals, and files of answers. */
import * as engine from '../../engine/index.ts';
import { onInterrupt, readLines } from '../../sys/index.ts';
import type { Change } from '../model/change.ts';
import { type Context, failureOf } from '../operations.ts';
import { clean } from '../text.ts';
import type { Conversation } from './conversation.ts';
import { plainDeployments } from './deployments.ts';
import { plainEtc } from './etc.ts';
import { plainHistory } from './history.ts';
import { agreeAndRun, plainReboot, watchPlain } from './run.ts';
import { plainSoftware } from './software.ts';
import { Talk } from './talk.ts';

export interface PlainOptions {
  readonly context: Context;
  readonly unicode: boolean;
}

const choices = [
  'Deployments',
  'Software',
  'Changes to /etc',
  'History',
  'Plan an upgrade',
  "Fetch the feeds' indices",
  'Watch the job',
  'Restart the router',
] as const;

/** Runs the prompts until the user leaves or the input ends; the exit status. */
export async function runPlain({ context, unicode }: PlainOptions): Promise<number> {
  const lines = readLines();
  let status = 0;
  const stop = onInterrupt(() => {
    status = 130;
    lines.close();
  });
  const talk = new Talk(lines, { unicode });
  const conversation: Conversation = { talk, context, software: { packages: undefined, marks: new Map() } };
  try {
    talk.say('opkg-ostree. Answer with a number; an empty line goes back.');
    await mainMenu(conversation);
    return status;
  } finally {
    stop();
    lines.close();
  }
}

async function mainMenu(conversation: Conversation): Promise<void> {
  const { talk, context } = conversation;
  await guarded(talk, () => showNews(conversation));
  for (;;) {
    talk.say('', ...summary(conversation));
    const choice = await talk.choose('What next? 0 leaves', choices);
    if (choice === undefined) {
      if (talk.over || (await leaves(conversation))) return;
      continue;
    }
    const upgrade: Change = { kind: 'upgrade', packagesOnly: false };
    const acts = [
      () => plainDeployments(conversation),
      () => plainSoftware(conversation),
      () => plainEtc(conversation),
      () => plainHistory(conversation),
      () => agreeAndRun(conversation, upgrade),
      () => agreeAndRun(conversation, { kind: 'update' }),
      () => watchPlain(conversation, engine.currentJob(context.where, context.env.now())),
      () => plainReboot(conversation),
    ];
    await guarded(talk, async () => {
      await acts[choice]?.();
    });
  }
}

/** What goes wrong is told, and the conversation goes on. */
async function guarded(talk: Talk, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (thrown) {
    const { message, hint } = failureOf(thrown);
    talk.say(
      `Error: ${clean(message, talk.charset)}`,
      ...(hint === undefined ? [] : [`Hint: ${clean(hint, talk.charset)}`]),
    );
  }
}

async function showNews(conversation: Conversation): Promise<void> {
  const { where, env } = conversation.context;
  const job = engine.currentJob(where, env.now());
  if (job !== null) await watchPlain(conversation, job);
}

function summary({ talk, context, software }: Conversation): string[] {
  const status = engine.readStatus(context.where);
  const next = status.deployments.find(({ id }) => id === status.next);
  const name = clean(next?.version ?? next?.checksum.slice(0, 12) ?? 'nothing', talk.charset);
  return [
    `${status.deployments.length} deployments; the next boot starts ${name}.`,
    ...(status['reboot-required'] ? ['A change takes effect after a reboot.'] : []),
    ...(software.marks.size === 0 ? [] : [`${software.marks.size} packages are marked and not applied.`]),
  ];
}

async function leaves({ talk, software }: Conversation): Promise<boolean> {
  if (software.marks.size === 0) return true;
  return talk.agree(`${software.marks.size} marks are not applied and will be forgotten. Leave?`);
}
