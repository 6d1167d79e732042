/**
 * The history: an append-only file of one record a line in the stateroot's /var, each line with its own CRC so that
 * a torn append is skipped, never misread. Bounded: past `maxBytes` the older half is dropped.
 */
import { join } from 'node:path/posix';
import { crc32 } from 'node:zlib';
import { appendFileDurable, mkdirDurable, readTextIfExists, writeFileDurable } from '../sys/index.ts';
import type { Environment } from './environment.ts';
import { openSession, type Where } from './session.ts';
import { withVerdicts } from './verdicts.ts';
import type { WishChange } from './wish-change.ts';

export type Outcome = 'done' | 'failed' | 'cancelled' | 'interrupted';

export interface ScriptReport {
  readonly package: string;
  readonly class: string;
  readonly status: number | null;
  readonly output: string;
}

/** json.md's `history`. `from` and `to` are deployment ids. */
export interface HistoryRecord {
  readonly id: string;
  readonly time: string;
  readonly command: string;
  readonly by: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly inputs: string | null;
  readonly outcome: Outcome;
  readonly verdict: 'good' | 'bad' | 'rolled-back' | 'unknown';
  readonly scripts: readonly ScriptReport[];
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What `undo` takes back; absent where the wish was not touched. */
  readonly changes?: WishChange;
}

const maxBytes = 256 * 1024;

/** Where the history of a stateroot is; `varDir` is the stateroot's var. */
export function historyPath(varDir: string): string {
  return join(varDir, 'lib/opkg-ostree/history');
}

/** The records, oldest first; lines that are torn or not ours are passed over. */
export function parseHistory(text: string): HistoryRecord[] {
  return text.split('\n').flatMap((line) => {
    const separator = line.indexOf(' ');
    const body = line.slice(separator + 1);
    if (separator !== 8 || checkOf(body) !== line.slice(0, 8)) return [];
    // The CRC has proved that these are the bytes that renderRecord wrote.
    return [JSON.parse(body) as HistoryRecord];
  });
}

/** One record as its line, newline included. */
export function renderRecord(record: HistoryRecord): string {
  const body = JSON.stringify(record);
  return `${checkOf(body)} ${body}\n`;
}

/** The records of a stateroot, oldest first. */
export function readHistory(varDir: string): HistoryRecord[] {
  return parseHistory(readTextIfExists(historyPath(varDir)) ?? '');
}

/** Appends a record with the next id and the time of `env`; returns it. */
export function appendHistory(
  varDir: string,
  env: Environment,
  entry: Omit<HistoryRecord, 'id' | 'time' | 'command' | 'by'>,
): HistoryRecord {
  const path = historyPath(varDir);
  const text = readTextIfExists(path) ?? '';
  const last = parseHistory(text).at(-1);
  const record: HistoryRecord = {
    id: String(Number(last?.id ?? '0') + 1),
    time: new Date(env.now()).toISOString(),
    command: env.command,
    by: env.by,
    ...entry,
  };
  const line = renderRecord(record);
  mkdirDurable(join(varDir, 'lib/opkg-ostree'));
  if (text.length + line.length > maxBytes) {
    const lines = text.split('\n').filter((kept) => kept !== '');
    writeFileDurable(path, `${lines.slice(Math.floor(lines.length / 2)).join('\n')}\n${line}`, {
      mode: 0o600,
    });
  } else {
    // A torn last line must not swallow this one.
    appendFileDurable(path, text === '' || text.endsWith('\n') ? line : `\n${line}`, 0o600);
  }
  return record;
}

function checkOf(body: string): string {
  return crc32(Buffer.from(body)).toString(16).padStart(8, '0');
}

/** The newest records of a sysroot's stateroot, oldest first; all where `limit` is absent. */
export function history(where: Where, limit: number | undefined): HistoryRecord[] {
  const session = openSession(where);
  const records = withVerdicts(session.sysroot.path, readHistory(session.sysroot.varPath(session.stateroot)));
  return limit === undefined ? records : records.slice(Math.max(0, records.length - limit));
}
