import { ParseError } from '../base/index.ts';
import type { Variant, VariantValue } from './gvariant.ts';
import { alignUp, isSignature, maxVariantDepth, type TypeNode, typeNode } from './gvariant-type.ts';

const firstCapacity = 256;
const objectPath = /^\/(?:[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*)?$/u;

/** The smallest width of framing offsets with which `body` bytes and `count` offsets can be addressed. */
export function offsetWidth(body: number, count: number): 1 | 2 | 4 | 8 {
  if (body + count <= 0xff) return 1;
  if (body + count * 2 <= 0xffff) return 2;
  return body + count * 4 <= 0xffffffff ? 4 : 8;
}

/** Builds one value into a growing buffer. Every container begins aligned, so absolute positions decide padding. */
export class VariantWriter {
  #buffer = Buffer.alloc(firstCapacity);
  #length = 0;

  /** The bytes written; the writer is used up. */
  take(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Appends the value with the padding that its alignment asks for. */
  write(node: TypeNode, value: VariantValue, depth = 0): void {
    if (depth > maxVariantDepth) throw new ParseError('GVARIANT_INVALID', 'values are nested too deep');
    this.#pad(node.alignment);
    switch (node.kind) {
      case 'basic':
        this.#basic(node.code, value);
        break;
      case 'bytes':
        if (!(value instanceof Uint8Array)) throw mismatch('ay');
        this.#append(value);
        break;
      case 'variant':
        this.#variant(value, depth);
        break;
      case 'maybe':
        this.#maybe(node.element, value, depth);
        break;
      case 'array':
        this.#array(node.element, value, depth);
        break;
      case 'tuple':
        this.#tuple(node, value, depth);
        break;
    }
  }

  #room(bytes: number): number {
    const at = this.#length;
    const needed = at + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }

  #pad(alignment: number): void {
    const missing = alignUp(this.#length, alignment) - this.#length;
    if (missing > 0) this.#room(missing);
  }

  #append(bytes: Uint8Array): void {
    const at = this.#room(bytes.byteLength);
    this.#buffer.set(bytes, at);
  }

  #basic(code: string, value: VariantValue): void {
    if (code === 's' || code === 'o' || code === 'g') this.#text(code, value);
    else if (code === 'x' || code === 't') this.#bigInteger(code, value);
    else if (code === 'b') {
      if (typeof value !== 'boolean') throw mismatch(code);
      const at = this.#room(1);
      this.#buffer[at] = value ? 1 : 0;
    } else if (typeof value !== 'number') throw mismatch(code);
    else if (code === 'd') {
      const at = this.#room(8);
      this.#buffer.writeDoubleLE(value, at);
    } else this.#integer(code, value);
  }

  #integer(code: string, value: number): void {
    const signed = code === 'n' || code === 'i' || code === 'h';
    const size = code === 'y' ? 1 : code === 'n' || code === 'q' ? 2 : 4;
    const span = 2 ** (size * 8);
    const low = signed ? -span / 2 : 0;
    if (!Number.isInteger(value) || value < low || value >= low + span) throw mismatch(code);
    // `room` may replace the buffer, so it comes first.
    const at = this.#room(size);
    if (signed) this.#buffer.writeIntLE(value, at, size);
    else this.#buffer.writeUIntLE(value, at, size);
  }

  #bigInteger(code: string, value: VariantValue): void {
    if (typeof value !== 'bigint') throw mismatch(code);
    const wrapped = code === 'x' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
    if (wrapped !== value) throw mismatch(code);
    const at = this.#room(8);
    if (code === 'x') this.#buffer.writeBigInt64LE(value, at);
    else this.#buffer.writeBigUInt64LE(value, at);
  }

  #text(code: string, value: VariantValue): void {
    if (typeof value !== 'string' || value.includes('\0')) throw mismatch(code);
    if (code === 'o' && !objectPath.test(value)) throw mismatch(code);
    if (code === 'g' && !isSignature(value)) throw mismatch(code);
    const bytes = Buffer.byteLength(value);
    const at = this.#room(bytes + 1);
    this.#buffer.write(value, at, bytes, 'utf8');
  }

  #variant(value: VariantValue, depth: number): void {
    if (typeof value !== 'object' || value === null || !('type' in value)) throw mismatch('v');
    const variant: Variant = value;
    this.write(typeNode(variant.type), variant.value, depth + 1);
    const at = this.#room(variant.type.length + 1);
    this.#buffer.write(variant.type, at + 1, 'latin1');
  }

  #maybe(element: TypeNode, value: VariantValue, depth: number): void {
    if (value === null) return;
    this.write(element, value, depth + 1);
    if (element.size === undefined) this.#room(1);
  }

  #array(element: TypeNode, value: VariantValue, depth: number): void {
    if (!Array.isArray(value)) throw mismatch('a');
    const items: readonly VariantValue[] = value;
    const start = this.#length;
    const ends: number[] = [];
    for (const item of items) {
      this.write(element, item, depth + 1);
      if (element.size === undefined) ends.push(this.#length - start);
    }
    this.#offsets(start, ends);
  }

  #tuple(node: TypeNode & { kind: 'tuple' }, value: VariantValue, depth: number): void {
    if (!Array.isArray(value)) throw mismatch('()');
    const items: readonly VariantValue[] = value;
    if (items.length !== node.members.length) throw mismatch('()');
    const start = this.#length;
    const ends: number[] = [];
    node.members.forEach((member, i) => {
      this.write(member, items[i] ?? null, depth + 1);
      if (member.size === undefined && i < node.members.length - 1) ends.push(this.#length - start);
    });
    if (node.size === undefined) this.#offsets(start, ends.reverse());
    else this.#room(start + node.size - this.#length);
  }

  #offsets(start: number, ends: readonly number[]): void {
    if (ends.length === 0) return;
    const width = offsetWidth(this.#length - start, ends.length);
    let at = this.#room(width * ends.length);
    for (const end of ends) {
      // Nothing of 2^48 bytes can exist here; writeUIntLE's six bytes are enough for a width of eight.
      this.#buffer.writeUIntLE(end, at, Math.min(width, 6));
      at += width;
    }
  }
}

function mismatch(type: string): ParseError {
  return new ParseError('GVARIANT_INVALID', `a value does not fit the type '${type}'`);
}
