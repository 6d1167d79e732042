import { resolve } from 'node:path/posix';
import type { Command } from 'commander';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/index.ts';
import { addCommand, type Call, collect, newCommand, type RunContext } from '../program.ts';
import { formatBytes } from '../progress.ts';

const defaultSize = '1G';
const maxBytes = 16 * 1024 ** 4;

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
    build,
  );
  program.addCommand(image);
}

async function build({ options, stateroot, env }: Call) {
  const text = (name: string) => options.text(name) ?? '';
  const result = await engine.buildDiskImage(env, {
    target: text('target'),
    repo: resolve(text('repo')),
    branch: text('branch'),
    output: resolve(text('output')),
    bytes: parseSize(text('size')),
    stateroot: stateroot ?? 'openwrt',
    kargs: options.list('karg'),
    loader: loaderPath(options.text('loader')),
  });
  return {
    json: {
      path: result.output,
      target: result.target,
      bytes: result.bytes,
      checksum: result.checksum,
      kargs: result.kargs,
      notes: result.notes,
    },
    text: [
      ...result.notes.map((note) => `note: ${note}`),
      `${result.output}: ${formatBytes(result.bytes)} for ${result.target}, ${result.checksum}`,
    ],
  };
}

function loaderPath(text: string | undefined): string | undefined {
  return text === undefined || text === 'none' ? text : resolve(text);
}

const units: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

function parseSize(text: string): number {
  const match = /^(\d{1,7})([MGT])(?:iB)?$/u.exec(text);
  const bytes = Number(match?.[1] ?? 0) * (units[match?.[2] ?? ''] ?? 0);
  if (bytes > 0 && bytes <= maxBytes) return bytes;
  throw new UsageError('USAGE', `'${text}' is not the size of a disk`, { hint: 'as in 512M or 4G' });
}
