import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  appendHistory,
  type HistoryRecord,
  historyPath,
  parseHistory,
  readHistory,
  renderRecord,
} from '../../src/engine/history.ts';

const entry = {
  from: null,
  to: 'openwrt-x.0',
  inputs: null,
  outcome: 'done',
  verdict: 'unknown',
  scripts: [],
  error: null,
} as const;
const env = {
  now: () => Date.UTC(2026, 0, 2),
  command: 'opkg-ostree install tree',
  by: 'root',
  onProgress: () => undefined,
  signal: undefined,
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'history-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('the history', () => {
  it('numbers its records and gives them back in order', () => {
    appendHistory(dir, env, entry);
    appendHistory(dir, env, { ...entry, to: null });
    expect(readHistory(dir).map((record) => [record.id, record.to, record.time])).toEqual([
      ['1', 'openwrt-x.0', '2026-01-02T00:00:00.000Z'],
      ['2', null, '2026-01-02T00:00:00.000Z'],
    ]);
  });

  it('passes over a torn last line, and does not glue the next record to it', () => {
    appendHistory(dir, env, entry);
    const whole = readFileSync(historyPath(dir), 'utf8');
    for (const cut of [1, 7, 8, 9, 40, whole.length - 2]) {
      writeFileSync(historyPath(dir), whole + whole.slice(0, cut));
      appendHistory(dir, env, entry);
      expect(readHistory(dir).map((record) => record.id)).toEqual(['1', '2']);
    }
  });

  it('passes over a line whose bytes were changed', () => {
    const line = renderRecord({ id: '1', time: '', command: '', by: '', ...entry } as HistoryRecord);
    for (let at = 0; at < line.length - 1; at += 7) {
      const changed = `${line.slice(0, at)}${line[at] === 'x' ? 'y' : 'x'}${line.slice(at + 1)}`;
      expect(parseHistory(changed)).toEqual([]);
    }
    expect(parseHistory(line)).toHaveLength(1);
  });

  it('stays bounded and keeps the newest records', () => {
    const bulky = {
      ...entry,
      scripts: [{ package: 'p', class: 'sandboxed', status: 0, output: 'x'.repeat(20_000) }],
    };
    for (let index = 0; index < 40; index += 1) appendHistory(dir, env, bulky);
    expect(statSync(historyPath(dir)).size).toBeLessThan(300_000);
    expect(readHistory(dir).at(-1)?.id).toBe('40');
    expect(statSync(historyPath(dir)).mode & 0o777).toBe(0o600);
  });
});
