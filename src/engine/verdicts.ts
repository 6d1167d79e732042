/**
 * What became of the deployments that the history tells of: early boot and the health check write their verdicts to the sysroot
 * (docs/formats/boot-state.md), because they have neither Node nor the history's stateroot.
 */
import { type Checksum, RefusedError } from '../base/index.ts';
import { readVerdicts, type Verdict } from '../boot/index.ts';
import type { HistoryRecord } from './history.ts';

/** The records with the verdicts on what they made; a deployment that the admin left again counts as rolled back. */
export function withVerdicts(sysroot: string, records: readonly HistoryRecord[]): HistoryRecord[] {
  const verdicts = lastVerdicts(sysroot);
  return records.map((record, index) => {
    if (record.to === null || record.outcome !== 'done') return record;
    const left = records.slice(index + 1).some((later) => isReturnFrom(later, record.to));
    const verdict = verdicts.get(record.to);
    const known =
      verdict?.verdict === 'bad' && !isUnconfirmed(verdict)
        ? 'bad'
        : left || verdict?.verdict === 'bad'
          ? 'rolled-back'
          : verdict?.verdict;
    return known === undefined ? record : { ...record, verdict: known };
  });
}

/** The deployment that was made of the same inputs and given up last, unless it was found good since. */
export function findGivenUp(
  sysroot: string,
  records: readonly HistoryRecord[],
  inputs: Checksum,
): { readonly id: string; readonly reason: string } | undefined {
  const verdicts = lastVerdicts(sysroot);
  const judged = records.flatMap((record) => {
    const verdict = record.inputs === inputs && record.to !== null ? verdicts.get(record.to) : undefined;
    return verdict === undefined || record.to === null ? [] : [{ id: record.to, verdict }];
  });
  const last = judged.at(-1);
  if (last?.verdict.verdict !== 'bad') return undefined;
  return { id: last.id, reason: last.verdict.reason };
}

/** GIVEN_UP_BEFORE: what this router gave up once it does not choose again by itself. */
export function refuseGivenUp(given: { readonly id: string; readonly reason: string } | undefined): void {
  if (given === undefined) return;
  throw new RefusedError('GIVEN_UP_BEFORE', `the upgrade would make ${given.id} again, which was given up`, {
    hint: `because: ${given.reason}. Wait for a newer base or newer packages, or give --retry to try it once more`,
    details: { deployment: given.id, reason: given.reason },
  });
}

/** For people, where the same was given up before. */
export function givenUpNotes(given: { readonly id: string; readonly reason: string } | undefined): string[] {
  return given === undefined ? [] : [`${given.id}, made of the same, was given up: ${given.reason}`];
}

/** By the history's name for a deployment. */
function lastVerdicts(sysroot: string): Map<string, Verdict> {
  return new Map(
    readVerdicts(sysroot).map((verdict) => [verdict.deployment.replace('/deploy/', '-'), verdict]),
  );
}

function isReturnFrom(record: HistoryRecord, id: string | null): boolean {
  return record.outcome === 'done' && record.from === id && /(?:^|\s)rollback(?:\s|$)/u.test(record.command);
}

/** The deployment was well; the admin did not come back to say so. */
function isUnconfirmed({ reason }: Verdict): boolean {
  return reason.startsWith('not confirmed');
}
