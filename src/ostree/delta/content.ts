import { join } from 'node:path/posix';
import { close, open, openForRead, read, unlinkIfExists, writeAll } from '../../sys/index.ts';
import type { FileObject } from '../file-object.ts';
import { invalidDelta } from './errors.ts';
import type { ReadSource } from './read-source.ts';

const wholeLimit = 4 << 20;

/**
 * A regular file's content at any position in bounded memory: large files of an archive are inflated into `folder`
 * first. The source removes what it made there when it is closed.
 */
export async function openContent(file: FileObject, folder: string): Promise<ReadSource> {
  if (file.size <= wholeLimit) {
    const content = file.readAll(wholeLimit);
    return {
      checksum: file.checksum,
      size: content.length,
      read: (offset, length) => content.subarray(offset, offset + length),
      close: () => undefined,
    };
  }
  if (!file.path.endsWith('.filez')) return fileSource(file, file.path, false);
  const path = join(folder, file.checksum);
  const fd = open(path, 'wx', 0o600);
  try {
    for await (const chunk of file.stream()) if (chunk instanceof Uint8Array) writeAll(fd, chunk);
  } finally {
    close(fd);
  }
  return fileSource(file, path, true);
}

/** The whole content at once. */
export function readWhole(source: ReadSource): Uint8Array {
  const content = Buffer.allocUnsafeSlow(source.size);
  const step = 1 << 18;
  for (let at = 0; at < source.size; at += step)
    content.set(source.read(at, Math.min(step, source.size - at)), at);
  return content;
}

function fileSource(file: FileObject, path: string, temporary: boolean): ReadSource {
  const fd = openForRead(path);
  let buffer = Buffer.alloc(0);
  return {
    checksum: file.checksum,
    size: file.size,
    read(offset, length) {
      if (buffer.length < length) buffer = Buffer.allocUnsafe(length);
      for (let done = 0; done < length; ) {
        const got = read(fd, buffer, done, length - done, offset + done);
        if (got === 0) throw invalidDelta(`the object ${file.checksum} became shorter`);
        done += got;
      }
      return buffer.subarray(0, length);
    },
    close: () => {
      close(fd);
      if (temporary) unlinkIfExists(path);
    },
  };
}
