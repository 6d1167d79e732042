import { ParseError } from '../base/index.ts';

/**
 * A GVariant type as a tree, with what the serialisation of GLib's GVariant specification needs to know of it:
 * the alignment (1, 2, 4 or 8) and, for types whose every value has one size, that size.
 */
export type TypeNode =
  | { readonly kind: 'basic'; readonly code: string; readonly alignment: number; readonly size?: number }
  | { readonly kind: 'variant'; readonly alignment: number; readonly size?: undefined }
  | { readonly kind: 'bytes'; readonly alignment: number; readonly size?: undefined }
  | {
      readonly kind: 'array';
      readonly element: TypeNode;
      readonly alignment: number;
      readonly size?: undefined;
    }
  | {
      readonly kind: 'maybe';
      readonly element: TypeNode;
      readonly alignment: number;
      readonly size?: undefined;
    }
  | {
      readonly kind: 'tuple';
      readonly members: readonly TypeNode[];
      readonly alignment: number;
      readonly size?: number;
      /** Members that need a framing offset: those without a size, except the last member. */
      readonly offsets: number;
    };

/** GLib's limit of nesting, of types and of values. */
export const maxVariantDepth = 128;
const maxTypeLength = 255;
const maxCachedTypes = 1000;

const basicSizes: Readonly<Record<string, number>> = {
  y: 1,
  b: 1,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
};
const cache = new Map<string, TypeNode>();

/** The tree of a type string that names exactly one type; ParseError GVARIANT_INVALID otherwise. */
export function typeNode(type: string): TypeNode {
  const known = cache.get(type);
  if (known !== undefined) return known;
  if (type.length > maxTypeLength) throw badType(type);
  const [node, end] = parseType(type, 0, 0);
  if (end !== type.length) throw badType(type);
  if (cache.size >= maxCachedTypes) cache.clear();
  cache.set(type, node);
  return node;
}

/** True when the text is a sequence of any number of types (what a `g` value holds). */
export function isSignature(text: string): boolean {
  if (text.length > maxTypeLength) return false;
  try {
    for (let at = 0; at < text.length; ) at = parseType(text, at, 0)[1];
    return true;
  } catch (error) {
    if (error instanceof ParseError) return false;
    throw error;
  }
}

/** `position` moved up to the alignment. */
export function alignUp(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

function badType(type: string): ParseError {
  return new ParseError('GVARIANT_INVALID', `not a GVariant type: '${type.slice(0, 80)}'`);
}

function parseType(type: string, at: number, depth: number): [TypeNode, number] {
  if (depth > maxVariantDepth) throw badType(type);
  const code = type[at] ?? '';
  const size = basicSizes[code];
  if (size !== undefined) return [{ kind: 'basic', code, alignment: size, size }, at + 1];
  switch (code) {
    case 's':
    case 'o':
    case 'g':
      return [{ kind: 'basic', code, alignment: 1 }, at + 1];
    case 'v':
      return [{ kind: 'variant', alignment: 8 }, at + 1];
    case 'a': {
      if (type[at + 1] === 'y') return [{ kind: 'bytes', alignment: 1 }, at + 2];
      const [element, end] = parseType(type, at + 1, depth + 1);
      return [{ kind: 'array', element, alignment: element.alignment }, end];
    }
    case 'm': {
      const [element, end] = parseType(type, at + 1, depth + 1);
      return [{ kind: 'maybe', element, alignment: element.alignment }, end];
    }
    case '(':
      return parseTuple(type, at, depth);
    case '{':
      return parseDictEntry(type, at, depth);
    default:
      throw badType(type);
  }
}

function parseTuple(type: string, at: number, depth: number): [TypeNode, number] {
  const members: TypeNode[] = [];
  let next = at + 1;
  while (type[next] !== ')') {
    const [member, end] = parseType(type, next, depth + 1);
    members.push(member);
    next = end;
  }
  return [tupleOf(members), next + 1];
}

function parseDictEntry(type: string, at: number, depth: number): [TypeNode, number] {
  const [key, afterKey] = parseType(type, at + 1, depth + 1);
  if (key.kind !== 'basic') throw badType(type);
  const [value, end] = parseType(type, afterKey, depth + 1);
  if (type[end] !== '}') throw badType(type);
  return [tupleOf([key, value]), end + 1];
}

function tupleOf(members: readonly TypeNode[]): TypeNode {
  let alignment = 1;
  let size: number | undefined = 0;
  let offsets = 0;
  members.forEach((member, i) => {
    alignment = Math.max(alignment, member.alignment);
    if (member.size === undefined) {
      size = undefined;
      if (i < members.length - 1) offsets += 1;
    } else if (size !== undefined) size = alignUp(size, member.alignment) + member.size;
  });
  if (size === undefined) return { kind: 'tuple', members, alignment, offsets };
  // The empty tuple takes one byte, so that an array of them has a length.
  const fixed = members.length === 0 ? 1 : alignUp(size, alignment);
  return { kind: 'tuple', members, alignment, offsets: 0, size: fixed };
}
