import type { Command } from 'commander';
import { addCommand, collect, newCommand, type RunContext } from '../program.ts';
import { rarely } from '../rarely.ts';

const defaultSize = '1G';

/** image build. */
export function imageCommands(program: Command, run: RunContext): void {
  const image = newCommand('image', 'Make a disk image');
  addCommand(
    image,
    run,
    'build',
    'Make a disk image that boots the newest commit of a branch',
    (command) =>
      command
        .requiredOption('--target <name>', 'the board family')
        .requiredOption('--repo <dir>', 'the repository')
        .requiredOption('--branch <ref>', 'the branch; the image follows it')
        .requiredOption('-o, --output <file>', 'the image')
        .option('--size <size>', 'of the whole disk, as in 512M or 4G', defaultSize)
        .option('--loader <path>', "what the board starts from: a file, a folder, or 'none'")
        .option('--karg <k=v>', 'kernel argument to append; may be repeated', collect),
    rarely('imageBuild'),
  );
  program.addCommand(image);
}
