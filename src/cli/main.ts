import { buildProgram } from './command-tree.ts';
import { type RunContext, runProgram } from './program.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupt.abort());
}
let hangupEnds = true;
process.on('SIGHUP', () => {
  if (hangupEnds) interrupt.abort();
});

const run: RunContext = {
  argv: process.argv.slice(2),
  signal: interrupt.signal,
  outcome: { status: 0 },
  keepAfterHangup: () => {
    hangupEnds = false;
  },
};
await runProgram(buildProgram(run), run);
process.exitCode = run.outcome.status;
