/**
 * Deployments that are complete on disk and that no boot entry names yet. Usually they live for the length of one run;
 * one that waits for `finalize` is written down in `ostree/opkg-ostree-staged.json` and survives cleanup until then.
 */
import { join } from 'node:path/posix';
import { type Checksum, isChecksum, ParseError } from '../base/index.ts';
import type { EtcReport } from '../state/index.ts';
import { lstatIfExists, readTextIfExists, unlinkDurable, writeFileDurable } from '../sys/index.ts';
import { type BootEntry, parseBootEntry, renderBootEntry } from './bls.ts';
import { type DeploymentItem, deploymentPath, isStaterootName, sameDeployment } from './deployment.ts';
import { commitVersion } from './deployments.ts';
import { parseOrigin } from './origin.ts';
import type { Sysroot } from './sysroot.ts';

/** A deployment that `finishDeployment` can switch to. */
export interface StagedDeployment extends DeploymentItem {
  /** The id of the deployment that `/etc` is merged from. */
  readonly mergeFrom: string | undefined;
  /** The rehearsal of the merge; absent for the first deployment and for one read back from disk. */
  readonly etc: EtcReport | undefined;
}

const recordName = 'ostree/opkg-ostree-staged.json';

/** Writes down that the deployment waits for `finalize`. A record that was there is replaced. */
export function holdStaged(sysroot: Sysroot, staged: StagedDeployment): void {
  const record = {
    api: 1,
    stateroot: staged.stateroot,
    checksum: staged.checksum,
    serial: staged.serial,
    'boot-checksum': staged.bootChecksum,
    entry: renderBootEntry(staged.entry),
    'merge-from': staged.mergeFrom ?? null,
  };
  writeFileDurable(join(sysroot.path, recordName), `${JSON.stringify(record, undefined, 2)}\n`);
}

/**
 * The deployment that waits for `finalize`; undefined where there is none, its folder is gone, or it was switched to already: a
 * power cut between the switch and `dropStaged` leaves the record, and by then the deployment's `/etc` may have been edited.
 */
export function readStaged(sysroot: Sysroot): StagedDeployment | undefined {
  const path = join(sysroot.path, recordName);
  const text = readTextIfExists(path);
  if (text === undefined) return undefined;
  const record = parseRecord(text, path);
  const at = deploymentPath(sysroot.path, record);
  const originText = readTextIfExists(`${at}.origin`);
  if (lstatIfExists(at)?.isDirectory() !== true || originText === undefined) return undefined;
  if (!sysroot.repo.hasObject('commit', record.checksum)) return undefined;
  if (sysroot.deployments().some((item) => sameDeployment(item, record))) return undefined;
  return {
    ...record,
    path: at,
    origin: parseOrigin(originText, `${at}.origin`),
    version: commitVersion(sysroot.repo, record.checksum),
    booted: false,
    pinned: false,
    etc: undefined,
  };
}

/** Forgets the record; the deployment's folder becomes a leftover that the next cleanup sweeps. */
export function dropStaged(sysroot: Sysroot): void {
  unlinkDurable(join(sysroot.path, recordName));
}

interface StagedRecord {
  readonly stateroot: string;
  readonly checksum: Checksum;
  readonly serial: number;
  readonly bootChecksum: string;
  readonly entry: BootEntry;
  readonly mergeFrom: string | undefined;
}

function parseRecord(text: string, path: string): StagedRecord {
  const invalid = () =>
    new ParseError('SYSROOT_INVALID', `${path} is not a record of a staged deployment`, {
      hint: 'remove the file',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (typeof value !== 'object' || value === null) throw invalid();
  const fields: Partial<Record<string, unknown>> = { ...value };
  const { stateroot, checksum, serial, entry } = fields;
  const bootChecksum = fields['boot-checksum'];
  const mergeFrom = fields['merge-from'];
  if (typeof stateroot !== 'string' || !isStaterootName(stateroot)) throw invalid();
  if (typeof checksum !== 'string' || !isChecksum(checksum)) throw invalid();
  if (typeof serial !== 'number' || !Number.isSafeInteger(serial) || serial < 0) throw invalid();
  if (typeof bootChecksum !== 'string' || !isChecksum(bootChecksum) || typeof entry !== 'string')
    throw invalid();
  if (mergeFrom !== null && typeof mergeFrom !== 'string') throw invalid();
  return {
    stateroot,
    checksum,
    serial,
    bootChecksum,
    entry: parseBootEntry(entry, path),
    mergeFrom: mergeFrom ?? undefined,
  };
}
