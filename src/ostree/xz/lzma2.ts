/** LZMA2: LZMA chunks and stored ones, each behind a control byte (xz-file-format 5.3.1). */
import type { ByteSource, Step } from './byte-source.ts';
import { invalidXz } from './errors.ts';
import { LzmaDecoder } from './lzma.ts';
import type { Window } from './window.ts';

const endOfData = 0x00;
const storedWithReset = 0x01;
const stored = 0x02;
const lzma = 0x80;
const lzmaStateReset = 0xa0;
const lzmaNewProperties = 0xc0;
const lzmaDictionaryReset = 0xe0;

/** Decodes until the end marker. After each chunk `afterChunk` is told how many bytes the window gained. */
export function* decodeLzma2(
  source: ByteSource,
  window: Window,
  afterChunk: (gained: number) => void,
): Step<void> {
  const decoder = new LzmaDecoder(window);
  let needsDictionary = true;
  let needsProperties = true;
  for (;;) {
    const control = yield* source.byte();
    if (control === endOfData) return;
    if (control === storedWithReset || control >= lzmaDictionaryReset) {
      window.resetDictionary();
      needsDictionary = false;
      needsProperties = true;
    }
    if (needsDictionary) throw invalidXz('the first chunk does not reset the dictionary');
    let size: number;
    if (control >= lzma) {
      size = ((control & 0x1f) << 16) + (yield* shortOf(source)) + 1;
      const packed = (yield* shortOf(source)) + 1;
      if (control >= lzmaNewProperties) {
        decoder.setProperties(yield* source.byte());
        needsProperties = false;
      } else if (needsProperties) throw invalidXz('a chunk without LZMA properties');
      else if (control >= lzmaStateReset) decoder.resetState();
      decoder.decode(yield* source.take(packed), size);
    } else {
      if (control > stored) throw invalidXz('an unknown kind of chunk');
      size = (yield* shortOf(source)) + 1;
      window.append(yield* source.take(size));
    }
    afterChunk(size);
  }
}

function* shortOf(source: ByteSource): Step<number> {
  const [high = 0, low = 0] = yield* source.take(2);
  return (high << 8) | low;
}
