import { ParseError, strictTextOf } from '../base/index.ts';
import type { VariantValue } from './gvariant.ts';
import { alignUp, isSignature, maxVariantDepth, type TypeNode, typeNode } from './gvariant-type.ts';
import { offsetWidth } from './gvariant-writer.ts';

const objectPath = /^\/(?:[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*)?$/u;

/**
 * Reads values of exactly the bytes that the writer would make: padding zero, offsets ascending and of the smallest
 * width, no gaps. So every value has one serialisation, and hostile offsets can neither overlap nor multiply work.
 */
export class VariantReader {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The value that takes up [start, end); `start` is aligned for the type. */
  read(node: TypeNode, start: number, end: number, depth: number): VariantValue {
    if (depth > maxVariantDepth) throw invalid('nested too deep', start);
    if (node.size !== undefined && end - start !== node.size)
      throw invalid('a value has a wrong size', start);
    switch (node.kind) {
      case 'basic':
        return this.#basic(node.code, start, end);
      case 'bytes':
        return this.#bytes.subarray(start, end);
      case 'variant':
        return this.#variant(start, end, depth);
      case 'maybe':
        return this.#maybe(node.element, start, end, depth);
      case 'array':
        return this.#array(node.element, start, end, depth);
      case 'tuple':
        return this.#tuple(node, start, end, depth);
    }
  }

  #basic(code: string, start: number, end: number): VariantValue {
    const b = this.#bytes;
    switch (code) {
      case 'y':
        return b.readUInt8(start);
      case 'b': {
        const value = b.readUInt8(start);
        if (value > 1) throw invalid('a boolean is neither 0 nor 1', start);
        return value === 1;
      }
      case 'n':
        return b.readInt16LE(start);
      case 'q':
        return b.readUInt16LE(start);
      case 'i':
      case 'h':
        return b.readInt32LE(start);
      case 'u':
        return b.readUInt32LE(start);
      case 'x':
        return b.readBigInt64LE(start);
      case 't':
        return b.readBigUInt64LE(start);
      case 'd':
        return b.readDoubleLE(start);
      default:
        return this.#text(code, start, end);
    }
  }

  #text(code: string, start: number, end: number): string {
    const terminator = this.#bytes.indexOf(0, start);
    if (end <= start || terminator !== end - 1)
      throw invalid('a string is not terminated where it ends', start);
    const text = strictTextOf(this.#bytes.subarray(start, end - 1));
    if (text === undefined) throw invalid('a string is not UTF-8', start);
    if (code === 'o' && !objectPath.test(text)) throw invalid('not an object path', start);
    if (code === 'g' && !isSignature(text)) throw invalid('not a signature', start);
    return text;
  }

  #variant(start: number, end: number, depth: number): VariantValue {
    const separator = end > start ? this.#bytes.lastIndexOf(0, end - 1) : -1;
    if (separator < start) throw invalid('a variant without a type', start);
    const type = this.#bytes.toString('latin1', separator + 1, end);
    return { type, value: this.read(typeNode(type), start, separator, depth + 1) };
  }

  #maybe(element: TypeNode, start: number, end: number, depth: number): VariantValue {
    if (start === end) return null;
    if (element.size !== undefined) return this.read(element, start, end, depth + 1);
    if (this.#bytes[end - 1] !== 0) throw invalid('a maybe is not terminated', start);
    return this.read(element, start, end - 1, depth + 1);
  }

  #array(element: TypeNode, start: number, end: number, depth: number): VariantValue {
    if (start === end) return [];
    if (element.size !== undefined) return this.#fixedArray(element, element.size, start, end, depth);
    const width = widthOf(end - start);
    const table = start + this.#offset(end - width, width);
    const count = (end - table) / width;
    if (
      table < start ||
      count < 1 ||
      !Number.isInteger(count) ||
      offsetWidth(table - start, count) !== width
    ) {
      throw invalid('an array has a wrong offset table', start);
    }
    const items: VariantValue[] = [];
    let at = start;
    for (let i = 0; i < count; i++) {
      const itemEnd = start + this.#offset(table + i * width, width);
      if (itemEnd > table) throw invalid('an offset points out of its array', at);
      at = this.#aligned(at, element.alignment, itemEnd);
      items.push(this.read(element, at, itemEnd, depth + 1));
      at = itemEnd;
    }
    return items;
  }

  #fixedArray(element: TypeNode, size: number, start: number, end: number, depth: number): VariantValue {
    if ((end - start) % size !== 0) throw invalid('an array ends within an element', start);
    const items: VariantValue[] = [];
    for (let at = start; at < end; at += size) items.push(this.read(element, at, at + size, depth + 1));
    return items;
  }

  #tuple(node: TypeNode & { kind: 'tuple' }, start: number, end: number, depth: number): VariantValue {
    const width = widthOf(end - start);
    const bodyEnd = end - node.offsets * width;
    if (bodyEnd < start || (node.offsets > 0 && offsetWidth(bodyEnd - start, node.offsets) !== width)) {
      throw invalid('a tuple has a wrong offset table', start);
    }
    const items: VariantValue[] = [];
    let at = start;
    let offsetAt = end;
    node.members.forEach((member, i) => {
      at = this.#aligned(at, member.alignment, bodyEnd);
      let memberEnd = bodyEnd;
      if (member.size !== undefined) memberEnd = at + member.size;
      else if (i < node.members.length - 1) {
        offsetAt -= width;
        memberEnd = start + this.#offset(offsetAt, width);
      }
      if (memberEnd < at || memberEnd > bodyEnd) throw invalid('a tuple ends within a member', at);
      items.push(this.read(member, at, memberEnd, depth + 1));
      at = memberEnd;
    });
    if (node.size !== undefined) this.#zeros(at, end);
    else if (at !== bodyEnd) throw invalid('a tuple has bytes that no member uses', at);
    return items;
  }

  /** `at` moved up to the alignment, the padding checked to be zero and the result to lie within `limit`. */
  #aligned(at: number, alignment: number, limit: number): number {
    const next = alignUp(at, alignment);
    if (next > limit) throw invalid('an offset points backwards or out of its container', at);
    if (next !== at) this.#zeros(at, next);
    return next;
  }

  #zeros(from: number, to: number): void {
    for (let at = from; at < to; at++) if (this.#bytes[at] !== 0) throw invalid('padding is not zero', at);
  }

  #offset(at: number, width: 1 | 2 | 4 | 8): number {
    if (width < 8) return this.#bytes.readUIntLE(at, width);
    const value = this.#bytes.readBigUInt64LE(at);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
  }
}

function widthOf(size: number): 1 | 2 | 4 | 8 {
  return offsetWidth(size, 0);
}

function invalid(what: string, at: number): ParseError {
  return new ParseError('GVARIANT_INVALID', `${what} (at byte ${at})`, { details: { offset: at } });
}
