/** A root file system in a tar archive, plain or gzip'd, read as a stream: nothing is unpacked to disk. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  concat,
  isOpkgOstreeError,
  type OperationContext,
  ParseError,
  type RelPath,
  throwIfAborted,
} from '../base/index.ts';
import { readTar, type TarEntry, type TarOptions } from '../ipk/index.ts';
import { close, fstat, open, read, statIfExists } from '../sys/index.ts';
import { EntryCollector, isCaptured, type RawEntry, rootLimits, type ScannedRoot } from './entries.ts';
import type { RootSource } from './source.ts';

const chunkSize = 128 * 1024;
const headerSize = 512;

/** Reads the archive; ParseError ROOTFS_INVALID where it is none. */
export function tarSource(path: string): RootSource {
  return {
    scan: (ctx) => scanTar(path, ctx),
    readFiles: async (wanted, sink, ctx) => {
      const left = new Map(wanted);
      const collector = new EntryCollector(path);
      for await (const { entry, content } of members(path, 'second', ctx)) {
        const clean = collector.add(entry);
        const size = clean === undefined ? undefined : left.get(clean);
        if (clean === undefined || size === undefined) continue;
        if (entry.type !== 'file' || entry.size !== size) throw changed(path);
        left.delete(clean);
        await sink(clean, { kind: 'stream', size, chunks: content });
      }
      if (left.size > 0) throw changed(path);
    },
  };
}

async function scanTar(path: string, ctx: OperationContext): Promise<ScannedRoot> {
  const collector = new EntryCollector(path);
  const captured = new Map<RelPath, Uint8Array>();
  let capturedTotal = 0;
  for await (const { entry, content } of members(path, 'first', ctx)) {
    const clean = collector.add(entry);
    if (clean === undefined || entry.type !== 'file' || !isCaptured(clean)) continue;
    capturedTotal += entry.size;
    if (entry.size > rootLimits.capturedFile || capturedTotal > rootLimits.capturedTotal) {
      throw new ParseError('ROOTFS_INVALID', `${path}: '${clean}' is too large`);
    }
    captured.set(clean, await readWhole(content));
  }
  return { entries: collector.finish(), captured, warnings: [] };
}

type Reading = 'first' | 'second';

interface TarMember {
  readonly entry: RawEntry;
  readonly content: AsyncIterable<Uint8Array>;
}

const tarOptions: TarOptions = {
  maxEntries: rootLimits.entries,
  maxTotal: rootLimits.totalSize,
  codes: {
    malformed: 'ROOTFS_INVALID',
    truncated: 'ROOTFS_INVALID',
    tooLarge: 'ROOTFS_INVALID',
    type: 'ROOTFS_INVALID',
    name: 'ROOTFS_INVALID',
  },
};

async function* members(path: string, reading: Reading, ctx: OperationContext): AsyncGenerator<TarMember> {
  try {
    for await (const entry of readTar(chunksOf(path, reading, ctx), { ...tarOptions, what: path })) {
      throwIfAborted(ctx.signal);
      yield { entry: rawEntry(path, entry), content: entry.content };
    }
  } catch (error) {
    if (isOpkgOstreeError(error) || !isZlibError(error)) throw error;
    throw new ParseError('ROOTFS_INVALID', `${path}: the compressed data is damaged or ends too early`, {
      cause: error,
      hint: 'fetch or make the archive again',
    });
  }
}

const types = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
  hardlink: 'hardlink',
  'character-device': 'device',
  'block-device': 'device',
  fifo: 'fifo',
} as const satisfies Record<TarEntry['type'], RawEntry['type']>;

function rawEntry(archive: string, entry: TarEntry): RawEntry {
  const { name: path, link: target, uid, gid, mode, mtime, size, pax } = entry;
  // A sparse file's bytes are not the ones that are stored.
  if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw new ParseError('ROOTFS_INVALID', `${archive}: '${path}' is a sparse file`, {
      hint: 'make the archive without --sparse',
    });
  }
  return { path, type: types[entry.type], uid, gid, mode, mtime, size, target, xattrs: [] };
}

async function* chunksOf(path: string, reading: Reading, ctx: OperationContext): AsyncGenerator<Uint8Array> {
  if (sniff(path) === 'tar') {
    yield* fileChunks(path, reading, ctx);
    return;
  }
  const gunzip = createGunzip();
  // Errors of the file reach whoever iterates; the callback only says that they are handled.
  pipeline(Readable.from(fileChunks(path, reading, ctx)), gunzip, () => undefined);
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } finally {
    gunzip.destroy();
  }
}

async function* fileChunks(
  path: string,
  reading: Reading,
  ctx: OperationContext,
): AsyncGenerator<Uint8Array> {
  const fd = open(path, 'r');
  try {
    const { size } = fstat(fd);
    // Progress runs once through both readings.
    const before = reading === 'first' ? 0 : size;
    for (let done = 0; ; ) {
      const chunk = new Uint8Array(chunkSize);
      const length = read(fd, chunk, 0, chunkSize);
      if (length === 0) return;
      done += length;
      ctx.onProgress({
        phase: 'unpack',
        done: before + Math.min(done, size),
        total: 2 * size,
        unit: 'bytes',
      });
      yield chunk.subarray(0, length);
    }
  } finally {
    close(fd);
  }
}

/** What the first bytes say; the name of a file does not matter. */
function sniff(path: string): 'gzip' | 'tar' {
  if (statIfExists(path)?.isFile() !== true) throw unreadable(path, 'is no file');
  const start = Buffer.alloc(headerSize);
  const fd = open(path, 'r');
  try {
    read(fd, start, 0, headerSize, 0);
  } finally {
    close(fd);
  }
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start.toString('latin1', 257, 262) === 'ustar') return 'tar';
  throw unreadable(path, "is neither a tar archive nor a gzip'd one");
}

async function readWhole(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of content) parts.push(Uint8Array.from(chunk));
  return concat(parts);
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z_|^ERR_/u.test(String(error.code));
}

function unreadable(path: string, what: string): ParseError {
  return new ParseError('ROOTFS_INVALID', `${path} ${what}`, {
    hint: 'give a directory, a .tar or a .tar.gz',
  });
}

function changed(path: string): ParseError {
  return new ParseError('ROOTFS_INVALID', `${path} changed while it was read`);
}
