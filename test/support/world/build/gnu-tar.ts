import { gzipSync } from 'node:zlib';
import type { TreeEntry } from './entries.ts';

const BLOCK = 512;
const NAME_LIMIT = 100;
const TYPE_FLAG = { file: '0', hardlink: '1', symlink: '2', dir: '5' } as const;

/**
 * A GNU tar as OpenWrt's `tar --numeric-owner --format=gnu --sort=name` makes it: names begin with `./`, directories
 * end in `/`, long names and link targets have `L` and `K` records, all times are the same.
 */
export function renderTar(entries: readonly TreeEntry[], mtime: number, prefix = './'): Uint8Array {
  return Buffer.concat([renderTarEntries(entries, mtime, prefix), tarEnd()]);
}

/** The entries of a tar without its end, so that more can follow. */
export function renderTarEntries(entries: readonly TreeEntry[], mtime: number, prefix = './'): Uint8Array {
  return Buffer.concat(entries.flatMap((entry) => renderEntry(entry, mtime, prefix)));
}

/** The two empty blocks that end a tar. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

/** As `gzip -n`: no name, no time. */
export function gzip(bytes: Uint8Array, level = 6): Uint8Array {
  return gzipSync(bytes, { level });
}

function renderEntry(entry: TreeEntry, mtime: number, prefix: string): Uint8Array[] {
  const name = `${prefix}${entry.path}${entry.type === 'dir' && entry.path !== '' ? '/' : ''}`;
  const link = entry.type === 'hardlink' ? `${prefix}${entry.target ?? ''}` : (entry.target ?? '');
  const content = entry.content ?? new Uint8Array(0);
  const blocks: Uint8Array[] = [];
  if (Buffer.byteLength(link) > NAME_LIMIT) blocks.push(...longRecord('K', link));
  if (Buffer.byteLength(name) > NAME_LIMIT) blocks.push(...longRecord('L', name));
  blocks.push(header({ ...entry, name, link, size: content.length, mtime, flag: TYPE_FLAG[entry.type] }));
  if (content.length > 0) blocks.push(padded(content));
  return blocks;
}

function longRecord(flag: 'K' | 'L', value: string): Uint8Array[] {
  const bytes = Buffer.from(`${value}\0`);
  const fields = {
    name: '././@LongLink',
    link: '',
    size: bytes.length,
    mode: 0,
    uid: 0,
    gid: 0,
    mtime: 0,
    flag,
  };
  return [header(fields), padded(bytes)];
}

interface HeaderFields {
  readonly name: string;
  readonly link: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly flag: string;
}

function header(fields: HeaderFields): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(fields.name.slice(0, NAME_LIMIT), 0, NAME_LIMIT);
  block.write(octal(fields.mode, 8), 100);
  block.write(octal(fields.uid, 8), 108);
  block.write(octal(fields.gid, 8), 116);
  block.write(octal(fields.size, 12), 124);
  block.write(octal(fields.mtime, 12), 136);
  block.write('        ', 148);
  block.write(fields.flag, 156);
  block.write(fields.link.slice(0, NAME_LIMIT), 157, NAME_LIMIT);
  block.write('ustar  \0', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padded(content: Uint8Array): Uint8Array {
  const rest = content.length % BLOCK;
  return rest === 0 ? content : Buffer.concat([content, new Uint8Array(BLOCK - rest)]);
}
