import { UsageError } from '../base/index.ts';

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600 };

/** The seconds of `90`, `90s`, `5m` or `1h`; UsageError for anything else, for nothing and for more than `most`. */
export function parseDuration(text: string, most: number): number {
  const match = /^(\d{1,6})([smh]?)$/u.exec(text);
  const seconds = Number(match?.[1] ?? Number.NaN) * (units[match?.[2] ?? ''] ?? 1);
  if (seconds >= 1 && seconds <= most) return seconds;
  throw new UsageError('USAGE', `'${text}' is not a time from 1 second to ${most} seconds`, {
    hint: 'as in 90s, 5m or 1h',
  });
}
