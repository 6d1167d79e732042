/**
 * Boot entries (`boot/loader.<B>/entries/*.conf`): the Boot Loader Specification's `key SP value LF` lines in
 * libostree's fixed order, unknown keys kept. These files are the authoritative list of deployments.
 */
import { compareBytes, ParseError } from '../base/index.ts';

/** One boot entry, its keys in the order of the file. A key may repeat (`initrd` of overlays). */
export interface BootEntry {
  readonly fields: readonly (readonly [key: string, value: string])[];
}

const fixedOrder = ['title', 'version', 'options', 'devicetree', 'linux', 'initrd'];
const maxEntryBytes = 64 * 1024;
const keyPattern = /^[A-Za-z0-9_-]+$/u;

/** The entry's keys and values; BOOT_ENTRY_INVALID for a control byte or an absurd size. Comments are dropped. */
export function parseBootEntry(text: string, path: string): BootEntry {
  if (
    text.length > maxEntryBytes ||
    /[\u0000-\u0008\u000b-\u001f\u007f]/u.test(text.replaceAll('\r\n', '\n'))
  ) {
    throw new ParseError('BOOT_ENTRY_INVALID', `not a boot entry: ${path}`);
  }
  const fields: (readonly [string, string])[] = [];
  for (const line of text.split(/\r?\n/u)) {
    const match = /^([^\s#][^\s]*)[ \t]+(.*)$/u.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    fields.push([match[1], match[2].trimEnd()]);
  }
  return { fields };
}

/** The file's text, keys in libostree's order; BOOT_ENTRY_INVALID where a value cannot stand on one line. */
export function renderBootEntry(entry: BootEntry): string {
  const known = fixedOrder.flatMap((key) => entry.fields.filter(([k]) => k === key));
  const unknown = entry.fields.filter(([key]) => !fixedOrder.includes(key));
  return [...known, ...unknown]
    .map(([key, value]) => {
      if (!keyPattern.test(key) || /[\u0000-\u0008\u000a-\u001f\u007f]/u.test(value)) {
        throw new ParseError(
          'BOOT_ENTRY_INVALID',
          `'${key}' of a boot entry holds what no boot entry can: '${value}'`,
        );
      }
      return `${key} ${value}\n`;
    })
    .join('');
}

/** The first value of a key. */
export function entryField(entry: BootEntry, key: string): string | undefined {
  return entry.fields.find(([k]) => k === key)?.[1];
}

/** The entry with a key's value set in place or appended, or removed where `value` is undefined. */
export function withField(entry: BootEntry, key: string, value: string | undefined): BootEntry {
  const at = entry.fields.findIndex(([k]) => k === key);
  const rest = entry.fields.filter(([k], index) => k !== key || index === at);
  if (value === undefined) return { fields: rest.filter(([k]) => k !== key) };
  if (at < 0) return { fields: [...rest, [key, value]] };
  return { fields: rest.map((field, index) => (index === at ? [key, value] : field)) };
}

/** The sort key of an entry: libostree orders by `version`, descending. */
export function compareEntryVersions(a: BootEntry, b: BootEntry): number {
  return compareVersionText(entryField(b, 'version') ?? '', entryField(a, 'version') ?? '');
}

/** strverscmp's order for what versions of boot entries are in practice: runs of digits compare as numbers. */
export function compareVersionText(a: string, b: string): number {
  const partsA = a.match(/\d+|\D+/gu) ?? [];
  const partsB = b.match(/\d+|\D+/gu) ?? [];
  for (let i = 0; i < Math.max(partsA.length, partsB.length); i++) {
    const x = partsA[i] ?? '';
    const y = partsB[i] ?? '';
    if (x === y) continue;
    const numeric = /^\d/u.test(x) && /^\d/u.test(y);
    if (numeric && BigInt(x) !== BigInt(y)) return BigInt(x) < BigInt(y) ? -1 : 1;
    return compareBytes(x, y);
  }
  return 0;
}

/** The boot link that an `ostree=` argument names. */
export interface BootLink {
  readonly bootVersion: 0 | 1;
  readonly stateroot: string;
  readonly bootChecksum: string;
  readonly bootSerial: number;
}

/** The parts of `/ostree/boot.<B>/<stateroot>/<bootcsum>/<serial>`; undefined for anything else. */
export function parseBootLink(path: string): BootLink | undefined {
  const match = /^\/ostree\/boot\.([01])\/([^/]+)\/([0-9a-f]{64})\/([0-9]{1,9})$/u.exec(path);
  if (match === null) return undefined;
  const [, version, stateroot, bootChecksum, serial] = match;
  if (stateroot === undefined || bootChecksum === undefined || stateroot === '.' || stateroot === '..')
    return undefined;
  return { bootVersion: version === '1' ? 1 : 0, stateroot, bootChecksum, bootSerial: Number(serial) };
}

/** The path that `ostree=` carries. */
export function renderBootLink(link: BootLink): string {
  return `/ostree/boot.${link.bootVersion}/${link.stateroot}/${link.bootChecksum}/${link.bootSerial}`;
}
