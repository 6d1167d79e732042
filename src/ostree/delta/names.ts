/**
 * Where deltas lie in a repository:
 *   deltas/AA/REST           everything of a commit, from nothing
 *   deltas/AA/REST-TO        from one commit to another; AA and REST are of the first
 * each a folder of `superblock`, the parts `0`, `1` ... and no more. A checksum is base64 with `_` for `/`.
 */
import { type Checksum, fromHex, hexOf, isChecksum, ParseError } from '../../base/index.ts';

/** Which commits a delta joins; without `from` it brings everything. */
export interface DeltaId {
  readonly from?: Checksum;
  readonly to: Checksum;
}

const encodedLength = 43;

/** `FROM-TO` or `TO`, as `ostree static-delta list` prints it. */
export function deltaName(id: DeltaId): string {
  return id.from === undefined ? id.to : `${id.from}-${id.to}`;
}

/** The delta that a `FROM-TO` or `TO` names; ParseError DELTA_INVALID. */
export function parseDeltaName(name: string): DeltaId {
  const [first = '', second, ...rest] = name.split('-');
  if (rest.length === 0 && isChecksum(first)) {
    if (second === undefined) return { to: first };
    if (isChecksum(second)) return { from: first, to: second };
  }
  throw new ParseError('DELTA_INVALID', `not the name of a static delta: '${name.slice(0, 200)}'`, {
    hint: 'give FROM-TO or TO, as the list prints them',
  });
}

/** The delta's folder, relative to the repository. */
export function deltaDirectory(id: DeltaId): string {
  const encoded = encodeChecksum(id.from ?? id.to);
  const rest = id.from === undefined ? '' : `-${encodeChecksum(id.to)}`;
  return `deltas/${encoded.slice(0, 2)}/${encoded.slice(2)}${rest}`;
}

/** The delta whose folder has this name below `deltas/AA`, or undefined where it is none. */
export function parseDeltaDirectory(prefix: string, rest: string): DeltaId | undefined {
  const [first = '', second, ...more] = `${prefix}${rest}`.split('-');
  const one = decodeChecksum(first);
  if (one === undefined || more.length > 0) return undefined;
  if (second === undefined) return { to: one };
  const two = decodeChecksum(second);
  return two === undefined ? undefined : { from: one, to: two };
}

function encodeChecksum(checksum: Checksum): string {
  return Buffer.from(fromHex(checksum)).toString('base64').replaceAll('/', '_').slice(0, encodedLength);
}

function decodeChecksum(text: string): Checksum | undefined {
  if (text.length !== encodedLength || !/^[A-Za-z0-9+_]*$/u.test(text)) return undefined;
  const checksum = hexOf(Buffer.from(text.replaceAll('_', '/'), 'base64'));
  return isChecksum(checksum) && encodeChecksum(checksum) === text ? checksum : undefined;
}
