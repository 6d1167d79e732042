import { deploymentCommands } from './commands/deployments.ts';
import { makingCommands } from './commands/making.ts';
import { packageCommands } from './commands/packages.ts';
import { repoCommands } from './commands/repo.ts';
import { newProgram, type RunContext, runProgram } from './program.ts';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interrupt.abort());
}

const run: RunContext = { argv: process.argv.slice(2), signal: interrupt.signal, outcome: { status: 0 } };
const program = newProgram();
deploymentCommands(program, run);
packageCommands(program, run);
makingCommands(program, run);
repoCommands(program, run);
await runProgram(program, run);
process.exitCode = run.outcome.status;
