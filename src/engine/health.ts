/** What early boot and the health check found out about a deployment (docs/formats/boot-state.md). */
import { join } from 'node:path/posix';
import type { Deployment } from '../boot/index.ts';
import { readTextIfExists } from '../sys/index.ts';
import type { HealthDocument } from './documents.ts';

/** The health of a deployment: its last verdict, or the trial that is in progress. Files that do not parse count as absent. */
export function healthOf(sysroot: string, deployment: Deployment): HealthDocument {
  const name = `${deployment.stateroot}/deploy/${deployment.checksum}.${deployment.serial}`;
  const state = parseBootState(readTextIfExists(join(sysroot, 'ostree/opkg-ostree/boot-state')) ?? '');
  if (state.get('pending') === name) {
    const tries = Number(state.get('tries'));
    return { state: 'trying', 'tries-left': Number.isInteger(tries) ? tries : null, checks: [] };
  }
  const verdict = lastVerdict(readTextIfExists(join(sysroot, 'ostree/opkg-ostree/verdicts')) ?? '', name);
  return { state: verdict ?? 'untried', 'tries-left': null, checks: [] };
}

/** `key SP value` lines; nothing where the first line is not `format 1`. */
export function parseBootState(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\n');
  if (lines[0] !== 'format 1') return new Map();
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const separator = line.indexOf(' ');
      return separator > 0 ? [[line.slice(0, separator), line.slice(separator + 1)]] : [];
    }),
  );
}

function lastVerdict(text: string, name: string): 'good' | 'bad' | undefined {
  const words = text
    .split('\n')
    .map((line) => line.split(' '))
    .findLast((parts) => parts[1] === name);
  const verdict = words?.[2];
  return verdict === 'good' || verdict === 'bad' ? verdict : undefined;
}
