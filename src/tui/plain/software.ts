/** Packages in the plain tier: find, mark, and apply all marks as one plan. */
import * as engine from '../../engine/index.ts';
import { indexPackages, markedChange, refilter, stateMark, toggleMark } from '../model/software.ts';
import { initialState, type Mark, type SoftwareState } from '../model/state.ts';
import { clean, truncate } from '../text.ts';
import { type Conversation, sameAs } from './conversation.ts';
import { agreeAndRun } from './run.ts';

const columns = 78;
const choices = ['Find a package', 'Show the marks', 'Apply the marks', 'Forget the marks'] as const;

/** The dialog about packages. */
export async function plainSoftware(conversation: Conversation): Promise<void> {
  const { talk, software } = conversation;
  for (;;) {
    talk.say('', `Software: ${software.marks.size} marked.`);
    const choice = await talk.choose('What next? An empty line goes back', choices);
    if (choice === undefined) return;
    if (choice === 0) await find(conversation);
    else if (choice === 1) showMarks(conversation);
    else if (choice === 2) await applyMarks(conversation);
    else software.marks = new Map();
  }
}

async function stateOf({ software, context }: Conversation): Promise<SoftwareState> {
  if (software.packages === undefined) {
    const { where } = context;
    const packages = await engine.listPackages(where, 'available', undefined);
    software.packages = indexPackages(
      packages,
      new Set(await engine.listNames(where, 'upgradable', undefined)),
    );
  }
  const empty = initialState({ size: { columns, rows: 24 }, unicode: false, jumps: false, now: 0 }).software;
  return { ...empty, packages: software.packages, marks: software.marks };
}

async function find(conversation: Conversation): Promise<void> {
  const { talk, context } = conversation;
  const filter = await talk.ask('Name or description holds');
  if (filter === '') return;
  const { shown } = refilter({ ...(await stateOf(conversation)), filter });
  if (shown.length === 0) return talk.say('No package fits.');
  const lines = shown.map((entry) => {
    const summary = clean(entry.description.slice(0, 200).trim().split('\n')[0] ?? '', talk.charset);
    const text = `${stateMark(entry, conversation.software.marks.get(entry.name))} ${entry.name} ${entry.installed ?? entry.version}`;
    return truncate(summary === '' ? text : `${text} - ${summary}`, columns);
  });
  const choice = await talk.choose('Mark or unmark which one', lines);
  const entry = choice === undefined ? undefined : shown[choice];
  if (entry === undefined) return;
  const status = engine.readStatus(context.where);
  const next = status.deployments.find(({ id }) => id === status.next);
  const marking = toggleMark(await stateOf(conversation), entry, next);
  if ('refusal' in marking) return talk.say(`Not marked: ${marking.refusal}.`);
  conversation.software.marks = marking.marks;
  const mark = marking.marks.get(entry.name);
  talk.say(
    mark === undefined
      ? `${entry.name} is no longer marked.`
      : `${entry.name} is marked: ${markTexts[mark]}.`,
  );
}

const markTexts: Readonly<Record<Mark, string>> = {
  add: 'to add',
  remove: 'to remove',
  hide: 'to hide from the base',
  show: 'to show again',
};

function showMarks({ talk, software }: Conversation): void {
  if (software.marks.size === 0) talk.say('Nothing is marked.');
  for (const [name, mark] of software.marks) talk.say(`${name}: ${markTexts[mark]}`);
}

async function applyMarks(conversation: Conversation): Promise<void> {
  const { talk, software } = conversation;
  const change = markedChange(await stateOf(conversation));
  if (change === undefined) return talk.say('Nothing is marked.');
  talk.say(sameAs(change));
  if (!(await agreeAndRun(conversation, change))) return;
  software.marks = new Map();
  software.packages = undefined;
}
