import { bytesOf, type Member, rawEntry } from './support.ts';

const flags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  device: '3',
  directory: '5',
  fifo: '6',
  socket: '9',
} as const;

export interface HeaderFields {
  readonly name: string | Uint8Array;
  readonly flag: string;
  readonly size?: number;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly prefix?: string;
}

/** One ustar header, field by field. */
export function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  block.set(Buffer.from(fields.name as string), 0);
  octal(fields.mode ?? 0o644, 100, 8);
  octal(fields.uid ?? 0, 108, 8);
  octal(fields.gid ?? 0, 116, 8);
  octal(fields.size ?? 0, 124, 12);
  octal(fields.mtime ?? 1, 136, 12);
  block.write(fields.flag, 156, 'latin1');
  block.write(fields.link ?? '', 157);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(fields.prefix ?? '', 345);
  return seal(block);
}

/** Sets the header's checksum. */
export function seal(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

export function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)]);
}

/** A GNU long name or a pax header in front of a member. */
export function extension(flag: 'L' | 'K' | 'x' | 'g', bytes: Uint8Array): Buffer {
  return Buffer.concat([header({ name: '././@LongLink', flag, size: bytes.byteLength }), padded(bytes)]);
}

export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (String(length).length + Buffer.byteLength(rest) !== length) length += 1;
  return `${length}${rest}`;
}

export function tarMember(item: Member): Buffer {
  const raw = rawEntry(item);
  const { mode, uid, gid, mtime, size, type, target } = raw;
  const name = Buffer.byteLength(item.path) > 100 ? item.path.slice(0, 100) : item.path;
  const head = header({ name, flag: flags[type], size, link: target, mode, uid, gid, mtime });
  const long = name === item.path ? [] : [extension('L', Buffer.from(`${item.path}\0`))];
  return Buffer.concat([...long, head, ...(type === 'file' ? [padded(bytesOf(item))] : [])]);
}

export const tarEnd = Buffer.alloc(1024);

export function buildTar(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.map(tarMember), tarEnd]);
}
