/** Streaming decompression of what packages and feeds use, bounded, with typed errors. */
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isOpkgOstreeError, ParseError } from '../base/index.ts';
import { ByteSource, type ByteStream } from './byte-source.ts';
import type { IpkBudget } from './limits.ts';
import { ZstdFrameGuard } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'lz4' | 'lzma' | 'none';

/** Formats by their first bytes. */
const magics: readonly (readonly [Compression, string])[] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
  ['lz4', '04224d18'],
  ['lzma', '5d0000'],
];
const outputChunk = 1 << 16;

/** The compression that the bytes begin with. */
export function compressionOf(start: Uint8Array): Compression {
  const hex = Buffer.from(start.buffer, start.byteOffset, start.byteLength).toString('hex');
  return magics.find(([, magic]) => hex.startsWith(magic))?.[0] ?? 'none';
}

/**
 * The stream's content, decompressed by what it begins with; uncompressed content passes. ParseError
 * IPK_UNSUPPORTED_COMPRESSION, IPK_TRUNCATED, IPK_MALFORMED, or IPK_TOO_LARGE from the budget.
 */
export async function* decompress(
  stream: ByteStream,
  budget: IpkBudget,
  what: string,
): AsyncGenerator<Uint8Array, undefined> {
  const source = new ByteSource(stream);
  const compression = compressionOf(await source.peek(6));
  const output = decode(compression, source.rest(), what);
  let size = 0;
  for await (const piece of output) {
    size += piece.byteLength;
    budget.checkUnpacked(size);
    yield piece;
  }
}

function decode(
  compression: Compression,
  input: AsyncGenerator<Uint8Array>,
  what: string,
): AsyncGenerator<Uint8Array> {
  switch (compression) {
    case 'none':
      return input;
    case 'gzip':
      return gunzip(input, what);
    case 'zstd':
      return unzstd(input, what);
    default:
      throw new ParseError('IPK_UNSUPPORTED_COMPRESSION', `${what} is compressed with ${compression}`, {
        hint: 'ask for the package built with gzip or zstd',
      });
  }
}

/** The content of a gzip stream, several members one after the other included; a cut or damaged one is a ParseError. */
export async function* gunzip(input: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  const decoder = createGunzip({ chunkSize: outputChunk });
  // The callback only has to exist: the error, the input's own too, comes out of the loop below.
  pipeline(input, decoder, () => undefined);
  try {
    for await (const piece of decoder) yield piece as Uint8Array;
  } catch (error) {
    throw zlibError(error, what);
  } finally {
    decoder.destroy();
  }
}

/** A zlib error as ours; errors of other origin as they are. */
function zlibError(error: unknown, what: string): unknown {
  if (isOpkgOstreeError(error) || !(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'Z_BUF_ERROR')
    return new ParseError('IPK_TRUNCATED', `${what} is cut short`, { cause: error });
  if (typeof error.code === 'string' && error.code.startsWith('Z_'))
    return new ParseError('IPK_MALFORMED', `${what} is not valid gzip: ${error.message}`, { cause: error });
  return error;
}

async function* unzstd(input: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  // Rare in feeds, so its code is loaded only when a package needs it.
  const { Decompress } = await import('fzstd');
  const guard = new ZstdFrameGuard();
  let pieces: Uint8Array[] = [];
  const decoder = new Decompress((piece) => {
    pieces.push(piece.slice());
  });
  const push = (piece: Uint8Array, final: boolean) => {
    try {
      decoder.push(piece, final);
    } catch (error) {
      throw new ParseError('IPK_MALFORMED', `${what} is not valid zstd`, { cause: error });
    }
  };
  for await (const piece of input) {
    // Small steps bound what one call can put out: a run-length block of four bytes stands for 128 KiB.
    for (let at = 0; at < piece.byteLength; at += zstdStep) {
      const step = piece.subarray(at, at + zstdStep);
      guard.push(step);
      push(step, false);
      yield* pieces;
      pieces = [];
    }
  }
  guard.finish();
  push(new Uint8Array(0), true);
  yield* pieces;
}

const zstdStep = 1 << 10;
