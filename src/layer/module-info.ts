/** What a kernel module says about itself: the section `.modinfo` of an ELF file (linux, include/linux/moduleparam.h). */

export interface ModuleInfo {
  /** `6.6.86 SMP mod_unload `; its first word is the kernel's release. Undefined where the module names none. */
  readonly vermagic: string | undefined;
  /** Names of modules that have to be loaded before, `-` as `_`. */
  readonly depends: readonly string[];
}

const maxSections = 65_536;
const maxInfo = 1 << 20;

/** The module's information; undefined for bytes that are no ELF file or have none. */
export function readModuleInfo(bytes: Uint8Array): ModuleInfo | undefined {
  const text = sectionOf(bytes) ?? scannedText(bytes);
  return text === undefined ? undefined : parseInfo(text);
}

function sectionOf(bytes: Uint8Array): string | undefined {
  try {
    return sectionText(bytes);
  } catch (error) {
    // A header that points out of the file.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** A module's name as the kernel has it. */
export function moduleName(text: string): string {
  return text.replaceAll('-', '_');
}

function parseInfo(text: string): ModuleInfo {
  const fields = text.split('\0').flatMap((entry): [string, string][] => {
    const at = entry.indexOf('=');
    return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)]];
  });
  const depends = fields.filter(([key]) => key === 'depends').flatMap(([, value]) => value.split(','));
  return {
    vermagic: fields.find(([key]) => key === 'vermagic')?.[1],
    depends: depends.map((name) => moduleName(name.trim())).filter((name) => name !== ''),
  };
}

interface Section {
  readonly name: number;
  readonly offset: number;
  readonly size: number;
}

function sectionText(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x7f454c46) return undefined;
  const wide = view.getUint8(4) === 2;
  const little = view.getUint8(5) === 1;
  if (bytes.byteLength < (wide ? 64 : 52)) return undefined;
  const u16 = (at: number) => view.getUint16(at, little);
  const u32 = (at: number) => view.getUint32(at, little);
  const word = (at: number) => (wide ? Number(view.getBigUint64(at, little)) : u32(at));
  const headers = word(wide ? 40 : 32);
  const [step, count, names] = wide ? [u16(58), u16(60), u16(62)] : [u16(46), u16(48), u16(50)];
  if (headers === 0 || step === 0) return undefined;
  const sections = Array.from({ length: Math.min(count, maxSections) }, (_, index): Section => {
    const at = headers + index * step;
    return wide
      ? { name: u32(at), offset: word(at + 24), size: word(at + 32) }
      : { name: u32(at), offset: word(at + 16), size: word(at + 20) };
  });
  const strings = sections[names];
  if (strings === undefined) return undefined;
  const found = sections.find(({ name }) => nameAt(bytes, strings.offset + name) === '.modinfo');
  return found === undefined
    ? undefined
    : latin1(bytes, found.offset, found.offset + Math.min(found.size, maxInfo));
}

function nameAt(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  return end < 0 || end - at > 64 ? '' : latin1(bytes, at, end);
}

/** Without section headers: from the first entry that only `.modinfo` has to the next hole. */
function scannedText(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.byteLength < 4 || buffer.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const at = buffer.indexOf('vermagic=');
  return at < 0 ? undefined : latin1(bytes, Math.max(0, at - 4096), Math.min(bytes.byteLength, at + 4096));
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', from, to);
}
