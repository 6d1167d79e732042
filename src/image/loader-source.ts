/** Where a board's loader comes from: a folder with its files, or another image of the board, compressed or not. */
import { join } from 'node:path/posix';
import { createGunzip } from 'node:zlib';
import { type OperationContext, ParseError, UsageError } from '../base/index.ts';
import { close, copyFile, exists, open, readStream, stat, writeAt } from '../sys/index.ts';
import { sectorBytes } from './layout.ts';
import { runTool } from './tools.ts';

export interface LoaderSource {
  /** A folder or an image. */
  readonly path: string;
  /** What to pass, for people. */
  readonly what: string;
  /** Files that go to the FAT partition. */
  readonly files: readonly string[];
  /** Pieces that go to the same place of the disk, in bytes. */
  readonly ranges: readonly { readonly offset: number; readonly bytes: number }[];
}

const gzipMagic = 0x1f8b;

/** Copies the loader's files into a folder. USAGE where one is missing. */
export async function takeFiles(
  source: LoaderSource,
  folder: string,
  scratch: string,
  ctx: OperationContext,
): Promise<void> {
  if (source.files.length === 0) return;
  if (stat(source.path).isDirectory()) {
    for (const name of source.files) {
      const from = join(source.path, name);
      if (!exists(from)) throw missing(source, name);
      copyFile(from, join(folder, name));
    }
    return;
  }
  const plain = join(scratch, 'loader.img');
  const start = await unpackFirstPartition(source, plain);
  for (const name of source.files) {
    await runTool('mcopy', ['-i', `${plain}@@${start}`, `::${name}`, join(folder, name)], {
      signal: ctx.signal,
    });
  }
}

/** Copies the loader's pieces to their places. USAGE for an image that ends before. */
export async function writeRanges({ path, what, ranges }: LoaderSource, file: string): Promise<void> {
  if (ranges.length === 0) return;
  const end = Math.max(...ranges.map(({ offset, bytes }) => offset + bytes));
  const least = Math.min(...ranges.map(({ offset }) => offset));
  const fd = open(file, 'r+');
  let at = 0;
  try {
    for await (const chunk of bytesOf(path)) {
      for (const { offset, bytes } of ranges) {
        const from = Math.max(offset, at);
        const to = Math.min(offset + bytes, at + chunk.byteLength);
        if (from < to) writeAt(fd, chunk.subarray(from - at, to - at), from);
      }
      at += chunk.byteLength;
      if (at >= end) break;
    }
  } finally {
    close(fd);
  }
  if (at <= least) throw missing({ path, what }, 'the loader');
}

function missing({ path, what }: Pick<LoaderSource, 'path' | 'what'>, name: string): UsageError {
  return new UsageError('USAGE', `${path} does not hold ${name}`, { hint: `--loader takes ${what}` });
}

/** Writes the image up to the end of its first partition, and returns where that begins, in bytes (MBR: entries from 446 on). */
async function unpackFirstPartition(source: LoaderSource, to: string): Promise<number> {
  const fd = open(to, 'wx');
  let at = 0;
  let start = 0;
  let end = sectorBytes;
  try {
    for await (const chunk of bytesOf(source.path)) {
      if (at === 0) {
        if (chunk.byteLength < sectorBytes || chunk[510] !== 0x55 || chunk[511] !== 0xaa) {
          throw new ParseError('CONFIG_INVALID', `${source.path} is not the image of a disk`, {
            hint: `--loader takes ${source.what}`,
          });
        }
        const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        start = view.getUint32(454, true) * sectorBytes;
        end = start + view.getUint32(458, true) * sectorBytes;
      }
      writeAt(fd, chunk, at);
      at += chunk.byteLength;
      if (at >= end) break;
    }
  } finally {
    close(fd);
  }
  if (at < end) throw missing(source, 'its first partition');
  return start;
}

async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  const stream = readStream(path);
  const head = await firstChunk(stream);
  const compressed = head !== undefined && ((head[0] ?? 0) << 8) + (head[1] ?? 0) === gzipMagic;
  // The chunk goes back in front of the others.
  if (head !== undefined) stream.unshift(head);
  const source = compressed ? stream.pipe(createGunzip()) : stream;
  stream.on('error', (error) => source.destroy(error));
  try {
    for await (const chunk of source) yield chunk;
  } finally {
    stream.destroy();
    source.destroy();
  }
}

async function firstChunk(stream: ReturnType<typeof readStream>): Promise<Buffer | undefined> {
  return await new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.once('end', () => resolve(undefined));
    stream.once('readable', () => {
      const chunk: unknown = stream.read();
      resolve(chunk instanceof Buffer ? chunk : undefined);
    });
  });
}
