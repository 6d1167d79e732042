/** Tar and ar archives made in code, header by header, so that a test can say exactly what is wrong with one. */

/** One tar member. Every default is what `ipkg-build` writes; the lower half is for hostile archives. */
export interface TarEntry {
  readonly name: string;
  readonly type?:
    | 'file'
    | 'directory'
    | 'symlink'
    | 'hardlink'
    | 'character-device'
    | 'block-device'
    | 'fifo';
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** Target of a symlink or hard link. */
  readonly link?: string;
  /** PAX records in a header of their own before this entry. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  /** Raw type flag instead of `type`'s. */
  readonly typeflag?: string;
  /** The size that the header claims, whatever the content is. */
  readonly claimedSize?: number;
  /** The checksum field's number instead of the right one. */
  readonly checksum?: number;
  /** Raw bytes of the name field instead of `name`. */
  readonly nameBytes?: Uint8Array;
  readonly magic?: 'gnu' | 'ustar' | 'v7' | 'bad';
  readonly major?: number;
  readonly minor?: number;
  readonly uname?: string;
  readonly gname?: string;
}

const typeflags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
} as const;
const magics = { gnu: 'ustar  \0', ustar: 'ustar\x0000', v7: '\0'.repeat(8), bad: 'notatar!' } as const;
const blockSize = 512;

/** The archive's bytes: the entries in the given order, then two zero blocks (or what `end` says). */
export function buildTar(
  entries: readonly TarEntry[],
  options: { readonly end?: 'full' | 'none' | 'one-block' | Uint8Array } = {},
): Uint8Array {
  const parts = entries.flatMap(entryBlocks);
  const end = options.end ?? 'full';
  if (end === 'full') parts.push(Buffer.alloc(2 * blockSize));
  else if (end === 'one-block') parts.push(Buffer.alloc(blockSize));
  else if (end !== 'none') parts.push(Buffer.from(end));
  return new Uint8Array(Buffer.concat(parts));
}

function entryBlocks(entry: TarEntry): Buffer[] {
  const parts: Buffer[] = [];
  if (entry.pax !== undefined) {
    const records = Object.entries(entry.pax).map(([key, value]) => paxRecord(key, bytesOf(value)));
    parts.push(...simpleEntry('x', '././@PaxHeader', Buffer.concat(records)));
  }
  if (entry.nameBytes === undefined && Buffer.byteLength(entry.name) > 100)
    parts.push(...simpleEntry('L', '././@LongLink', Buffer.from(`${entry.name}\0`)));
  if (entry.link !== undefined && Buffer.byteLength(entry.link) > 100)
    parts.push(...simpleEntry('K', '././@LongLink', Buffer.from(`${entry.link}\0`)));
  const content = bytesOf(entry.content ?? '');
  return [...parts, header(entry, content.byteLength), content, padding(content.byteLength)];
}

function simpleEntry(typeflag: string, name: string, content: Buffer): Buffer[] {
  return [header({ name, typeflag, mode: 0o644 }, content.byteLength), content, padding(content.byteLength)];
}

/** One `length key=value` record of a PAX header; the length counts itself. */
export function paxRecord(key: string, value: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = body.byteLength + 1;
  while (`${length}`.length + body.byteLength !== length) length = `${length}`.length + body.byteLength;
  return Buffer.concat([Buffer.from(`${length}`), body]);
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(blockSize);
  const type = entry.type ?? 'file';
  if (entry.nameBytes !== undefined) block.set(entry.nameBytes.subarray(0, 100), 0);
  else block.write(entry.name, 0, 100, 'utf8');
  number(block, 100, 8, entry.mode ?? (type === 'directory' ? 0o755 : type === 'symlink' ? 0o777 : 0o644));
  number(block, 108, 8, entry.uid ?? 0);
  number(block, 116, 8, entry.gid ?? 0);
  number(block, 124, 12, entry.claimedSize ?? size);
  number(block, 136, 12, entry.mtime ?? 1_534_405_875);
  block.write(entry.typeflag ?? typeflags[type], 156, 1, 'latin1');
  if (entry.link !== undefined) block.write(entry.link, 157, 100, 'utf8');
  block.write(magics[entry.magic ?? 'gnu'], 257, 8, 'latin1');
  block.write(entry.uname ?? '', 265, 32, 'utf8');
  block.write(entry.gname ?? '', 297, 32, 'utf8');
  if (type === 'character-device' || type === 'block-device') {
    number(block, 329, 8, entry.major ?? 1);
    number(block, 337, 8, entry.minor ?? 3);
  }
  block.fill(0x20, 148, 156);
  const sum = entry.checksum ?? block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return block;
}

/** Octal and NUL where it fits, GNU's base-256 otherwise. */
function number(block: Buffer, offset: number, length: number, value: number): void {
  const octal = value.toString(8).padStart(length - 1, '0');
  if (value >= 0 && octal.length < length) {
    block.write(`${octal}\0`, offset, length, 'latin1');
    return;
  }
  let rest = BigInt(value);
  for (let i = length - 1; i >= 0; i--) {
    block[offset + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[offset] = value < 0 ? 0xff : 0x80;
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** One ar member; `header` replaces its whole 60-byte header. */
export interface ArMember {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly claimedSize?: number;
  readonly header?: string;
}

/** An ar archive as `opkg-build` and dpkg-deb write it. */
export function buildAr(members: readonly ArMember[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from('!<arch>\n')];
  for (const member of members) {
    const content = bytesOf(member.content);
    const size = `${member.claimedSize ?? content.byteLength}`;
    const made = `${member.name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${size.padEnd(10)}\`\n`;
    parts.push(Buffer.from(member.header ?? made, 'latin1'), content);
    if (content.byteLength % 2 === 1) parts.push(Buffer.from('\n'));
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Text as UTF-8, bytes as they are. */
export function bytesOf(content: string | Uint8Array): Buffer {
  return Buffer.from(content);
}
