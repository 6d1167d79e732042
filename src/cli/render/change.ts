import type { ChangeResult, DeploymentsResult, Plan } from '../../engine/index.ts';
import type { CommandResult } from '../output.ts';
import { formatBytes } from '../progress.ts';
import { renderStatus } from './status.ts';

/** What a changing command prints: the plan for a dry run, whether or not it changes anything, else what was made. */
export function changeResult(result: ChangeResult, { dryRun }: { readonly dryRun: boolean }): CommandResult {
  const notes = result.notes.map((note) => `note: ${note}`);
  if (result.outcome === 'planned')
    return { json: result.plan, text: [...renderPlan(result.plan), ...notes] };
  if (dryRun) return { json: result.plan, text: [...changeText(result), ...notes] };
  const json = {
    outcome: result.outcome,
    plan: result.plan,
    deployment: result.deployment,
    notes: result.notes,
    etc: result.etc,
    'history-id': result.historyId,
  };
  return { json, text: [...changeText(result), ...notes] };
}

function changeText(result: ChangeResult): string[] {
  if (result.outcome === 'unchanged') return ['Nothing to do.'];
  if (result.outcome === 'downloaded') return [`Downloaded ${result.plan.install.length} packages.`];
  const etc = result.etc;
  return [
    ...renderPlan(result.plan),
    ...(etc === null
      ? []
      : [
          `/etc: ${etc.kept} kept, ${etc.updated} updated, ${etc.merged} merged, ${etc.conflicts.length} conflicts, ${etc.deleted} stay deleted.`,
        ]),
    ...(etc?.conflicts.map((path) => `  conflict: ${path} (see 'opkg-ostree etc conflicts')`) ?? []),
    ...(result.deployment === null ? [] : [deploymentLine(result.outcome, result.deployment.id)]),
  ];
}

function deploymentLine(outcome: ChangeResult['outcome'], id: string): string {
  return outcome === 'staged'
    ? `Deployment ${id} waits for 'opkg-ostree finalize'.`
    : `Deployment ${id} starts at the next boot.`;
}

/** A plan as a person reads it. */
export function renderPlan(plan: Plan): string[] {
  const base =
    plan.base.from === plan.base.to
      ? []
      : [
          `Base: ${plan.base.from?.slice(0, 12) ?? 'none'} -> ${plan.base.to.slice(0, 12)}${plan.base.version === null ? '' : ` (${plan.base.version})`}`,
        ];
  const install = plan.install.map(
    (entry) =>
      `  + ${entry.name} ${entry.version} (${entry.reason}, ${entry.feed}, ${formatBytes(entry['download-bytes'])}${entry.scripts === 'unknown' || entry.scripts === 'native' ? '' : `, script ${entry.scripts}`})`,
  );
  const lines = [
    ...base,
    ...(install.length === 0 ? [] : ['Install:', ...install]),
    ...(plan.replace.length === 0
      ? []
      : ['Replace:', ...plan.replace.map((entry) => `  ~ ${entry.name} ${entry.from} -> ${entry.to}`)]),
    ...(plan.remove.length === 0
      ? []
      : ['Remove:', ...plan.remove.map((entry) => `  - ${entry.name} ${entry.version}`)]),
    ...(plan.renames.length === 0
      ? []
      : [
          'Renamed by the new release:',
          ...plan.renames.map(({ from, to, since }) => `  ${from} -> ${to ?? 'nothing'} (since ${since})`),
        ]),
    ...(plan.inactive.length === 0 ? [] : [`Inactive (the base has them): ${plan.inactive.join(' ')}`]),
    ...(plan.suspended.length === 0
      ? []
      : [`Suspended (cannot be layered now): ${plan.suspended.join(' ')}`]),
    ...(plan.etc === null
      ? []
      : [
          `/etc: ${plan.etc.updated} updated, ${plan.etc.merged} merged, ${plan.etc.conflicts} conflicts ('opkg-ostree etc merge --preview' shows them).`,
        ]),
    ...(plan.services.enable.length === 0 ? [] : [`Services enabled: ${plan.services.enable.join(' ')}`]),
    ...(plan.services.disable.length === 0 ? [] : [`Services gone: ${plan.services.disable.join(' ')}`]),
  ];
  if (lines.length === 0) return ['No package changes.'];
  if (plan.install.length + plan.replace.length === 0) return lines;
  return [
    ...lines,
    `Download ${formatBytes(plan['download-bytes'])}, flash about ${formatBytes(plan['flash-bytes'])}, ${formatBytes(plan['temporary-bytes'])} more meanwhile.`,
  ];
}

/** What a command prints that reorders or drops deployments. */
export function deploymentsResult(result: DeploymentsResult): CommandResult {
  return { json: result.status, text: [...result.notes, ...renderStatus(result.status, false)] };
}
