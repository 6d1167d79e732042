import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytesOf, exportUci, parseUci, showUci } from '../../src/uci/index.ts';

interface Line {
  readonly text: string;
  readonly export?: string;
  readonly show?: string;
}

const lines = readFileSync(join(import.meta.dirname, '../golden/uci/verdicts.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

it('what the real uci said of 300 files is what we say', () => {
  expect(lines).toHaveLength(300);
  expect(lines.filter((line) => line.export !== undefined).length).toBeGreaterThan(75);
  for (const [index, line] of lines.entries()) {
    if (line.export === undefined) {
      expect(() => parseUci(bytesOf(line.text)), JSON.stringify(line.text)).toThrow(/^uci:\d+:\d+: /u);
      continue;
    }
    const { package: content } = parseUci(bytesOf(line.text));
    expect(exportUci(content, { package: `f${index}` })).toBe(line.export);
    expect(showUci(content, `f${index}`)).toBe(line.show);
  }
});
