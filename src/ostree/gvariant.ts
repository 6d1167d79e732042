/**
 * GVariant values in GLib's binary serialisation, little endian, normal form only (docs/formats/ostree.md).
 * In JavaScript: `s` `o` `g` are strings, `b` a boolean, `y n q i u h d` numbers, `x t` bigints, `ay` a Uint8Array,
 * other arrays and all tuples and dict entries arrays, `m?` the value or null, `v` a Variant.
 */
import { ParseError } from '../base/index.ts';
import { VariantReader } from './gvariant-reader.ts';
import { typeNode } from './gvariant-type.ts';
import { VariantWriter } from './gvariant-writer.ts';

/** A value with its type: what a `v` holds. */
export interface Variant {
  readonly type: string;
  readonly value: VariantValue;
}

export type VariantValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Variant
  | readonly VariantValue[];

/** The entries of an `a{sv}` in their order, which is part of the bytes. */
export type VariantDict = readonly (readonly [string, Variant])[];

/** The value's bytes in normal form; ParseError GVARIANT_INVALID when it does not fit the type. */
export function encodeVariant(type: string, value: VariantValue): Uint8Array {
  const writer = new VariantWriter();
  writer.write(typeNode(type), value);
  return writer.take();
}

/** The value of bytes in normal form; ParseError GVARIANT_INVALID for any other bytes. Byte arrays share `bytes`. */
export function decodeVariant(type: string, bytes: Uint8Array): VariantValue {
  return new VariantReader(bytes).read(typeNode(type), 0, bytes.byteLength, 0);
}

/** The entries of a serialised `a{sv}`. A key that appears twice is refused: readers would disagree on its value. */
export function decodeDict(bytes: Uint8Array): VariantDict {
  return toDict(decodeVariant('a{sv}', bytes));
}

/** The bytes of an `a{sv}`, in the order given. */
export function encodeDict(dict: VariantDict): Uint8Array {
  return encodeVariant('a{sv}', dict);
}

/** A decoded `a{sv}` as entries; ParseError GVARIANT_INVALID for another value or a repeated key. */
export function toDict(value: VariantValue): VariantDict {
  const seen = new Set<string>();
  return listOf(value).map((entry) => {
    const [key, variant] = listOf(entry);
    if (typeof key !== 'string' || !isVariant(variant)) throw wrongShape('a{sv}');
    if (seen.has(key)) throw new ParseError('GVARIANT_INVALID', `the key '${key}' appears twice`);
    seen.add(key);
    return [key, variant] as const;
  });
}

/** Makers of the variants that metadata is made of. */
export const v = {
  string: (value: string): Variant => ({ type: 's', value }),
  bool: (value: boolean): Variant => ({ type: 'b', value }),
  bytes: (value: Uint8Array): Variant => ({ type: 'ay', value }),
  strings: (value: readonly string[]): Variant => ({ type: 'as', value }),
  uint32: (value: number): Variant => ({ type: 'u', value }),
  uint64: (value: bigint): Variant => ({ type: 't', value }),
  dict: (value: VariantDict): Variant => ({ type: 'a{sv}', value }),
} as const;

/** The key's variant, or undefined. */
export function dictGet(dict: VariantDict, key: string): Variant | undefined {
  return dict.find(([name]) => name === key)?.[1];
}

/** The key's text; undefined where it is absent or of another type. */
export function dictString(dict: VariantDict, key: string): string | undefined {
  const found = dictGet(dict, key);
  return found?.type === 's' && typeof found.value === 'string' ? found.value : undefined;
}

/** The key's list of texts (`as`); undefined where it is absent or of another type. */
export function dictStrings(dict: VariantDict, key: string): string[] | undefined {
  const found = dictGet(dict, key);
  if (found?.type !== 'as' || !Array.isArray(found.value)) return undefined;
  const list: readonly VariantValue[] = found.value;
  return list.filter((item) => typeof item === 'string');
}

/** The key's entries (`a{sv}`); undefined where it is absent or of another type. */
export function dictDict(dict: VariantDict, key: string): VariantDict | undefined {
  const found = dictGet(dict, key);
  return found?.type === 'a{sv}' ? toDict(found.value) : undefined;
}

/** The value as a list; ParseError GVARIANT_INVALID where it is none. */
export function listOf(value: VariantValue | undefined): readonly VariantValue[] {
  if (Array.isArray(value)) return value;
  throw wrongShape('list');
}

/** True for a value that came from, or fits, a `v`. */
export function isVariant(value: VariantValue | undefined): value is Variant {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    'type' in value &&
    typeof value.type === 'string'
  );
}

function wrongShape(expected: string): ParseError {
  return new ParseError('GVARIANT_INVALID', `the value is not of the shape ${expected}`);
}
