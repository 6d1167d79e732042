/** Measures variants of one task beside each other, so that what else the machine does meets all of them alike. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** One way to do the task. */
export interface Variant {
  readonly name: string;
  /** Done before each run, unmeasured. */
  readonly prepare?: () => unknown;
  /** One run. A number that it returns is the run's milliseconds in place of the time that the call took. */
  readonly run: () => unknown;
}

/** What the runs of a variant took, in milliseconds. */
export interface Measurement {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: readonly number[];
}

export interface MeasureOptions {
  /** Measured runs of each variant. */
  readonly rounds: number;
  /** Runs before these that nobody counts. */
  readonly warmup?: number;
}

/**
 * Runs the variants in turns, each round beginning with another one; prints medians and ranges, and writes every run to
 * bench/results/<task>.json.
 */
export async function measure(
  task: string,
  variants: readonly Variant[],
  { rounds, warmup = 1 }: MeasureOptions,
): Promise<Measurement[]> {
  const times = variants.map((): number[] => []);
  for (let round = -warmup; round < rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const index = (turn + round + warmup) % variants.length;
      const variant = variants[index];
      if (variant === undefined) continue;
      const time = await timeOf(variant);
      if (round >= 0) times[index]?.push(time);
    }
  }
  const measured = variants.map(({ name }, index) => summary(name, times[index] ?? []));
  console.log(`\n${task} (${rounds} rounds, milliseconds)\n${table(measured)}`);
  const folder = join(process.cwd(), 'bench/results');
  mkdirSync(folder, { recursive: true });
  const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length, memory: totalmem() };
  const result = { task, rounds, date: new Date().toISOString(), machine, measured };
  writeFileSync(
    join(folder, `${task.replaceAll(/\W+/gu, '-')}.json`),
    `${JSON.stringify(result, undefined, 2)}\n`,
  );
  return measured;
}

async function timeOf({ prepare, run }: Variant): Promise<number> {
  await prepare?.();
  const began = performance.now();
  const own = await run();
  const took = performance.now() - began;
  return typeof own === 'number' ? own : took;
}

function summary(name: string, runs: readonly number[]): Measurement {
  const sorted = [...runs].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
  return { name, median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, runs };
}

function table(measured: readonly Measurement[]): string {
  const width = Math.max(...measured.map(({ name }) => name.length));
  const figure = (value: number) => value.toFixed(1).padStart(9);
  const head = `${' '.repeat(width)}${['median', 'min', 'max'].map((name) => name.padStart(9)).join('')}`;
  const rows = measured.map(
    ({ name, median, min, max }) => `${name.padEnd(width)}${[median, min, max].map(figure).join('')}`,
  );
  return [head, ...rows].join('\n');
}
