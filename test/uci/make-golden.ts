import * as fs from 'node:fs';
import { join } from 'node:path';
import { generateFiles } from './generate.ts';
import { RealUci } from './real-uci.ts';

/** Writes the real uci's verdicts on generated files: see test/golden/uci/README.md. */
export function makeGolden(folder: string, seed: number, count: number): void {
  const real = RealUci.unpack();
  try {
    const files = generateFiles(seed, count);
    const verdicts = real.judge(files);
    const lines = files.map((text, index) => JSON.stringify({ text, ...verdicts[index] }));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(join(folder, 'verdicts.jsonl'), `${lines.join('\n')}\n`);
  } finally {
    real.remove();
  }
}
