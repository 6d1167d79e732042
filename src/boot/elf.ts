/** What a program needs to be started: its interpreter and libraries (System V ABI, program and dynamic headers). */

export interface ElfNeeds {
  /** PT_INTERP; absent in a static program. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED names. */
  readonly libraries: readonly string[];
}

const ptLoad = 1;
const ptDynamic = 2;
const ptInterp = 3;
const dtNeeded = 1;
const dtStrtab = 5;
const maxEntries = 4096;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** The needs of an ELF file; undefined for bytes that are no whole ELF file. */
export function readElfNeeds(bytes: Uint8Array): ElfNeeds | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return parse(bytes, view);
  } catch (error) {
    // A header that points out of the file.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parse(bytes: Uint8Array, view: DataView): ElfNeeds | undefined {
  if (view.getUint32(0) !== 0x7f454c46) return undefined;
  const wide = view.getUint8(4) === 2;
  const little = view.getUint8(5) === 1;
  const u16 = (at: number) => view.getUint16(at, little);
  const u32 = (at: number) => view.getUint32(at, little);
  const word = (at: number) => (wide ? Number(view.getBigUint64(at, little)) : u32(at));
  const headers = word(wide ? 32 : 28);
  const size = u16(wide ? 54 : 42);
  const count = Math.min(u16(wide ? 56 : 44), maxEntries);
  const segments: Segment[] = Array.from({ length: count }, (_, index) => {
    const at = headers + index * size;
    return wide
      ? { type: u32(at), offset: word(at + 8), address: word(at + 16), size: word(at + 32) }
      : { type: u32(at), offset: word(at + 4), address: word(at + 8), size: word(at + 16) };
  });
  const interp = segments.find((segment) => segment.type === ptInterp);
  const dynamic = segments.find((segment) => segment.type === ptDynamic);
  const libraries =
    dynamic === undefined ? [] : neededOf(bytes, { segments, dynamic, word, step: wide ? 8 : 4 });
  return { interpreter: interp === undefined ? undefined : textAt(bytes, interp.offset), libraries };
}

interface Dynamic {
  readonly segments: readonly Segment[];
  readonly dynamic: Segment;
  readonly word: (at: number) => number;
  readonly step: number;
}

function neededOf(bytes: Uint8Array, { segments, dynamic, word, step }: Dynamic): string[] {
  const offsets: number[] = [];
  let strings = -1;
  const end = Math.min(dynamic.offset + dynamic.size, dynamic.offset + maxEntries * step * 2);
  for (let at = dynamic.offset; at < end; at += step * 2) {
    const tag = word(at);
    if (tag === 0) break;
    if (tag === dtNeeded) offsets.push(word(at + step));
    if (tag === dtStrtab) strings = word(at + step);
  }
  const home = segments.find(
    (s) => s.type === ptLoad && strings >= s.address && strings < s.address + s.size,
  );
  if (home === undefined) return [];
  return offsets.map((offset) => textAt(bytes, strings - home.address + home.offset + offset));
}

function textAt(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  if (at < 0 || end < 0 || end - at > 4096) throw new RangeError('not a string');
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('utf8');
}
