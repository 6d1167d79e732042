/** Reads the files of a job: they lie in a folder that others may have damaged, so nothing is taken on trust. Pure. */
import { isPhase } from '../../base/index.ts';
import type { JobEvent, JobRecord, JobState } from './record.ts';

const states: readonly JobState[] = [
  'queued',
  'running',
  'finishing',
  'done',
  'failed',
  'cancelled',
  'interrupted',
];

type Members = Readonly<Record<string, unknown>>;

/** The record in `state.json`, or undefined where the text is not one of ours. */
export function parseRecord(text: string): JobRecord | undefined {
  const value = parseObject(text);
  const state = states.find((known) => known === value?.['state']);
  if (value === undefined || state === undefined) return undefined;
  const words = (['id', 'kind', 'started', 'command', 'by', 'sysroot'] as const).map((name) => value[name]);
  const [id, kind, started, command, by, sysroot] = words;
  if (
    !isText(id) ||
    !isText(kind) ||
    !isText(started) ||
    !isText(command) ||
    !isText(by) ||
    !isText(sysroot)
  ) {
    return undefined;
  }
  const phase = value['phase'];
  return {
    id,
    kind,
    state,
    phase: isPhase(phase) ? phase : null,
    percent: numberOrNull(value['percent']),
    started,
    ended: textOrNull(value['ended']),
    command,
    by,
    error: errorOf(value['error']),
    result: value['result'] ?? null,
    sysroot,
    pid: numberOrNull(value['pid']),
    'start-time': textOrNull(value['start-time']),
  };
}

/** The events of `log.jsonl`; torn and foreign lines are passed over. */
export function parseLog(text: string): JobEvent[] {
  return text.split('\n').flatMap((line) => {
    const value = parseObject(line);
    if (value === undefined || !isPhase(value['phase'])) return [];
    const { n, t, phase } = value;
    if (typeof n !== 'number' || !isText(t) || !isPhase(phase)) return [];
    const text1 = (name: string) => (isText(value[name]) ? { [name]: value[name] } : {});
    const count = (name: string) => (typeof value[name] === 'number' ? { [name]: value[name] } : {});
    const unit = (['bytes', 'files', 'packages'] as const).find((known) => known === value['unit']);
    return [
      {
        n,
        t,
        phase,
        ...text1('message'),
        ...count('done'),
        ...count('total'),
        ...(unit === undefined ? {} : { unit }),
        ...text1('package'),
      },
    ];
  });
}

function errorOf(value: unknown): JobRecord['error'] {
  if (!isMembers(value)) return null;
  const { code, message, hint } = value;
  return isText(code) && isText(message) ? { code, message, hint: textOrNull(hint) } : null;
}

function parseObject(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function textOrNull(value: unknown): string | null {
  return isText(value) ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
