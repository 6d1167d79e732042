import { equalBytes, type Sha256, sha256 } from '../../base/index.ts';
import { readIndex } from './block-index.ts';
import { ByteSource, type Step } from './byte-source.ts';
import { type ContentCheck, startCheck } from './check.ts';
import { DeltaFilter } from './delta-filter.ts';
import { invalidXz, unsupportedXz } from './errors.ts';
import {
  type BlockHeader,
  parseBlockHeader,
  parseStreamFooter,
  parseStreamHeader,
  streamHeaderSize,
} from './headers.ts';
import { decodeLzma2 } from './lzma2.ts';
import { Window } from './window.ts';

/** Bounds of what a file may make the decoder do. */
export interface XzLimits {
  /** Bytes of output, of all streams together; XZ_INVALID beyond. */
  readonly maxOutput: number;
  /** Bytes of dictionary; XZ_UNSUPPORTED beyond. 64 MiB, that of `xz -9`, where absent. */
  readonly maxDictionary?: number;
}

export interface XzDecoderOptions extends XzLimits {
  /** Give each block in one piece, held in memory once. Otherwise pieces of at most 2 MiB. */
  readonly whole?: boolean;
}

const defaultDictionary = 64 << 20;
/** LZMA's smallest dictionary: files may name less, yet reach so far. */
const smallestDictionary = 4096;
/** No input byte can become more output than this; a header that claims more gets no memory in advance. */
const maxExpansion = 8192;

/**
 * Decodes .xz data that comes in pieces: all streams, blocks and checks of the format; of the filters LZMA2 and delta.
 * `push` returns what the piece completed; `end` tells whether the input was whole.
 */
export class XzDecoder {
  readonly #options: XzDecoderOptions;
  readonly #source = new ByteSource();
  readonly #parser: Step<void>;
  #ready: Uint8Array[] = [];
  #outputLeft: number;
  #between = false;
  #pushed = 0;

  constructor(options: XzDecoderOptions) {
    this.#options = options;
    this.#outputLeft = options.maxOutput;
    this.#parser = this.#file();
  }

  /** Decodes as far as the input goes; ParseError XZ_INVALID, XZ_UNSUPPORTED. The piece is not copied. */
  push(bytes: Uint8Array): Uint8Array[] {
    this.#pushed += bytes.length;
    this.#source.push(bytes);
    this.#parser.next();
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** Ends the input; ParseError XZ_INVALID where something is missing. */
  end(): void {
    if (!this.#between || this.#source.available !== 0) throw invalidXz('the data ends early');
  }

  *#file(): Step<void> {
    yield* this.#stream(yield* this.#source.take(streamHeaderSize));
    for (;;) {
      this.#between = true;
      const start = yield* this.#source.take(4);
      if (start.every((byte) => byte === 0)) continue;
      this.#between = false;
      const rest = yield* this.#source.take(streamHeaderSize - 4);
      yield* this.#stream(Buffer.concat([start, rest]));
    }
  }

  *#stream(header: Uint8Array): Step<void> {
    const checkId = parseStreamHeader(header);
    const seen = new BlockList();
    for (;;) {
      const sizeByte = yield* this.#source.byte();
      if (sizeByte === 0) break;
      const rest = yield* this.#source.take(sizeByte * 4 + 3);
      const block = parseBlockHeader(Buffer.concat([Uint8Array.of(sizeByte), rest]));
      yield* this.#block(block, rest.length + 1, startCheck(checkId), seen);
    }
    const listed = new BlockList();
    const indexSize = yield* readIndex(this.#source, seen.count, (packed, size) => listed.add(packed, size));
    if (!listed.equals(seen)) throw invalidXz('the index does not fit the blocks');
    const footer = parseStreamFooter(yield* this.#source.take(streamHeaderSize));
    if (footer.check !== checkId || footer.indexSize !== indexSize)
      throw invalidXz('the footer does not fit the stream');
  }

  *#block(header: BlockHeader, headerSize: number, check: ContentCheck, seen: BlockList): Step<void> {
    const maxDictionary = this.#options.maxDictionary ?? defaultDictionary;
    if (header.dictionary > maxDictionary)
      throw unsupportedXz(
        `a dictionary of ${header.dictionary} bytes is above the limit of ${maxDictionary}`,
      );
    const whole = this.#options.whole === true;
    const window = new Window(Math.max(header.dictionary, smallestDictionary), {
      retain: whole,
      capacity: whole ? this.#plausibleSize(header.size) : 0,
    });
    const filters = header.deltas.map((distance) => new DeltaFilter(distance)).reverse();
    const before = this.#source.consumed;
    let size = 0;
    const give = () => {
      const output = window.takeOutput();
      for (const filter of filters) filter.undo(output);
      check.update(output);
      if (output.length > 0) this.#ready.push(output);
    };
    yield* decodeLzma2(this.#source, window, (gained) => {
      size += gained;
      this.#outputLeft -= gained;
      if (this.#outputLeft < 0) throw invalidXz(`more than ${this.#options.maxOutput} bytes of content`);
      if (!whole) give();
    });
    if (whole) give();
    const packed = this.#source.consumed - before;
    if ((header.size ?? size) !== size || (header.packedSize ?? packed) !== packed)
      throw invalidXz('a block has not the size of its header');
    yield* this.#zeros(-packed & 3);
    if (!check.matches(yield* this.#source.take(check.size)))
      throw invalidXz('the content does not fit its check');
    seen.add(headerSize + packed + check.size, size);
  }

  *#zeros(count: number): Step<void> {
    const padding = yield* this.#source.take(count);
    if (padding.some((byte) => byte !== 0)) throw invalidXz('padding is not zero');
  }

  #plausibleSize(claimed: number | undefined): number {
    return Math.min(claimed ?? 0, this.#outputLeft, this.#pushed * maxExpansion);
  }
}

/** The sizes of a stream's blocks as a hash, so that any number of them takes no memory. */
class BlockList {
  count = 0;
  readonly #hash: Sha256 = sha256();

  add(packed: number, size: number): void {
    this.count += 1;
    this.#hash.update(new Uint8Array(Float64Array.of(packed, size).buffer));
  }

  /** Compares and uses up both. */
  equals(other: BlockList): boolean {
    return this.count === other.count && equalBytes(this.#hash.digest(), other.#hash.digest());
  }
}
