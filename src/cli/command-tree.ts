import type { Command } from 'commander';
import { convertCommands } from './commands/convert.ts';
import { deploymentCommands } from './commands/deployments.ts';
import { doctorCommands } from './commands/doctor.ts';
import { etcCommands } from './commands/etc.ts';
import { healthCommands } from './commands/health.ts';
import { imageCommands } from './commands/image.ts';
import { jobCommands } from './commands/jobs.ts';
import { makingCommands } from './commands/making.ts';
import { opkgCommand } from './commands/opkg.ts';
import { overrideCommands } from './commands/override.ts';
import { packageCommands } from './commands/packages.ts';
import { provenanceCommands } from './commands/provenance.ts';
import { repoCommands } from './commands/repo/index.ts';
import { rpcCommands } from './commands/rpc.ts';
import { selfCommands } from './commands/self.ts';
import { tuiCommands } from './commands/tui.ts';
import { uciCommands } from './commands/uci.ts';
import { wishCommands } from './commands/wish.ts';
import { newProgram, type RunContext } from './program.ts';

/** The whole program: what runs, and what the manual page and the completions are made from. */
export function buildProgram(run: RunContext): Command {
  const program = newProgram();
  deploymentCommands(program, run);
  packageCommands(program, run);
  opkgCommand(program, run);
  overrideCommands(program, run);
  provenanceCommands(program, run);
  wishCommands(program, run);
  etcCommands(program, run);
  healthCommands(program, run);
  jobCommands(program, run);
  doctorCommands(program, run);
  makingCommands(program, run);
  convertCommands(program, run);
  imageCommands(program, run);
  repoCommands(program, run);
  rpcCommands(program, run);
  tuiCommands(program, run);
  selfCommands(program, run);
  uciCommands(program, run);
  return program;
}
