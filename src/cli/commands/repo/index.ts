import type { Command } from 'commander';
import { newCommand, type RunContext } from '../../program.ts';
import { changeCommands } from './change.ts';
import { inspectCommands } from './inspect.ts';
import { maintainCommands } from './maintain.ts';
import { pullCommands } from './pull.ts';
import { signCommands } from './sign.ts';

/** `repo ...`: the object store, with ostree's words. */
export function repoCommands(program: Command, run: RunContext): void {
  const repo = newCommand('repo', 'Work on a repository, with the options of ostree');
  inspectCommands(repo, run);
  changeCommands(repo, run);
  maintainCommands(repo, run);
  pullCommands(repo, run);
  signCommands(repo, run);
  program.addCommand(repo);
}
