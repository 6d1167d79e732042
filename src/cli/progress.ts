import type { Phase, ProgressEvent, ProgressListener } from '../base/index.ts';
import { environment, errorIsTerminal, terminalColumns, writeError } from '../sys/index.ts';

export type ProgressStyle = 'auto' | 'plain' | 'json' | 'none';

const phaseText: Readonly<Record<Phase, string>> = {
  resolve: 'Resolving',
  download: 'Downloading',
  verify: 'Verifying',
  unpack: 'Unpacking',
  layer: 'Layering',
  scripts: 'Running scripts',
  checkout: 'Writing deployment',
  'merge-etc': 'Merging /etc',
  boot: 'Writing boot entries',
  cleanup: 'Cleaning up',
  done: 'Done',
};

export interface ProgressReporter {
  readonly listener: ProgressListener;
  /** Clears what is half drawn; call it before printing anything else. */
  readonly finish: () => void;
}

/** A reader of the event stream for standard error. `auto` is a bar on a terminal and nothing elsewhere. */
export function progressReporter(style: ProgressStyle, now: () => Date): ProgressReporter {
  if (style === 'json') return jsonReporter(now);
  if (style === 'plain') return plainReporter();
  if (style === 'auto' && errorIsTerminal() && environment('TERM') !== 'dumb') return barReporter();
  return { listener: () => undefined, finish: () => undefined };
}

function jsonReporter(now: () => Date): ProgressReporter {
  return {
    listener: (event) => writeError(`${JSON.stringify({ t: now().toISOString(), job: null, ...event })}\n`),
    finish: () => undefined,
  };
}

function plainReporter(): ProgressReporter {
  let last = '';
  const listener = (event: ProgressEvent) => {
    const line = describe(event, false);
    if (line !== last) writeError(`${line}\n`);
    last = line;
  };
  return { listener, finish: () => undefined };
}

function barReporter(): ProgressReporter {
  let drawn = 0;
  let lastPhase: Phase | undefined;
  const listener = (event: ProgressEvent) => {
    const now = Date.now();
    if (event.phase === lastPhase && now - drawn < 100) return;
    lastPhase = event.phase;
    drawn = now;
    writeError(`\r\u001b[K${describe(event, true).slice(0, terminalColumns() - 1)}`);
  };
  return { listener, finish: () => drawn > 0 && writeError('\r\u001b[K') };
}

function describe(event: ProgressEvent, counts: boolean): string {
  const what = [event.package, event.message].filter((part) => part !== undefined && part !== '').join(': ');
  const head = what === '' ? phaseText[event.phase] : `${phaseText[event.phase]}: ${what}`;
  if (!counts || event.done === undefined) return head;
  if (event.total === undefined || event.total === 0) return `${head} (${amount(event.done, event.unit)})`;
  return `${head} (${amount(event.done, event.unit)} of ${amount(event.total, event.unit)}, ${Math.floor((event.done * 100) / event.total)}%)`;
}

function amount(count: number, unit: ProgressEvent['unit']): string {
  return unit === 'bytes' ? formatBytes(count) : String(count);
}

/** Bytes as a person reads them: `0 B`, `12.3 kB`, `4.5 MB` (powers of 1000). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
