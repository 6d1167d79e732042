/**
 * How often properties are tried and processes are killed. The suites take the quick numbers; `npm run soak` (which sets SOAK=1) takes
 * the full ones: `npm run soak -- test/uci` for one folder.
 */
const isSoak = process.env['SOAK'] === '1';

/** The number of runs: `quick` in the suites, `full` in a soak. */
export function runsOf(quick: number, full: number): number {
  return isSoak ? full : quick;
}

/** A time limit in milliseconds for that many runs: `each` of them on a slow machine, and never less than 30 s. */
export function limitOf(runs: number, each: number): number {
  return Math.max(30_000, runs * each);
}
