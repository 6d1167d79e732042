import { opkgWords, runOpkg } from '../opkg/index.ts';
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
const opkg = opkgWords(process.argv);
if (opkg === undefined) await runProgram(buildProgram(run), run);
else run.outcome.status = await runOpkg({ ...opkg, signal: interrupt.signal });
process.exitCode = run.outcome.status;
