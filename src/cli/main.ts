import { buildProgram } from './command-tree.ts';
import { type RunContext, runProgram } from './program.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interrupt.abort());
}

const run: RunContext = { argv: process.argv.slice(2), signal: interrupt.signal, outcome: { status: 0 } };
await runProgram(buildProgram(run), run);
process.exitCode = run.outcome.status;
