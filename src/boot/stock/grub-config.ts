/**
 * The GRUB configuration of a stock OpenWrt image, read for `convert`, and the two files that take its place: one on
 * the boot partition that leads to the sysroot and falls back to the old menu, and one on the sysroot that holds ours
 * (docs/formats/convert.md).
 */
import { ParseError } from '../../base/index.ts';

/** What a stock menu starts by default. */
export interface StockEntry {
  /** The kernel as GRUB names it, from the root of the boot partition. */
  readonly kernel: string;
  /** The kernel's arguments. */
  readonly kargs: readonly string[];
}

/** Where GRUB finds the sysroot's partition. */
export interface SysrootPlace {
  /** GRUB's word for the partition table: `msdos` or `gpt`. */
  readonly table: 'msdos' | 'gpt';
  readonly partition: number;
  /** The file system's UUID, where it is known. */
  readonly uuid?: string | undefined;
}

/** The boot partition as a folder, and its loader's configuration. */
export interface StockBoot {
  /** Where the boot partition's root is. */
  readonly path: string;
  /** The configuration's path below it. */
  readonly config: string;
}

const marker = '# Written by opkg-ostree convert.';
const maxLines = 2000;
const menuSeconds = 5;

/** GRUB's variable for the partition that the stock configuration is on. */
const stockRoot = 'opkg_ostree_stock';

/** The file of the sysroot whose presence makes the converted system the one that starts; relative to /boot. */
export const convertedMenu = 'grub/converted.cfg';

/** The same on the FAT boot partition, where GRUB reads nothing else. */
export const convertedMenuOnFat = 'ostree/converted.cfg';

/** True for the text that `renderStub` made. */
export function isStub(text: string): boolean {
  return text.startsWith(marker);
}

/** The entry that a stock configuration starts; BOOT_ENTRY_INVALID where it has none, or starts an initramfs. */
export function parseStockConfig(text: string, path: string): StockEntry {
  const lines = text.split('\n', maxLines).map((line) => line.trim());
  const entry = lines.findIndex((line) => line.startsWith('menuentry '));
  const body = lines.slice(entry + 1);
  const end = body.findIndex((line) => line.startsWith('}'));
  const inside = end < 0 ? [] : body.slice(0, end);
  const linux = inside.map((line) => /^linux\s+(\S+)\s*(.*)$/u.exec(line)).find((match) => match !== null);
  if (entry < 0 || linux?.[1] === undefined) {
    throw new ParseError('BOOT_ENTRY_INVALID', `${path} has no menu entry that starts a kernel`);
  }
  if (inside.some((line) => line.startsWith('initrd '))) {
    throw new ParseError('BOOT_ENTRY_INVALID', `${path} starts an initramfs, which a stock OpenWrt has not`);
  }
  return { kernel: grubPath(linux[1]), kargs: words(linux[2] ?? '') };
}

/** The arguments of the running or stock system without what belongs to one boot, or to its loader. */
export function keptKargs(kargs: readonly string[]): string[] {
  const dropped =
    /^(?:BOOT_IMAGE=.*|initrd=.*|noinitrd|failsafe(?:=.*)?|init=.*|ostree=.*|rootfstype=squashfs.*)$/u;
  return kargs.filter((word) => !dropped.test(word));
}

/** Where GRUB finds the partition that `root=` names; undefined for a name that says nothing of it. */
export function placeOfRoot(kargs: readonly string[]): SysrootPlace | undefined {
  const root = kargs.find((word) => word.startsWith('root='))?.slice('root='.length) ?? '';
  const dos = /^PARTUUID=[0-9a-f]{8}-([0-9a-f]{2})$/iu.exec(root);
  if (dos?.[1] !== undefined) return { table: 'msdos', partition: Number.parseInt(dos[1], 16) };
  // OpenWrt's GPT images give each partition the disk's GUID with the number as its last byte.
  const gpt = /^PARTUUID=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{10}([0-9a-f]{2})$/iu.exec(root);
  if (gpt?.[1] !== undefined) return { table: 'gpt', partition: Number.parseInt(gpt[1], 16) };
  return undefined;
}

/**
 * The boot partition's new configuration: the sysroot's menu where that is there, else what stood here before. It
 * changes nothing until the menu is there. Without a place the menu is on the boot partition itself.
 */
export function renderStub(original: string, place: SysrootPlace | undefined): string {
  const head = [
    `${marker} It starts the converted system where that is ready, else what stood here before;`,
    '# stock.cfg beside this file is a copy of that.',
  ];
  if (place === undefined) {
    // What the old menu does first to be seen, and to find this partition.
    const first = original
      .slice(0, original.search(/^\s*menuentry\s/mu))
      .split('\n')
      .filter((line) => /^\s*(?:serial|terminal_input|terminal_output|search|set\s+root=)/u.test(line));
    return [...head, ...first, `configfile /${convertedMenuOnFat}`, '', original].join('\n');
  }
  const disk = /set\s+root=["']?\(?(hd\d+),/u.exec(original)?.[1] ?? 'hd0';
  const find =
    place.uuid !== undefined && /^\s*search\s/mu.test(original) ? [`search -u ${place.uuid} -s root`] : [];
  return [
    ...head,
    `set ${stockRoot}="$root"`,
    `export ${stockRoot}`,
    `set root='(${disk},${place.table}${place.partition})'`,
    ...find,
    `configfile /boot/${convertedMenu}`,
    `set root="$${stockRoot}"`,
    '',
    original,
  ].join('\n');
}

/** The boot partition's configuration once the old system is gone: what a stub does before it comes to the old menu. */
export function withoutStock(stub: string): string {
  const end = /^configfile \/(?:boot\/grub|ostree)\/converted\.cfg$/mu.exec(stub);
  return end === null ? stub : `${stub.slice(0, end.index)}${end[0]}\n`;
}

/** Where the menu of a conversion is. */
export type MenuPlace = 'sysroot' | 'boot partition';

/**
 * The converted system's menu: the deployments and, while it can still be started, the old system. The second entry is what GRUB
 * tries where the first cannot be loaded. `stockConfig` is the path of stock.cfg on the boot partition.
 */
export function renderConvertedMenu(stockConfig: string | undefined, place: MenuPlace): string {
  const lines = [`${marker} While it is here, the converted system starts.`];
  if (stockConfig !== undefined) lines.push('set fallback="1"');
  lines.push(place === 'sysroot' ? 'source /boot/loader/grub.cfg' : 'source /ostree/grub.cfg');
  if (stockConfig !== undefined) {
    lines.push(
      // GRUB as OpenWrt builds it cannot count: whoever sits at the console has to have the time to choose.
      `set timeout="${menuSeconds}"`,
      '',
      "menuentry 'OpenWrt as it was before the conversion' {",
      ...(place === 'sysroot' ? [`\tset root="$${stockRoot}"`] : []),
      `\tconfigfile ${stockConfig}`,
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A plain absolute path of GRUB; a device before it would lead to another partition. */
function grubPath(word: string): string {
  if (/^\/[A-Za-z0-9._+/-]+$/u.test(word) && !word.split('/').includes('..')) return word;
  throw new ParseError('BOOT_ENTRY_INVALID', `the kernel '${word}' of the boot menu is not a plain path`);
}

function words(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}
