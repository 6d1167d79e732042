import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toChecksum } from '../../src/base/index.ts';
import { addVerdict } from '../../src/boot/index.ts';
import type { HistoryRecord } from '../../src/engine/history.ts';
import { findGivenUp, refuseGivenUp, withVerdicts } from '../../src/engine/verdicts.ts';

const sum = (letter: string) => letter.repeat(64);
const record = (id: number, to: string, more: Partial<HistoryRecord> = {}): HistoryRecord => ({
  id: `${id}`,
  time: '2026-01-01T00:00:00.000Z',
  command: 'upgrade',
  by: 'root',
  from: null,
  to: `openwrt-${sum(to)}.0`,
  inputs: sum(to),
  outcome: 'done',
  verdict: 'unknown',
  scripts: [],
  error: null,
  ...more,
});

describe('verdicts in the history', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), 'verdicts-'));
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
  const judge = (letter: string, verdict: 'good' | 'bad', reason: string) =>
    addVerdict(root, { deployment: `openwrt/deploy/${sum(letter)}.0`, verdict, reason });

  it('says good, bad, rolled back, or nothing', () => {
    judge('a', 'good', 'checks passed');
    judge('b', 'bad', 'checks failed: ssh');
    judge('c', 'bad', 'not confirmed within 300 seconds');
    judge('d', 'good', 'checks passed');
    const back = record(6, 'a', { command: 'rollback', from: `openwrt-${sum('d')}.0`, inputs: null });
    const failed = record(7, 'b', { outcome: 'failed', to: null });
    const records = [...'abcde'].map((letter, index) => record(index + 1, letter));
    expect(withVerdicts(root, [...records, back, failed]).map(({ verdict }) => verdict)).toEqual([
      'good',
      'bad',
      'rolled-back',
      'rolled-back',
      'unknown',
      'good',
      'unknown',
    ]);
  });

  it('knows what was given up by its inputs, whatever the deployment is called', () => {
    const again = record(2, 'b', { inputs: sum('a') });
    expect(findGivenUp(root, [record(1, 'a'), again], toChecksum(sum('a')))).toBeUndefined();
    judge('a', 'bad', 'checks failed: ssh');
    const found = findGivenUp(root, [record(1, 'a')], toChecksum(sum('a')));
    expect(found).toEqual({ id: `openwrt-${sum('a')}.0`, reason: 'checks failed: ssh' });
    expect(() => refuseGivenUp(found)).toThrow(expect.objectContaining({ code: 'GIVEN_UP_BEFORE' }));
    expect(findGivenUp(root, [record(1, 'a')], toChecksum(sum('b')))).toBeUndefined();
    judge('b', 'good', 'checks passed');
    expect(findGivenUp(root, [record(1, 'a'), again], toChecksum(sum('a')))).toBeUndefined();
  });
});
