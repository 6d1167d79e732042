/**
 * The trial in progress, as early boot and the health check know it: `<sysroot>/ostree/opkg-ostree/boot-state` and
 * `verdicts` (docs/formats/boot-state.md). The same rules as `state_read` of files/usr/lib/opkg-ostree/boot.sh.
 */
import { dirname, join } from 'node:path/posix';
import {
  lstatIfExists,
  mkdirDurable,
  now,
  readTextIfExists,
  unlinkDurable,
  writeFileDurable,
} from '../sys/index.ts';

/** Deployments are named by their path below `ostree/deploy`. */
export interface BootState {
  /** The deployment on trial. */
  readonly pending?: string;
  /** Where to go back to. */
  readonly good?: string;
  /** How many more times `pending` may be started. */
  readonly tries?: number;
  /** Seconds that the admin has to confirm `pending`. */
  readonly confirm?: number;
  /** What was given up last, and why. */
  readonly bad?: string;
  readonly reason?: string;
}

export interface Verdict {
  readonly deployment: string;
  readonly verdict: 'good' | 'bad';
  readonly reason: string;
}

/** The folder of the sysroot that no deployment owns. */
export const stateFolder = 'ostree/opkg-ostree';

/** The seconds that a confirmation may be waited for at most: as many as the file can hold. */
export const maxConfirmSeconds = 99_999;

const maxFileBytes = 64 * 1024;
const maxVerdicts = 100;
const deploymentPattern =
  /^(?![.-])[A-Za-z0-9._+-]+\/deploy\/[0-9a-f][A-Za-z0-9._+-]*\.[0-9][A-Za-z0-9._+-]*$/u;

/** The state's name for a deployment. */
export function stateName(item: {
  readonly stateroot: string;
  readonly checksum: string;
  readonly serial: number;
}): string {
  return `${item.stateroot}/deploy/${item.checksum}.${item.serial}`;
}

/** The state of a file's text; empty for one that cannot be used, as for no file. */
export function parseBootState(text: string): BootState {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*(\S+)\s+(.*?)\s*$/u.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) fields.set(match[1], match[2]);
  }
  const tries = fields.get('tries');
  const confirm = fields.get('confirm');
  const named = ['pending', 'good', 'bad'].flatMap((key) => fields.get(key) ?? []);
  if (fields.get('format') !== '1' || !named.every((name) => deploymentPattern.test(name))) return {};
  if (fields.has('pending') && !/^(?:\d|[1-9]\d)$/u.test(tries ?? '')) return {};
  if (confirm !== undefined && !/^[1-9]\d{0,4}$/u.test(confirm)) return {};
  const word = (key: 'pending' | 'good' | 'bad' | 'reason') => {
    const value = fields.get(key);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    ...word('pending'),
    ...word('good'),
    ...(tries === undefined || !/^\d{1,2}$/u.test(tries) ? {} : { tries: Number(tries) }),
    ...(confirm === undefined ? {} : { confirm: Number(confirm) }),
    ...word('bad'),
    ...word('reason'),
  };
}

/** The file's text. */
export function renderBootState(state: BootState): string {
  const keys = ['pending', 'good', 'tries', 'confirm', 'bad', 'reason'] as const;
  const lines = keys.flatMap((key) => {
    const value = state[key];
    return value === undefined ? [] : [`${key} ${String(value).replaceAll(/[\r\n]+/gu, ' ')}\n`];
  });
  return `format 1\n${lines.join('')}`;
}

/** What the sysroot's file says; empty where there is none. */
export function readBootState(sysroot: string): BootState {
  return parseBootState(readSmall(join(sysroot, stateFolder, 'boot-state')) ?? '');
}

/** Replaces the file durably; a state that says nothing removes it. */
export function writeBootState(sysroot: string, state: BootState): void {
  const path = join(sysroot, stateFolder, 'boot-state');
  if (Object.keys(state).length === 0) {
    if (lstatIfExists(path) !== undefined) unlinkDurable(path);
    return;
  }
  mkdirDurable(dirname(path));
  writeFileDurable(path, renderBootState(state));
}

/** The last verdict on a deployment. */
export function verdictOf(sysroot: string, deployment: string): Verdict | undefined {
  return readVerdicts(sysroot).findLast((verdict) => verdict.deployment === deployment);
}

/** Adds a verdict, durably; the oldest go. */
export function addVerdict(sysroot: string, { deployment, verdict, reason }: Verdict): void {
  const path = join(sysroot, stateFolder, 'verdicts');
  const kept = (readSmall(path) ?? '').split('\n').filter((line) => line !== '');
  const line = `${Math.floor(now() / 1000)} ${deployment} ${verdict} ${reason.replaceAll(/[\r\n]+/gu, ' ')}`;
  mkdirDurable(dirname(path));
  writeFileDurable(path, `${[...kept, line].slice(-maxVerdicts).join('\n')}\n`);
}

/** All verdicts that are kept, oldest first. */
export function readVerdicts(sysroot: string): Verdict[] {
  return (readSmall(join(sysroot, stateFolder, 'verdicts')) ?? '').split('\n').flatMap((line) => {
    const match = /^\d+ (\S+) (good|bad) ?(.*)$/u.exec(line);
    if (match?.[1] === undefined) return [];
    return [{ deployment: match[1], verdict: match[2] === 'good' ? 'good' : 'bad', reason: match[3] ?? '' }];
  });
}

function readSmall(path: string): string | undefined {
  const stats = lstatIfExists(path);
  return stats?.isFile() === true && stats.size <= maxFileBytes ? readTextIfExists(path) : undefined;
}
