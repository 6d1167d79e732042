/**
 * LZMA as LZMA2 uses it: chunks of at most 64 KiB input and 2 MiB output with known sizes and no end marker
 * (LZMA SDK, lzma-specification; xz-file-format 5.3.1). The range coder's numbers are kept as signed 32-bit values:
 * every engine has those fast, unsigned ones only some.
 */
import { invalidXz } from './errors.ts';
import type { Window } from './window.ts';

const probabilityBits = 11;
const probabilityInit = 1 << (probabilityBits - 1);
const moveBits = 5;
const signBit = 0x80000000 | 0;
const posStatesMax = 16;
const states = 12;
const minMatch = 2;
/** More than one symbol can ever read, so that the end of input need be looked at once per symbol only. */
const inputSlack = 64;
const maxChunkInput = 1 << 16;
const lowestCopyWithin = 48;

/** Where each set of probabilities begins in the one table. */
const isMatch = 0;
const isRep = isMatch + states * posStatesMax;
const isRepG0 = isRep + states;
const isRepG1 = isRepG0 + states;
const isRepG2 = isRepG1 + states;
const isRep0Long = isRepG2 + states;
const distanceSlot = isRep0Long + states * posStatesMax;
const distanceSpecial = distanceSlot + 4 * 64;
const distanceAlign = distanceSpecial + 128;
const matchLength = distanceAlign + 16;
const lengthCoder = 2 + 2 * posStatesMax * 8 + 256;
const repLength = matchLength + lengthCoder;
const literals = repLength + lengthCoder;
const literalCoder = 0x300;

/** The decoder's state over the chunks of one block. */
export class LzmaDecoder {
  readonly #window: Window;
  /** A chunk's bytes and behind them `inputSlack` bytes that a broken chunk may run into. */
  readonly #input = new Uint8Array(maxChunkInput + inputSlack);
  #probs = new Uint16Array(literals);
  #lc = 0;
  #literalPosMask = 0;
  #posMask = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  #range = 0;
  #code = 0;
  #at = 0;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Takes lc, lp and pb from their byte and resets the state. */
  setProperties(byte: number): void {
    const pb = Math.floor(byte / 45);
    const lp = Math.floor((byte % 45) / 9);
    const lc = byte % 9;
    if (pb > 4 || lc + lp > 4) throw invalidXz('impossible LZMA properties');
    this.#lc = lc;
    this.#literalPosMask = (1 << lp) - 1;
    this.#posMask = (1 << pb) - 1;
    const size = literals + (literalCoder << (lc + lp));
    if (this.#probs.length !== size) this.#probs = new Uint16Array(size);
    this.resetState();
  }

  /** Forgets what was learnt, but not the dictionary. */
  resetState(): void {
    this.#probs.fill(probabilityInit);
    this.#state = 0;
    this.#rep0 = 0;
    this.#rep1 = 0;
    this.#rep2 = 0;
    this.#rep3 = 0;
  }

  /** Decodes one chunk: all of `input` becomes exactly `size` bytes of the window. */
  decode(input: Uint8Array, size: number): void {
    if (input.length < 5 || input[0] !== 0) throw invalidXz('a chunk does not begin as a range coder does');
    this.#input.set(input);
    this.#range = -1;
    this.#code = new DataView(input.buffer, input.byteOffset).getInt32(1);
    this.#at = 5;
    const window = this.#window;
    window.reserve(size);
    const { reach, dictionary, position: start } = window;
    const limit = start + size;
    const phase = (window.total - start) & (posStatesMax - 1);
    let position = start;
    while (position < limit) {
      const posState = (position + phase) & this.#posMask;
      if (this.#bit(isMatch + (this.#state << 4) + posState) === 0) {
        this.#literal(position, position + phase, position - start + reach);
        position += 1;
      } else {
        const length = this.#matchLengthAt(posState);
        const available = Math.min(position - start + reach, dictionary);
        // Compared without a sign: the end marker, which LZMA2 has not, is the largest distance.
        if (this.#rep0 >>> 0 >= available) throw invalidXz('a match reaches before the dictionary');
        if (length > limit - position) throw invalidXz('a match goes beyond its chunk');
        copyMatch(window.buffer, position, this.#rep0 + 1, length);
        position += length;
      }
      if (this.#at > input.length) throw invalidXz('a chunk ends early');
    }
    if (this.#at !== input.length || this.#code !== 0) throw invalidXz('a chunk has more data than content');
    window.advance(size);
  }

  #bit(index: number): number {
    const probs = this.#probs;
    const p = probs[index] ?? 0;
    const bound = Math.imul(this.#range >>> probabilityBits, p);
    let range: number;
    let bit: number;
    if ((this.#code ^ signBit) < (bound ^ signBit)) {
      range = bound;
      probs[index] = p + (((1 << probabilityBits) - p) >> moveBits);
      bit = 0;
    } else {
      range = (this.#range - bound) | 0;
      this.#code = (this.#code - bound) | 0;
      probs[index] = p - (p >> moveBits);
      bit = 1;
    }
    if (range >>> 24 === 0) {
      range <<= 8;
      this.#code = (this.#code << 8) | (this.#input[this.#at++] ?? 0);
    }
    this.#range = range;
    return bit;
  }

  /** A number of `bits` bits, high bits first; `base` is the tree's place in the table. */
  #tree(base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let result = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(base + symbol);
      symbol = (symbol << 1) | bit;
      result |= bit << i;
    }
    return result;
  }

  #directBits(count: number): number {
    let result = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      this.#code = (this.#code - this.#range) | 0;
      const borrow = this.#code >> 31;
      this.#code = (this.#code + (this.#range & borrow)) | 0;
      result = (result << 1) + (borrow + 1);
      if (this.#range >>> 24 === 0) {
        this.#range <<= 8;
        this.#code = (this.#code << 8) | (this.#input[this.#at++] ?? 0);
      }
    }
    return result;
  }

  #literal(position: number, aligned: number, reach: number): void {
    const buffer = this.#window.buffer;
    const previous = reach > 0 ? (buffer[position - 1] ?? 0) : 0;
    const context = ((aligned & this.#literalPosMask) << this.#lc) + (previous >> (8 - this.#lc));
    const base = literals + literalCoder * context;
    let symbol = 1;
    if (this.#state >= 7) {
      if (this.#rep0 >>> 0 >= reach) throw invalidXz('a literal reaches before the dictionary');
      let matched = buffer[position - this.#rep0 - 1] ?? 0;
      let offset = 0x100;
      while (symbol < 0x100) {
        matched <<= 1;
        const matchBit = matched & offset;
        const bit = this.#bit(base + offset + matchBit + symbol);
        symbol = (symbol << 1) | bit;
        offset &= bit === 0 ? ~matchBit : matchBit;
      }
    } else while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol);
    buffer[position] = symbol;
    const state = this.#state;
    this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }

  /** Reads a match after its first bit: its length; the distance, less one, goes to rep0. */
  #matchLengthAt(posState: number): number {
    const state = this.#state;
    if (this.#bit(isRep + state) === 0) return this.#newMatch(posState);
    if (this.#bit(isRepG0 + state) === 0) {
      if (this.#bit(isRep0Long + (state << 4) + posState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#rep1;
      if (this.#bit(isRepG1 + state) !== 0) {
        distance = this.#rep2;
        if (this.#bit(isRepG2 + state) !== 0) {
          distance = this.#rep3;
          this.#rep3 = this.#rep2;
        }
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
      this.#rep0 = distance;
    }
    this.#state = state < 7 ? 8 : 11;
    return this.#length(repLength, posState);
  }

  #newMatch(posState: number): number {
    this.#state = this.#state < 7 ? 7 : 10;
    this.#rep3 = this.#rep2;
    this.#rep2 = this.#rep1;
    this.#rep1 = this.#rep0;
    const length = this.#length(matchLength, posState);
    const slot = this.#tree(distanceSlot + (Math.min(length - minMatch, 3) << 6), 6);
    if (slot < 4) {
      this.#rep0 = slot;
      return length;
    }
    const bits = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) << bits;
    if (slot < 14) this.#rep0 = high + this.#reverseTree(distanceSpecial + high - slot, bits);
    else {
      const direct = this.#directBits(bits - 4) << 4;
      this.#rep0 = (high + direct + this.#reverseTree(distanceAlign, 4)) | 0;
    }
    return length;
  }

  #length(base: number, posState: number): number {
    if (this.#bit(base) === 0) return minMatch + this.#tree(base + 2 + (posState << 3), 3);
    if (this.#bit(base + 1) === 0) {
      return minMatch + 8 + this.#tree(base + 2 + posStatesMax * 8 + (posState << 3), 3);
    }
    return minMatch + 16 + this.#tree(base + 2 + posStatesMax * 16, 8);
  }
}

function copyMatch(buffer: Uint8Array, position: number, distance: number, length: number): void {
  if (distance >= length && length >= lowestCopyWithin) {
    buffer.copyWithin(position, position - distance, position - distance + length);
    return;
  }
  for (let i = position; i < position + length; i++) buffer[i] = buffer[i - distance] ?? 0;
}
