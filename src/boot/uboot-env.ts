/**
 * U-Boot's stored environment (env/common.c, include/env_internal.h): `CRC-32 (little-endian), [flags], name=value NUL ... NUL`,
 * padded to its size. With a second copy each carries a byte `flags`: the copy with the higher one counts, 0 follows 255, so
 * that a cut while one copy is written leaves the other.
 */
import { crc32 } from 'node:zlib';
import { ParseError } from '../base/index.ts';

export interface EnvironmentFormat {
  /** Of one copy, in bytes. */
  readonly size: number;
  /** There is a second copy, so each has the byte `flags`. */
  readonly redundant: boolean;
}

const maxSize = 1024 * 1024;

/** One copy's bytes. CONFIG_INVALID for a name or value that cannot be stored, or where they do not fit. */
export function renderEnvironment(
  variables: ReadonlyMap<string, string>,
  { size, redundant }: EnvironmentFormat,
  flags = 1,
): Uint8Array {
  const head = redundant ? 5 : 4;
  const words: string[] = [];
  for (const [name, value] of variables) {
    if (!/^[^=\u0000-\u0020\u007f]+$/u.test(name) || value === '' || /[\u0000\n]/u.test(value)) {
      throw new ParseError('CONFIG_INVALID', `no variable of U-Boot's environment: '${name}=${value}'`);
    }
    words.push(`${name}=${value}\0`);
  }
  const data = new TextEncoder().encode(`${words.sort().join('')}\0`);
  if (size > maxSize || data.byteLength + head > size) {
    throw new ParseError('CONFIG_INVALID', `the variables do not fit U-Boot's environment of ${size} bytes`);
  }
  const copy = new Uint8Array(size);
  copy.set(data, head);
  const view = new DataView(copy.buffer);
  view.setUint32(0, crc32(copy.subarray(head)), true);
  if (redundant) copy[4] = flags & 0xff;
  return copy;
}

/** The variables of one copy, with its flags; undefined where the checksum is wrong: U-Boot then takes the other copy. */
export function parseEnvironment(
  copy: Uint8Array,
  { size, redundant }: EnvironmentFormat,
): { readonly variables: ReadonlyMap<string, string>; readonly flags: number } | undefined {
  const head = redundant ? 5 : 4;
  if (size > maxSize || copy.byteLength < size || size <= head) return undefined;
  const view = new DataView(copy.buffer, copy.byteOffset, size);
  const data = copy.subarray(head, size);
  if (view.getUint32(0, true) !== crc32(data)) return undefined;
  const variables = new Map<string, string>();
  const end = endOfWords(data);
  for (const word of new TextDecoder('latin1').decode(data.subarray(0, end)).split('\0')) {
    const equals = word.indexOf('=');
    if (equals > 0) variables.set(word.slice(0, equals), word.slice(equals + 1));
  }
  return { variables, flags: redundant ? (copy[4] ?? 0) : 0 };
}

/**
 * New copies: the variables of the copy that counts, if one is valid, and over them the others, in their order. All copies are the
 * same but for their flags, the first one counts.
 */
export function mergeEnvironment(
  copies: readonly Uint8Array[],
  format: EnvironmentFormat,
  changes: readonly Iterable<readonly [string, string]>[],
): Uint8Array[] {
  const [first, second] = copies.map((copy) => parseEnvironment(copy, format));
  const newer = first !== undefined && second !== undefined ? newerCopy(first.flags, second.flags) : 0;
  const old = newer === 1 ? second : (first ?? second);
  const variables = new Map(old?.variables);
  for (const change of changes) for (const [name, value] of change) variables.set(name, value);
  return copies.map((_, index) => renderEnvironment(variables, format, index === 0 ? 2 : 1));
}

/** Which of two copies counts (0 or 1), by their flags. */
function newerCopy(first: number, second: number): 0 | 1 {
  if (first === 255 && second === 0) return 1;
  if (first === 0 && second === 255) return 0;
  return second > first ? 1 : 0;
}

/** The list ends with an empty word. */
function endOfWords(data: Uint8Array): number {
  for (let at = 0; at + 1 < data.byteLength; at++) if (data[at] === 0 && data[at + 1] === 0) return at;
  return data.byteLength;
}
