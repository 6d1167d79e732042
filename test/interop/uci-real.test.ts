import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOpkgOstreeError } from '../../src/base/index.ts';
import {
  bytesOf,
  exportUci,
  parseUci,
  type RepeatedOption,
  renderUci,
  setOption,
  showUci,
} from '../../src/uci/index.ts';
import { runsOf } from '../support/soak.ts';
import { generateFiles } from '../uci/generate.ts';
import { makeGolden } from '../uci/make-golden.ts';
import { RealUci, type Verdict } from '../uci/real-uci.ts';

const missing = RealUci.missing();
const count = runsOf(2_000, 10_000);
const seed = Number(process.env['UCI_SEED'] ?? 7);

/** Our verdict in the shape of uci's. */
function verdictOf(text: string, name: string, repeated: RepeatedOption): Verdict {
  try {
    const { package: content } = parseUci(bytesOf(text), { repeated });
    return { export: exportUci(content, { package: name }), show: showUci(content, name) };
  } catch (error) {
    if (!isOpkgOstreeError(error) || error.code !== 'UCI_INVALID') throw error;
    return { export: undefined, show: undefined };
  }
}

/**
 * Faults of old uci's memory that later ones mended, and that no reader can repeat: it reads behind the end
 * of a line (a keyword that a NUL or the file's end cuts off), keeps pointers into a buffer that a joined
 * line moved, and crashes or not when a section is opened again.
 */
function isMemoryFault(text: string, verdict: Verdict): boolean {
  const cutOff = /(?:^|[\s;])(?:p|package|c|config|o|option|l|list)(?:\0|$)/u.test(text);
  const joined = /\\\r?\n/u.test(text);
  const names = [...text.matchAll(/\bc(?:onfig)?\s+\S+\s+['"]?(\w+)/gu)].map((match) => match[1]);
  const reopened = new Set(names).size < names.length && verdict.export === undefined;
  return cutOff || joined || reopened;
}

describe.skipIf(missing !== undefined)(`the real uci (${missing ?? 'found'})`, () => {
  let real: RealUci;
  let repeated: RepeatedOption;
  beforeAll(() => {
    real = RealUci.unpack();
    const [probe] = real.judge(['config t\noption a 1\noption b 2\noption a 33\n']);
    repeated = probe?.export?.includes("'2'\n\toption a '33'") === true ? 'moves' : 'stays';
  });
  afterAll(() => real?.remove());

  it('reads every file of its root as we do, and what we write', () => {
    const files = real.configFiles();
    expect(files.length).toBeGreaterThan(0);
    const texts = files.map(({ bytes }) => Buffer.from(bytes).toString('latin1'));
    for (const [index, verdict] of real.judge(texts).entries()) {
      const text = texts[index] ?? '';
      expect(verdictOf(text, `f${index}`, repeated)).toEqual(verdict);
      if (verdict.export === undefined) continue;
      const document = parseUci(bytesOf(text));
      expect(document.lines.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
      const written = Buffer.from(renderUci(document.package)).toString('latin1');
      expect(`package f${index}\n${written}`).toBe(verdict.export);
    }
  });

  it(`agrees on ${count} generated files`, { timeout: 900_000 }, () => {
    const files = generateFiles(seed, count);
    const verdicts = real.judge(files);
    const accepted = verdicts.filter((verdict) => verdict.export !== undefined);
    expect(accepted.length).toBeGreaterThan(count / 4);
    const wrong = files.flatMap((text, index) => {
      const verdict = verdicts[index] ?? { export: undefined, show: undefined };
      const ours = verdictOf(text, `f${index}`, repeated);
      return ours.export === verdict.export && ours.show === verdict.show ? [] : [{ text, verdict, ours }];
    });
    expect(wrong.filter(({ text, verdict }) => !isMemoryFault(text, verdict))).toEqual([]);
    expect(wrong.length).toBeLessThanOrEqual(count / 500);
  });

  it('shows generated names as we do', () => {
    const text = 'config rule\nconfig t n\nconfig rule\noption a 1\n';
    real.judge([text]);
    const { package: content } = parseUci(bytesOf(text));
    expect(real.run('-c', '/tmp/in', '-X', 'show', 'f0').output).toBe(
      showUci(content, 'f0', { generated: true }),
    );
    expect(real.run('-c', '/tmp/in', '-n', 'export', 'f0').output).toBe(
      exportUci(content, { package: 'f0', names: true }),
    );
  });

  it('understands an edited file', () => {
    const text = '# x\nconfig t \'n\' # y\n\toption a "1"\n';
    const edited = setOption(parseUci(bytesOf(text)), 'n', 'a', "it's\nso");
    const [verdict] = real.judge([Buffer.from(edited.bytes).toString('latin1')]);
    expect(verdict?.show).toBe(showUci(edited.package, 'f0'));
  });

  it.skipIf(process.env['UCI_GOLDEN'] !== 'write')('gives the golden verdicts', () => {
    makeGolden(join(import.meta.dirname, '../golden/uci'), 2018, 300);
  });
});
