import type { Checksum } from '../../base/index.ts';
import { close, openForRead, read } from '../../sys/index.ts';
import type { FileObject } from '../file-object.ts';
import type { Repository } from '../repository.ts';
import { invalidDelta } from './errors.ts';

/** An object's content at any position: what a delta copies from. */
export interface ReadSource {
  readonly checksum: Checksum;
  readonly size: number;
  /** `length` bytes from `offset`, which must lie within; valid until the next call. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/** The longest piece that `read` is asked for. */
export const sourcePiece = 256 << 10;

/**
 * Opens a regular file's content. From a bare repository it is read where it lies; from an archive it has to be
 * inflated into memory, up to `limit` bytes. DELTA_INVALID where it is no regular file or too large.
 */
export function openSource(repo: Repository, checksum: Checksum, limit: number): ReadSource {
  const file = repo.loadFile(checksum);
  if (file.target !== undefined) throw invalidDelta(`it copies from the symlink ${checksum}`);
  // The suffix tells, not the mode: the object may be a parent repository's.
  return file.path.endsWith('.filez') ? inflated(file, limit) : plain(file);
}

function inflated(file: FileObject, limit: number): ReadSource {
  if (file.size > limit)
    throw invalidDelta(`it copies from ${file.checksum}, whose ${file.size} bytes are above the limit`);
  const content = file.readAll(limit);
  return {
    checksum: file.checksum,
    size: content.length,
    read: (offset, length) => content.subarray(offset, offset + length),
    close: () => undefined,
  };
}

function plain(file: FileObject): ReadSource {
  const fd = openForRead(file.path);
  let buffer = Buffer.alloc(0);
  return {
    checksum: file.checksum,
    size: file.size,
    read(offset, length) {
      if (buffer.length < length) buffer = Buffer.allocUnsafe(Math.min(Math.max(length, 4096), sourcePiece));
      let done = 0;
      while (done < length) {
        const got = read(fd, buffer, done, length - done, offset + done);
        if (got === 0) throw invalidDelta(`the object ${file.checksum} became shorter`);
        done += got;
      }
      return buffer.subarray(0, length);
    },
    close: () => close(fd),
  };
}
