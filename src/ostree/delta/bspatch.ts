/**
 * bsdiff streams without header and compression (Endsley's variant): three signed numbers, the bytes to add to the
 * old file's, the bytes to insert, and so on until the new file is full.
 */
import { invalidDelta } from './errors.ts';
import { type ReadSource, sourcePiece } from './read-source.ts';

const controlLength = 24;

/** Applies `patch` to the source: `write` gets the new file's `size` bytes in pieces. ParseError DELTA_INVALID. */
export function applyPatch(
  source: ReadSource,
  patch: Uint8Array,
  size: number,
  write: (piece: Uint8Array) => void,
): void {
  const view = Buffer.from(patch.buffer, patch.byteOffset, patch.byteLength);
  let at = 0;
  let oldAt = 0;
  let done = 0;
  while (done < size) {
    if (patch.length - at < controlLength) throw invalidDelta('a patch ends early');
    const add = signMagnitude(view, at);
    const insert = signMagnitude(view, at + 8);
    const seek = signMagnitude(view, at + 16);
    at += controlLength;
    if (add < 0 || insert < 0 || add > size - done || insert > size - done - add)
      throw invalidDelta('a patch writes beyond its file');
    if (add + insert > patch.length - at) throw invalidDelta('a patch ends early');
    addPieces(source, oldAt, patch.subarray(at, at + add), write);
    at += add;
    if (insert > 0) write(patch.subarray(at, at + insert));
    at += insert;
    done += add + insert;
    oldAt += add + seek;
    if (!Number.isSafeInteger(oldAt)) throw invalidDelta('a patch seeks too far');
  }
}

/** Outside the old file there is nothing to add to. */
function addPieces(
  source: ReadSource,
  oldAt: number,
  diff: Uint8Array,
  write: (piece: Uint8Array) => void,
): void {
  for (let from = 0; from < diff.length; from += sourcePiece) {
    const sum = Buffer.from(diff.subarray(from, from + sourcePiece));
    const start = Math.max(oldAt + from, 0);
    const end = Math.min(oldAt + from + sum.length, source.size);
    if (end > start) {
      const old = source.read(start, end - start);
      const shift = start - oldAt - from;
      for (let i = 0; i < old.length; i++) sum[shift + i] = ((sum[shift + i] ?? 0) + (old[i] ?? 0)) & 0xff;
    }
    write(sum);
  }
}

function signMagnitude(view: Buffer, at: number): number {
  const low = view.readUInt32LE(at);
  const high = view.readUInt32LE(at + 4);
  const value = (high & 0x7fffffff) * 2 ** 32 + low;
  if (!Number.isSafeInteger(value)) throw invalidDelta('an impossibly large number in a patch');
  return (high & 0x80000000) === 0 ? value : -value;
}
