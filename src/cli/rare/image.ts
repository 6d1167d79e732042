/** What `image build` does. */
import { resolve } from 'node:path/posix';
import { UsageError } from '../../base/index.ts';
import * as engine from '../../engine/rare.ts';
import type { Call } from '../program.ts';
import { formatBytes } from '../progress.ts';

const maxBytes = 16 * 1024 ** 4;

/** Runs image build. */
export async function imageBuild({ options, stateroot, env }: Call) {
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
