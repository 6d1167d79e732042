/**
 * Watches the framing of a zstd stream (RFC 8878 section 3.1) as it passes. The decoder allocates what a
 * frame header asks for, up to 2 GiB, and does not tell a stream that ends between two blocks from a whole one.
 */
import { ParseError } from '../base/index.ts';
import { tooLarge } from './limits.ts';

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
/** What `zstd --ultra -22` needs is 128 MiB; levels to 19, all that build tools use, need 8. */
const maxWindow = 1 << 24;
const maxFrames = 1024;

type State = 'magic' | 'skip-size' | 'descriptor' | 'frame-header' | 'block-header';

/** Feed it every piece with `push`, then call `finish`. Both throw ParseError. */
export class ZstdFrameGuard {
  #state: State = 'magic';
  /** Bytes of the current header so far, and how many it has. */
  #header: number[] = [];
  #wanted = 4;
  #descriptor = 0;
  /** Bytes of a block, checksum or skippable frame still to pass. */
  #skip = 0;
  #checksum = false;
  #singleSegment = false;
  #frames = 0;

  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.byteLength; ) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, piece.byteLength - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      this.#header.push(piece[at] ?? 0);
      at++;
      if (this.#header.length === this.#wanted) this.#advance(this.#header);
    }
  }

  finish(): void {
    if (this.#state !== 'magic' || this.#skip > 0 || this.#header.length > 0 || this.#frames === 0)
      throw new ParseError('IPK_TRUNCATED', 'a zstd stream is cut short');
  }

  #advance(header: readonly number[]): void {
    this.#header = [];
    const word = littleEndian(header, 0, header.length);
    switch (this.#state) {
      case 'magic':
        this.#readMagic(word);
        break;
      case 'skip-size':
        this.#skip = word;
        this.#expect('magic', 4);
        break;
      case 'descriptor':
        this.#readDescriptor(word);
        break;
      case 'frame-header':
        this.#checkWindow(header);
        this.#expect('block-header', 3);
        break;
      case 'block-header':
        this.#readBlock(word);
    }
  }

  #readMagic(word: number): void {
    this.#frames++;
    if (this.#frames > maxFrames) throw tooLarge('a zstd stream has too many frames');
    if (word === frameMagic) this.#expect('descriptor', 1);
    else if (word - (word % 16) === skippableMagic) this.#expect('skip-size', 4);
    else throw new ParseError('IPK_MALFORMED', 'a zstd stream goes on with something else');
  }

  #readDescriptor(byte: number): void {
    this.#descriptor = byte;
    this.#singleSegment = (byte & 0x20) !== 0;
    this.#checksum = (byte & 0x04) !== 0;
    if ((byte & 0x08) !== 0) throw new ParseError('IPK_MALFORMED', 'a zstd frame sets a reserved bit');
    if ((byte & 0x03) !== 0) throw new ParseError('IPK_MALFORMED', 'a zstd frame needs a dictionary');
    const contentSize = this.#contentSizeBytes();
    const wanted = contentSize + (this.#singleSegment ? 0 : 1);
    this.#expect('frame-header', wanted);
  }

  #contentSizeBytes(): number {
    const flag = this.#descriptor >> 6;
    return flag === 0 ? (this.#singleSegment ? 1 : 0) : 1 << flag;
  }

  #checkWindow(header: readonly number[]): void {
    const window = this.#singleSegment
      ? littleEndian(header, 0, this.#contentSizeBytes())
      : windowOf(header[0] ?? 0);
    if (window > maxWindow) throw tooLarge(`a zstd frame needs a window of more than ${maxWindow} bytes`);
  }

  #readBlock(word: number): void {
    const type = (word >> 1) & 3;
    if (type === 3) throw new ParseError('IPK_MALFORMED', 'a zstd block has a reserved type');
    // A run-length block stores its one byte once, whatever size it stands for.
    this.#skip = type === 1 ? 1 : word >> 3;
    if ((word & 1) === 0) {
      this.#expect('block-header', 3);
      return;
    }
    this.#skip += this.#checksum ? 4 : 0;
    this.#expect('magic', 4);
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function littleEndian(bytes: readonly number[], offset: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0);
  return value;
}
