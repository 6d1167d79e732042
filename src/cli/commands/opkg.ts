/** `opkg`: opkg's own command line; docs/formats/opkg-face.md. */
import type { Command } from 'commander';
import { addCommand, type RunContext } from '../program.ts';
import { loadRare } from '../rarely.ts';

/** Adds `opkg`. Words that begin with it never come here with their options: the entry point hands them over as they are. */
export function opkgCommand(program: Command, run: RunContext): void {
  addCommand(
    program,
    run,
    'opkg [words...]',
    "Speak opkg's command line: on a deployment changes become the next one, with -o DIR they are made in place",
    (command) => command,
    async ({ args, sysroot }) => ({
      text: [],
      json: null,
      status: await (await loadRare()).runOpkg({ argv: args, sysroot, signal: run.signal }),
    }),
  );
}
