import { opkgWords } from '../opkg/index.ts';
import { buildProgram } from './command-tree.ts';
import { type RunContext, runProgram } from './program.ts';
import { loadRare } from './rarely.ts';

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

async function main(): Promise<void> {
  const opkg = opkgWords(process.argv);
  if (opkg === undefined) return runProgram(buildProgram(run), run);
  const { runOpkg } = await loadRare();
  run.outcome.status = await runOpkg({ ...opkg, signal: interrupt.signal });
}

// Not awaited here: the rarely used file imports this one, and would wait for its end. A run that never comes to its end failed.
process.exitCode = 70;
void main().then(() => {
  process.exitCode = run.outcome.status;
});
