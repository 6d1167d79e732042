import { crc32 } from 'node:zlib';
import type { ByteSource, Step } from './byte-source.ts';
import { invalidXz } from './errors.ts';
import { readVariable } from './headers.ts';

/**
 * Reads a stream's index behind its first byte, which was 0, up to and with its CRC; gives each record to `record` as
 * the block's size in the file (without padding) and of its content. Returns the index's whole size in bytes.
 */
export function* readIndex(
  source: ByteSource,
  expected: number,
  record: (packed: number, size: number) => void,
): Step<number> {
  const start = source.consumed - 1;
  let crc = crc32(Uint8Array.of(0));
  const one = new Uint8Array(1);
  const seen = (byte: number) => {
    one[0] = byte;
    crc = crc32(one, crc);
  };
  const count = yield* readVariable(source, seen);
  if (count !== expected) throw invalidXz('the index has another number of blocks');
  for (let i = 0; i < count; i++) {
    const packed = yield* readVariable(source, seen);
    record(packed, yield* readVariable(source, seen));
  }
  while ((source.consumed - start) % 4 !== 0) {
    const byte = yield* source.byte();
    if (byte !== 0) throw invalidXz('padding is not zero');
    seen(byte);
  }
  const stored = yield* source.take(4);
  const view = new DataView(stored.buffer, stored.byteOffset, 4);
  if (view.getUint32(0, true) !== crc) throw invalidXz('the index is damaged');
  return source.consumed - start;
}
