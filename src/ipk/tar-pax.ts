import { strictTextOf } from '../base/index.ts';
import type { TarHeader } from './tar-header.ts';

/** PAX records by key; values are bytes, for extended attributes are binary. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>;

const maxRecords = 1024;

/** The records of a PAX header: `length key=value\n`, the length counting the whole record. Undefined where malformed. */
export function parsePax(content: Uint8Array): PaxRecords | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space > at && space - at <= 8 ? bytes.toString('latin1', at, space) : '';
    if (!/^[1-9]\d*$/u.test(digits)) return undefined;
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (end > bytes.byteLength || bytes[end - 1] !== 0x0a || equals === -1 || equals >= end) return undefined;
    const key = strictTextOf(bytes.subarray(space + 1, equals));
    if (key === undefined || key === '' || records.has(key) || records.size >= maxRecords) return undefined;
    records.set(key, bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The header with the records that replace its fields; undefined where one of those is malformed. */
export function applyPax(header: TarHeader, records: PaxRecords): TarHeader | undefined {
  let next: TarHeader = header;
  for (const [key, value] of records) {
    const text = strictTextOf(value);
    switch (key) {
      case 'path':
      case 'linkpath':
        if (text === undefined || text === '' || text.includes('\0')) return undefined;
        next = key === 'path' ? { ...next, name: text } : { ...next, link: text };
        break;
      case 'size':
      case 'uid':
      case 'gid':
      case 'mtime': {
        const number = key === 'mtime' ? Math.floor(Math.max(Number(decimal(text)), 0)) : count(text);
        if (number === undefined || !Number.isSafeInteger(number)) return undefined;
        next = { ...next, [key]: number };
        break;
      }
      default:
        break;
    }
  }
  return next;
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/u.test(text) ? Number(text) : undefined;
}

function decimal(text: string | undefined): string {
  return text !== undefined && /^-?\d{1,16}(?:\.\d{0,32})?$/u.test(text) ? text : 'none';
}
