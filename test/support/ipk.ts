/** Packages and feed indices made in code. Same input, same bytes. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { buildAr, buildTar, bytesOf, type TarEntry } from './tar.ts';

/** What a path of the data archive holds: content, or a tar entry without its name. */
export type IpkFile = string | Uint8Array | Omit<TarEntry, 'name'>;
type InnerCompression = 'gzip' | 'none' | 'zstd' | 'xz' | 'bzip2' | 'lz4';
type MemberName = 'debian-binary' | 'control' | 'data';

export interface IpkInput {
  /** Fields in order, or the whole control text. Package `test`, Version `1.0-1`, Architecture `all` are added where absent. */
  readonly control?: Readonly<Record<string, string>> | string;
  /** Relative paths to content; missing parent directories are added. A list is taken as it is, in its order. */
  readonly files?: Readonly<Record<string, IpkFile>> | readonly TarEntry[];
  /** postinst, prerm, postinst-pkg ...: further members of the control archive, mode 755. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Absolute paths. */
  readonly conffiles?: readonly string[];
  /** The control archive's members, instead of all of the above. */
  readonly controlEntries?: readonly TarEntry[];
  readonly container?: 'gzip' | 'ar';
  readonly compression?: InnerCompression;
  readonly order?: readonly MemberName[];
  /** False leaves out the `./` before names of the outer and inner archives. */
  readonly dotSlash?: boolean;
  /** Bytes instead of the ones made for the member. */
  readonly raw?: Partial<Record<MemberName, Uint8Array>>;
}

/** The package file's bytes, as `ipkg-build` (or, with `container: 'ar'`, `opkg-build`) would order them. */
export function buildIpk(input: IpkInput): Uint8Array {
  const compression = input.compression ?? 'gzip';
  const dot = input.dotSlash === false ? '' : './';
  const ending = { gzip: '.gz', none: '', zstd: '.zst', xz: '.xz', bzip2: '.bz2', lz4: '.lz4' }[compression];
  const members: Record<MemberName, { name: string; bytes: Uint8Array }> = {
    'debian-binary': { name: 'debian-binary', bytes: input.raw?.['debian-binary'] ?? bytesOf('2.0\n') },
    control: {
      name: `control.tar${ending}`,
      bytes: input.raw?.control ?? compress(buildTar(controlEntries(input, dot)), compression),
    },
    data: {
      name: `data.tar${ending}`,
      bytes: input.raw?.data ?? compress(buildTar(dataEntries(input, dot)), compression),
    },
  };
  if (input.container === 'ar') {
    const order = input.order ?? ['debian-binary', 'control', 'data'];
    return buildAr(order.map((m) => ({ name: members[m].name, content: members[m].bytes })));
  }
  const order = input.order ?? ['debian-binary', 'data', 'control'];
  const outer = order.map((m) => ({ name: `${dot}${members[m].name}`, content: members[m].bytes }));
  return gzip(buildTar(outer));
}

/** The control text that `buildIpk` would store. */
export function controlText(input: IpkInput): string {
  if (typeof input.control === 'string') return input.control;
  const fields = { Package: 'test', Version: '1.0-1', Architecture: 'all', ...input.control };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

function controlEntries(input: IpkInput, dot: string): readonly TarEntry[] {
  if (input.controlEntries !== undefined) return input.controlEntries;
  const entries: TarEntry[] = [{ name: './', type: 'directory' }];
  if (input.conffiles !== undefined)
    entries.push({ name: `${dot}conffiles`, content: input.conffiles.map((path) => `${path}\n`).join('') });
  entries.push({ name: `${dot}control`, content: controlText(input) });
  for (const [name, content] of Object.entries(input.scripts ?? {}))
    entries.push({ name: `${dot}${name}`, content, mode: 0o755 });
  return entries;
}

function dataEntries(input: IpkInput, dot: string): readonly TarEntry[] {
  const files = input.files ?? {};
  if (isEntryList(files)) return files;
  const byPath = new Map<string, TarEntry>();
  for (const [path, file] of Object.entries(files)) {
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at);
      if (!byPath.has(parent)) byPath.set(parent, { name: `${dot}${parent}/`, type: 'directory' });
    }
    const name = `${dot}${path}`;
    byPath.set(
      path.replace(/\/$/u, ''),
      typeof file === 'string' || file instanceof Uint8Array ? { name, content: file } : { name, ...file },
    );
  }
  const sorted = [...byPath].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  return [{ name: './', type: 'directory' }, ...sorted];
}

function isEntryList(files: IpkInput['files']): files is readonly TarEntry[] {
  return Array.isArray(files);
}

/** Gzip as `gzip -9n`: no name, no time. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(bytes, { level: 9 }));
}

function compress(bytes: Uint8Array, compression: InnerCompression): Uint8Array {
  switch (compression) {
    case 'gzip':
      return gzip(bytes);
    case 'none':
      return bytes;
    case 'zstd':
      return zstdStored(bytes);
    case 'xz':
      return Buffer.concat([Buffer.from('fd377a585a00', 'hex'), bytes]);
    case 'bzip2':
      return Buffer.concat([Buffer.from('BZh9'), bytes]);
    case 'lz4':
      return Buffer.concat([Buffer.from('04224d18', 'hex'), bytes]);
  }
}

/** A zstd frame of raw blocks (RFC 8878 section 3.1.1): valid for every decoder, and needs no encoder. */
export function zstdStored(bytes: Uint8Array): Uint8Array {
  const blockLimit = 1 << 17;
  // Frame header: no checksum, no content size; window descriptor 0x38 is 128 KiB.
  const parts: Uint8Array[] = [Buffer.from('28b52ffd0038', 'hex')];
  let at = 0;
  do {
    const block = bytes.subarray(at, at + blockLimit);
    at += block.byteLength;
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.byteLength << 3) | (at >= bytes.byteLength ? 1 : 0), 0, 3);
    parts.push(head, block);
  } while (at < bytes.byteLength);
  return new Uint8Array(Buffer.concat(parts));
}

/** A package of an index: its file name and bytes, and its control fields as the index repeats them. */
export interface IndexEntry {
  readonly fileName: string;
  readonly bytes: Uint8Array;
  readonly control: Readonly<Record<string, string>> | string;
}

/** The text of `Packages`: the control fields with Filename, Size and SHA256sum before Description. */
export function buildIndex(entries: readonly IndexEntry[]): string {
  if (entries.length === 0) return '\n';
  return entries.map((entry) => `${indexParagraph(entry)}\n`).join('');
}

function indexParagraph(entry: IndexEntry): string {
  const text = controlText({ control: entry.control });
  const added =
    `Filename: ${entry.fileName}\nSize: ${entry.bytes.byteLength}\n` +
    `SHA256sum: ${createHash('sha256').update(entry.bytes).digest('hex')}\n`;
  const at = text.startsWith('Description:') ? 0 : text.indexOf('\nDescription:') + 1;
  return at > 0 ? `${text.slice(0, at)}${added}${text.slice(at)}` : `${text}${added}`;
}

/** The bytes as a stream in pieces of `size`, to meet every cut that a network can make. */
export async function* inChunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
